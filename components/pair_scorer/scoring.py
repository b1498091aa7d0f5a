"""The Beam pipeline of PairScorer."""

import functools
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.utils import shared

from components.models_at_workers import Models
from components.pace import Pace
from components.pair_example_gen.records import UNFINISHED, write_shard
from components.pair_scorer.columns import with_columns
from components.pair_scorer.embedding import COUNTERS, Embedder, lookup, numbers_an_image
from components.pair_scorer.join_by_key import parts_of_table, score_by_key
from components.pair_scorer.kept_embeddings import KeptEmbeddings
from components.pair_scorer.pairs import check_pairs, pair_batches, scored_name, scores
from components.pair_scorer.table import Chunk, EmbeddingTable, write_chunk


@dataclass(frozen=True)
class Named:
    """What the pairs of a split name.

    Attributes:
      ids: bytes, the distinct images.
      pairs: How many pairs there are.
    """

    ids: frozenset[bytes]
    pairs: int


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
    """Embeds the wanted images of a shard into chunks."""

    def __init__(
        self, paths: tuple[str, ...], folder: str, models: shared.Shared, kept: KeptEmbeddings
    ):
        self._paths, self._folder, self._models_handle = paths, folder, models
        self._kept = kept
        # Made once a process, not once a shard.
        self._wanted_handle = shared.Shared()

    def setup(self) -> None:
        self._embedder = Embedder(Models.acquire(self._models_handle, self._paths), self._kept)

    def process(self, path: str, named: Named) -> Iterator[Chunk]:
        wanted = functools.partial(
            self._wanted_handle.acquire, functools.partial(lookup, named.ids)
        )
        found = self._embedder.embedded(path, named.ids, wanted, len(named.ids))
        for part, (ids, embeddings) in enumerate(found):
            prefix = posixpath.join(self._folder, f"{posixpath.basename(path)}-{part:05d}")
            yield write_chunk(prefix, ids, embeddings)


class _Score(beam.DoFn):
    """Scores a shard of pairs, and writes it under its own name."""

    def __init__(
        self,
        paths: tuple[str, ...],
        uri: str,
        split: str,
        models: shared.Shared,
        tables: shared.Shared,
    ):
        self._paths, self._uri, self._split = paths, uri, split
        self._models_handle, self._tables_handle = models, tables
        self._pairs = beam.metrics.Metrics.counter(COUNTERS, "pairs_scored")

    def setup(self) -> None:
        self._models = Models.acquire(self._models_handle, self._paths)
        self._pace = Pace("pairs scored")

    def process(self, path: str, named: Named, chunks: Sequence[Chunk]) -> Iterator[int]:
        # In order, so that the runner's order of work shows nowhere.
        parts = sorted(chunks, key=lambda chunk: chunk.prefix)
        table = self._tables_handle.acquire(
            functools.partial(EmbeddingTable.from_chunks, parts), tag=self._split
        )
        rows = self._rows(path, table, named.pairs)
        write_shard(self._uri, self._split, scored_name(path), rows)
        yield 1

    def _rows(self, path: str, table: EmbeddingTable, total: int) -> Iterator[bytes]:
        for rows, ids_a, ids_b in pair_batches(path):
            a, b = (table.rows(ids.astype(np.bytes_)) for ids in (ids_a, ids_b))
            columns = scores(self._models.models, table.embeddings, a, b)
            yield from with_columns(rows.numpy(), columns)
            self._pairs.inc(len(rows))
            self._pace.add(len(rows), total)


def _check_named(named: Named, split: str) -> Named:
    check_pairs(named.pairs, split)
    return named


def score_split(
    pipeline: beam.Pipeline,
    split: str,
    image_files: Sequence[str],
    pair_files: Sequence[str],
    models: tuple[str, ...],
    uri: str,
    images: int,
    max_bytes: int,
    kept: KeptEmbeddings,
) -> Any:
    """Adds the scoring of one split to a Beam pipeline.

    Every image that a pair names goes through ``embed`` once, whatever the number of pairs, and
    ``compare`` runs on whole batches of pairs. What goes through Beam are names of files: rows are
    read, scored and written in batches, because handing each one to a runner takes longer than
    scoring it.

    Args:
      pipeline: Gets the steps.
      split: The split's name.
      image_files: TFRecords of images.
      pair_files: TFRecords of pairs.
      models: SavedModel folders: the candidate and, where there is one, the baseline.
      uri: Of the artifact of scored pairs; workers keep embeddings in its ``.unfinished`` folder.
      images: How many there are, at most.
      max_bytes: Of embeddings that a worker may hold. Up to this each has the whole table and looks
        rows up in it; beyond, see ``join_by_key``.
      kept: Embeddings of earlier runs.

    Returns:
      What the last step gives.
    """

    def shards(kind: str, files: Sequence[str]) -> Any:
        step = pipeline | f"{kind}[{split}]" >> beam.Create(list(files), reshuffle=False)
        return step | f"Spread{kind}[{split}]" >> beam.Reshuffle()

    folder = posixpath.join(uri, UNFINISHED, "embeddings")
    parts = parts_of_table(images, numbers_an_image(models), max_bytes)
    spread = (shards("Images", image_files), shards("Pairs", pair_files))
    given = (*spread, split, models, folder, uri)
    if parts > 1:
        return score_by_key(*given, parts, kept)
    return score_in_memory(*given, kept)


def score_in_memory(
    image_shards: Any,
    pair_shards: Any,
    split: str,
    models: tuple[str, ...],
    folder: str,
    uri: str,
    kept: KeptEmbeddings,
) -> Any:
    """As ``join_by_key.score_by_key``, with the table of all embeddings in each worker."""
    loaded, tables = shared.Shared(), shared.Shared()
    named = beam.pvalue.AsSingleton(
        pair_shards
        | f"ReadNamed[{split}]" >> beam.Map(read_named)
        | f"AllNamed[{split}]" >> beam.CombineGlobally(_all_named)
        | f"CheckNamed[{split}]" >> beam.Map(_check_named, split)
    )
    chunks = beam.pvalue.AsList(
        image_shards
        | f"Embed[{split}]"
        >> beam.ParDo(_Embed(models, posixpath.join(folder, split), loaded, kept), named)
    )
    return pair_shards | f"Score[{split}]" >> beam.ParDo(
        _Score(models, uri, split, loaded, tables), named, chunks
    )
