"""The Beam pipeline of PairScorer."""

import functools
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.utils import shared

from components import features
from components.exported_model import EMBED_BATCH, PAIR_BATCH, ExportedModel, network_digest
from components.pair_example_gen.records import UNFINISHED, write_shard
from components.pair_scorer.columns import with_columns
from components.pair_scorer.kept_embeddings import KeptEmbeddings, shard_key
from components.pair_scorer.pace import Pace
from components.pair_scorer.table import Chunk, EmbeddingTable, write_chunk
from components.progress import say
from components.tfrecords import read_tfrecords

# A chunk of embeddings is written when it has this many images.
IMAGES_A_CHUNK = 8_192
COUNTERS = "PairScorer"

_SCORE_COLUMNS = (
    (features.CANDIDATE_DISTANCE, features.CANDIDATE_SCORE),
    (features.BASELINE_DISTANCE, features.BASELINE_SCORE),
)


@dataclass(frozen=True)
class Named:
    """What the pairs of a split name.

    Attributes:
      ids: bytes, the distinct images.
      pairs: How many pairs there are.
    """

    ids: frozenset[bytes]
    pairs: int


class _Models:
    """The loaded SavedModels; one instance a process, however many threads and bundles."""

    def __init__(self, paths: tuple[str, ...]):
        self.models = [ExportedModel(path) for path in paths]
        # The digest of each model's network: one network decided twice is one network.
        self.networks = [network_digest(path) for path in paths]

    def embed(self, network: str, images: tf.Tensor) -> np.ndarray:
        """The embeddings under a network, float32 ``[N, D]``."""
        return self.models[self.networks.index(network)].embed(images)

    @staticmethod
    def acquire(handle: shared.Shared, paths: tuple[str, ...]) -> "_Models":
        return handle.acquire(functools.partial(_Models, paths), tag="\n".join(paths))


def pair_batches(path: str) -> Iterator[tuple[tf.Tensor, np.ndarray, np.ndarray]]:
    """Reads a shard of pairs, ``PAIR_BATCH`` at a time: rows as they are, and their two images.

    Yields:
      Serialised rows, string ``[P]``; the ids of images a and b, objects of bytes ``[P]`` each.
    """
    types = {
        name: tf.io.FixedLenFeature([], tf.string)
        for name in (features.IMAGE_ID_A, features.IMAGE_ID_B)
    }
    # The next batch is read while this one is scored. Parsed outside of the data set: tracing a
    # function for each shard takes longer than parsing it.
    for rows in read_tfrecords([path]).batch(PAIR_BATCH).prefetch(1):
        ids = tf.io.parse_example(rows, types)
        yield rows, ids[features.IMAGE_ID_A].numpy(), ids[features.IMAGE_ID_B].numpy()


def lookup(ids: frozenset[bytes]) -> tf.lookup.StaticHashTable:
    """A table that gives 1 for these ids and 0 for others, for use in a graph."""
    keys = tf.constant(list(ids), tf.string)
    rows = tf.lookup.KeyValueTensorInitializer(keys, tf.ones(len(ids), tf.int64))
    return tf.lookup.StaticHashTable(rows, default_value=0)


