"""Scores pairs whose embeddings are more than a worker may hold.

Images fall into parts by a hash of their id, each small enough to be held, and pairs into blocks:
those with one image in part 3 and one in part 7. A worker that has a block reads the embeddings of
its two parts and scores all of its pairs. What is shuffled are image ids, embeddings once, and for
each pair its ids, place and scores: never pixels, and no row of a pair.
"""

import posixpath
from collections.abc import Iterable, Iterator
from typing import Any, Final

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.utils import shared

from components import features
from components.exported_model import PAIR_BATCH
from components.models_at_workers import Models
from components.pace import Pace
from components.pair_example_gen.records import write_shard
from components.pair_scorer.columns import with_columns
from components.pair_scorer.embedding import COUNTERS, Embedded, Embedder, lookup
from components.pair_scorer.kept_embeddings import KeptEmbeddings
from components.pair_scorer.pairs import check_pairs, pair_batches, scored_name, scores
from components.pair_scorer.table import Chunk, EmbeddingTable, write_chunk
from components.tfrecords import read_tfrecords

_BYTES_A_NUMBER: Final = 4
_IDS_A_BATCH: Final = 1_024

# Pairs of one shard and one block: the shard, their places in it, their ids of images a and b.
_Places = tuple[str, np.ndarray, np.ndarray, np.ndarray]