def image_batches(
    path: str, wanted: tf.lookup.StaticHashTable
) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
    """Reads those images of a shard that are wanted: ids and encoded images, by the batch."""
    types = {
        features.IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
        features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    }

    def parse(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(rows, types)
        keep = wanted.lookup(parsed[features.IMAGE_ID]) == 1
        return {name: tf.boolean_mask(values, keep) for name, values in parsed.items()}

    images = (
        read_tfrecords([path])
        .batch(EMBED_BATCH)
        .map(parse)
        .rebatch(EMBED_BATCH)
        # The next batch is read while this one is embedded.
        .prefetch(1)
    )
    for batch in images:
        yield batch[features.IMAGE_ID].numpy().astype(np.bytes_), batch[features.IMAGE_ENCODED]


def read_named(path: str) -> Named:
    """What the pairs of a shard name."""
    ids: set[bytes] = set()
    pairs = 0
    for rows, *named in pair_batches(path):
        ids.update(np.concatenate(named).tolist())
        pairs += len(rows)
    return Named(frozenset(ids), pairs)


def _all_named(parts: Iterable[Named]) -> Named:
    found = list(parts)
    return Named(
        frozenset().union(*(part.ids for part in found)), sum(part.pairs for part in found)
    )


class _Embed(beam.DoFn):
    """Embeds the wanted images of a shard with every network, each image read and sent once."""

    def __init__(
        self, paths: tuple[str, ...], folder: str, models: shared.Shared, kept: KeptEmbeddings
    ):
        self._paths, self._folder, self._models_handle = paths, folder, models
        self._kept = kept
        # Made once a process, not once a shard.
        self._wanted_handle = shared.Shared()
        self._images = beam.metrics.Metrics.counter(COUNTERS, "images_embedded")

    def setup(self) -> None:
        self._models = _Models.acquire(self._models_handle, self._paths)
        self._pace = Pace("images embedded")

    def process(self, path: str, named: Named) -> Iterator[Chunk]:
        key = shard_key(path, named.ids)
        networks = dict.fromkeys(self._models.networks)
        kept = {network: self._kept.get(network, key) for network in networks}
        missing = [network for network in networks if kept[network] is None]
        ids: list[np.ndarray] = []
        embeddings: dict[str, list[np.ndarray]] = {network: [] for network in networks}
        done, part = 0, 0

        def chunk() -> Chunk:
            return write_chunk(
                posixpath.join(self._folder, f"{posixpath.basename(path)}-{part:05d}"),
                np.concatenate(ids),
                [np.concatenate(embeddings[network]) for network in self._models.networks],
            )

        wanted = self._wanted_handle.acquire(functools.partial(lookup, named.ids))
        for batch_ids, images in image_batches(path, wanted):
            if len(ids) * EMBED_BATCH >= IMAGES_A_CHUNK:
                yield chunk()
                ids, part = [], part + 1
                embeddings = {network: [] for network in networks}
            ids.append(batch_ids)
            rows = slice(done, done + len(batch_ids))
            for network, found in kept.items():
                embeddings[network].append(
                    self._models.embed(network, images) if found is None else found[rows]
                )
            done = rows.stop
            if missing:
                self._images.inc(len(batch_ids))
                self._pace.add(len(batch_ids), len(named.ids))
        if not missing:
            say(f"{done:,} embeddings of an earlier run")
        if not ids:
            return
        yield chunk()
        if not part:
            for network in missing:
                self._kept.put(network, key, np.concatenate(embeddings[network]))


class _Score(beam.DoFn):
    """Scores a shard of pairs, and writes it under its own name."""

    def __init__(
        self,
        paths: tuple[str, ...],
        uri: str,
        split: str,
        max_bytes: int,
        models: shared.Shared,
        tables: shared.Shared,
    ):
        self._paths, self._uri, self._split = paths, uri, split
        self._max_bytes, self._models_handle, self._tables_handle = max_bytes, models, tables
        self._pairs = beam.metrics.Metrics.counter(COUNTERS, "pairs_scored")

    def setup(self) -> None:
        self._models = _Models.acquire(self._models_handle, self._paths)
        self._pace = Pace("pairs scored")

    def process(self, path: str, named: Named, chunks: Sequence[Chunk]) -> Iterator[int]:
        # In order, so that the runner's order of work shows nowhere.
        parts = sorted(chunks, key=lambda chunk: chunk.prefix)
        table = self._tables_handle.acquire(
            functools.partial(EmbeddingTable.from_chunks, parts, self._max_bytes), tag=self._split
        )
        name = posixpath.basename(path).removesuffix(".gz")
        write_shard(self._uri, self._split, f"scored_{name}", self._rows(path, table, named.pairs))
        yield 1

    def _rows(self, path: str, table: EmbeddingTable, total: int) -> Iterator[bytes]:
        for rows, ids_a, ids_b in pair_batches(path):
            a, b = (table.rows(ids.astype(np.bytes_)) for ids in (ids_a, ids_b))
            yield from with_columns(rows.numpy(), self._scores(a, b, table))
            self._pairs.inc(len(rows))
            self._pace.add(len(rows), total)

    def _scores(self, a: np.ndarray, b: np.ndarray, table: EmbeddingTable) -> dict[str, np.ndarray]:
        columns = {}
        for model, embeddings, names in zip(
            self._models.models, table.embeddings, _SCORE_COLUMNS, strict=False
        ):
            found = model.compare(embeddings[a], embeddings[b])
            for name, key in zip(names, ("distance", "score"), strict=True):
                columns[name] = found[key]
        return columns


def _check_named(named: Named, split: str) -> Named:
    if not named.pairs:
        raise ValueError(
            f"split {split!r} holds no pair to score; make pairs for it, or leave it out of the "
            "splits to score"
        )
    return named


def score_split(
    pipeline: beam.Pipeline,
    split: str,
    image_files: Sequence[str],
    pair_files: Sequence[str],
    models: tuple[str, ...],
    uri: str,
    max_bytes: int,
    kept: KeptEmbeddings,
) -> Any:
    """Adds the scoring of one split to a Beam pipeline.

    Every image that a pair names goes through ``embed`` once, whatever the number of pairs; pairs
    then take rows of the embedding table, and ``compare`` runs on whole batches of them. What goes
    through Beam are names of files: rows are read, scored and written in batches, because handing
    each one to a runner takes longer than scoring it.

    Args:
      pipeline: Gets the steps.
      split: The split's name.
      image_files: TFRecords of images.
      pair_files: TFRecords of pairs.
      models: SavedModel folders: the candidate and, where there is one, the baseline.
      uri: Of the artifact of scored pairs; workers keep embeddings in its ``.unfinished`` folder.
      max_bytes: Of embeddings held in memory, see ``EmbeddingTable``.
      kept: Embeddings of earlier runs.

    Returns:
      What the last step gives.
    """
    loaded, tables = shared.Shared(), shared.Shared()
    folder = posixpath.join(uri, UNFINISHED, f"embeddings-{split}")

    def shards(kind: str, files: Sequence[str]) -> Any:
        step = pipeline | f"{kind}[{split}]" >> beam.Create(list(files), reshuffle=False)
        return step | f"Spread{kind}[{split}]" >> beam.Reshuffle()

    pair_shards = shards("Pairs", pair_files)
    named = beam.pvalue.AsSingleton(
        pair_shards
        | f"ReadNamed[{split}]" >> beam.Map(read_named)
        | f"AllNamed[{split}]" >> beam.CombineGlobally(_all_named)
        | f"CheckNamed[{split}]" >> beam.Map(_check_named, split)
    )
    chunks = beam.pvalue.AsList(
        shards("Images", image_files)
        | f"Embed[{split}]" >> beam.ParDo(_Embed(models, folder, loaded, kept), named)
    )
    return pair_shards | f"Score[{split}]" >> beam.ParDo(
        _Score(models, uri, split, max_bytes, loaded, tables), named, chunks
    )