def parts_of_table(images: int, numbers: int, max_bytes: int) -> int:
    """Into how many parts the embeddings of so many images are split; 1 if all may be held.

    Args:
      images: How many.
      numbers: In the embeddings of each, float32.
      max_bytes: What a worker may hold, which is two parts.
    """
    size = images * numbers * _BYTES_A_NUMBER
    return 1 if size <= max_bytes else -(-2 * size // max(1, max_bytes))


def part_of(ids: np.ndarray, parts: int) -> np.ndarray:
    """The part of each image, int64 ``[N]`` below ``parts``: the same on every machine."""
    return tf.strings.to_hash_bucket_fast(ids, parts).numpy()


def by_part(ids: np.ndarray, parts: int) -> Iterator[tuple[int, np.ndarray]]:
    """Each part that some ids fall into, and which of them do: int64 ``[at most N]``."""
    found = part_of(ids, parts)
    order = np.argsort(found, kind="stable")
    present, starts = np.unique(found[order], return_index=True)
    yield from zip(present.tolist(), np.split(order, starts[1:]), strict=True)


def named_by_part(path: str, parts: int) -> Iterator[tuple[int, np.ndarray]]:
    """The distinct images that a shard of pairs names, by part: bytes ``[N]``."""
    named = [np.unique(np.concatenate(ids).astype(np.bytes_)) for _, *ids in pair_batches(path)]
    if named:
        ids = np.unique(np.concatenate(named))
        for part, at in by_part(ids, parts):
            yield part, ids[at]


def images_by_part(path: str, parts: int) -> Iterator[tuple[int, tuple[str, np.ndarray]]]:
    """The images that a shard of images holds, by part: the shard, and bytes ``[N]``."""
    types = {features.IMAGE_ID: tf.io.FixedLenFeature([], tf.string)}
    for rows in read_tfrecords([path]).batch(_IDS_A_BATCH):
        ids = tf.io.parse_example(rows, types)[features.IMAGE_ID].numpy().astype(np.bytes_)
        for part, at in by_part(ids, parts):
            yield part, (path, ids[at])


def wanted_images(
    element: tuple[int, dict[str, Iterable[Any]]],
) -> Iterator[tuple[str, np.ndarray]]:
    """Of the images of a part, those that some pair names, by their shard."""
    _, found = element
    named = list(found["named"])
    if not named:
        return
    ids = np.unique(np.concatenate(named))
    for path, there in found["images"]:
        wanted = there[np.isin(there, ids)]
        if wanted.size:
            yield path, wanted


class _Embed(beam.DoFn):
    """Embeds the wanted images of a shard and hands them on by part."""

    def __init__(
        self, paths: tuple[str, ...], parts: int, models: shared.Shared, kept: KeptEmbeddings
    ):
        self._paths, self._parts, self._handle, self._kept = paths, parts, models, kept

    def setup(self) -> None:
        self._embedder = Embedder(Models.acquire(self._handle, self._paths), self._kept)

    def process(
        self, element: tuple[str, Iterable[np.ndarray]], images: int
    ) -> Iterator[tuple[int, Embedded]]:
        path, wanted = element
        ids = frozenset(np.concatenate(list(wanted)).tolist())
        found = self._embedder.embedded(path, ids, lambda: lookup(ids), images)
        for there, embeddings in found:
            for part, at in by_part(there, self._parts):
                yield part, (there[at], [values[at] for values in embeddings])


def _write_part(element: tuple[int, Iterable[Embedded]], folder: str) -> tuple[int, Chunk]:
    part, found = element
    ids, embeddings = zip(*found, strict=True)
    joined = [np.concatenate(values) for values in zip(*embeddings, strict=True)]
    return part, write_chunk(f"{folder}/part-{part:05d}", np.concatenate(ids), joined)


def pairs_by_block(path: str, parts: int) -> Iterator[tuple[tuple[int, int], _Places]]:
    """The pairs of a shard by the two parts that their images are in, the lower one first."""
    start = 0
    for rows, *ids in pair_batches(path):
        a, b = (each.astype(np.bytes_) for each in ids)
        part_a, part_b = part_of(a, parts), part_of(b, parts)
        low, high = np.minimum(part_a, part_b), np.maximum(part_a, part_b)
        block = low * parts + high
        for number in np.unique(block).tolist():
            at = np.flatnonzero(block == number)
            yield divmod(number, parts), (path, start + at, a[at], b[at])
        start += len(rows)


class _ScoreBlock(beam.DoFn):
    """Scores the pairs of a block."""

    def __init__(self, paths: tuple[str, ...], models: shared.Shared):
        self._paths, self._handle = paths, models
        self._pairs = beam.metrics.Metrics.counter(COUNTERS, "pairs_scored")

    def setup(self) -> None:
        self._models = Models.acquire(self._handle, self._paths)
        self._pace = Pace("pairs scored")

    def process(
        self,
        element: tuple[tuple[int, int], Iterable[_Places]],
        chunks: dict[int, Chunk],
        pairs: int,
    ) -> Iterator[tuple[str, tuple[np.ndarray, dict[str, np.ndarray]]]]:
        block, places = element
        table = EmbeddingTable.from_chunks([chunks[part] for part in set(block) & set(chunks)])
        for few in _gathered(places):
            a, b = (table.rows(np.concatenate(ids)) for ids in list(zip(*few, strict=True))[2:])
            columns = scores(self._models.models, table.embeddings, a, b)
            start = 0
            for path, at, *_ in few:
                rows = slice(start, start + len(at))
                yield path, (at, {name: values[rows] for name, values in columns.items()})
                start = rows.stop
            self._pairs.inc(start)
            self._pace.add(start, pairs)


def _gathered(places: Iterable[_Places]) -> Iterator[list[_Places]]:
    """Some at a time, so that whole batches are compared: a shard has few pairs of a block."""
    few: list[_Places] = []
    size = 0
    for each in places:
        few.append(each)
        size += len(each[1])
        if size >= PAIR_BATCH:
            yield few
            few, size = [], 0
    if few:
        yield few


def _write_scored(
    element: tuple[str, Iterable[tuple[np.ndarray, dict[str, np.ndarray]]]], uri: str, split: str
) -> int:
    """Writes a shard of pairs again, with the columns that were found for the places in it."""
    path, found = element
    places, columns = zip(*found, strict=True)
    order = np.argsort(np.concatenate(places))
    values = {name: np.concatenate([each[name] for each in columns])[order] for name in columns[0]}

    def rows() -> Iterator[bytes]:
        start = 0
        for batch, *_ in pair_batches(path):
            here = slice(start, start + len(batch))
            yield from with_columns(
                batch.numpy(), {name: column[here] for name, column in values.items()}
            )
            start = here.stop

    write_shard(uri, split, scored_name(path), rows())
    return len(order)


def score_by_key(
    image_shards: Any,
    pair_shards: Any,
    split: str,
    models: tuple[str, ...],
    folder: str,
    uri: str,
    parts: int,
    kept: KeptEmbeddings,
) -> Any:
    """Scores the pairs of one split by a join of images and pairs.

    The files that it writes are those of ``scoring.score_in_memory``.

    Args:
      image_shards: Collection of paths: TFRecords of images.
      pair_shards: Collection of paths: TFRecords of pairs.
      split: The split's name.
      models: SavedModel folders: the candidate and, where there is one, the baseline.
      folder: For the embeddings of each part, while the pipeline runs.
      uri: Of the artifact of scored pairs.
      parts: See ``parts_of_table``.
      kept: Embeddings of earlier runs.

    Returns:
      What the last step gives.
    """
    loaded = shared.Shared()
    wanted = (
        {
            "named": pair_shards | f"Named[{split}]" >> beam.FlatMap(named_by_part, parts),
            "images": image_shards | f"There[{split}]" >> beam.FlatMap(images_by_part, parts),
        }
        | f"NamedAndThere[{split}]" >> beam.CoGroupByKey()
        | f"Wanted[{split}]" >> beam.FlatMap(wanted_images)
    )
    images = beam.pvalue.AsSingleton(
        wanted
        | f"WantedImages[{split}]" >> beam.MapTuple(lambda path, ids: len(ids))
        | f"AllImages[{split}]" >> beam.CombineGlobally(sum)
    )
    chunks = beam.pvalue.AsDict(
        wanted
        | f"OfShard[{split}]" >> beam.GroupByKey()
        | f"Embed[{split}]" >> beam.ParDo(_Embed(models, parts, loaded, kept), images)
        | f"OfPart[{split}]" >> beam.GroupByKey()
        | f"WritePart[{split}]" >> beam.Map(_write_part, posixpath.join(folder, split))
    )
    placed = pair_shards | f"Blocks[{split}]" >> beam.FlatMap(pairs_by_block, parts)
    pairs = beam.pvalue.AsSingleton(
        placed
        | f"PlacedPairs[{split}]" >> beam.MapTuple(lambda block, places: len(places[1]))
        | f"AllPairs[{split}]" >> beam.CombineGlobally(sum)
        | f"CheckPairs[{split}]" >> beam.Map(check_pairs, split)
    )
    return (
        placed
        | f"OfBlock[{split}]" >> beam.GroupByKey()
        | f"Score[{split}]" >> beam.ParDo(_ScoreBlock(models, loaded), chunks, pairs)
        | f"Scored[{split}]" >> beam.GroupByKey()
        | f"Write[{split}]" >> beam.Map(_write_scored, uri, split)
    )
