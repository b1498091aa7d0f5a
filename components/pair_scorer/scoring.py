"""The Beam pipeline of PairScorer."""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.utils import shared
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import tf_example_record

from components import features
from components.pair_scorer.table import EmbeddingTable

EMBED_BATCH = 256
PAIR_BATCH = 16_384
COUNTERS = "PairScorer"

Chunk = tuple[np.ndarray, tuple[np.ndarray, ...]]

_SCORE_COLUMNS = (
    (features.CANDIDATE_DISTANCE, features.CANDIDATE_SCORE),
    (features.BASELINE_DISTANCE, features.BASELINE_SCORE),
)


class _Models:
    """The loaded SavedModels; one instance a process, however many threads and bundles."""

    def __init__(self, paths: tuple[str, ...]):
        import tensorflow as tf

        self.models = [tf.saved_model.load(path) for path in paths]
        self.tf = tf

    @staticmethod
    def acquire(handle: shared.Shared, paths: tuple[str, ...]) -> "_Models":
        return handle.acquire(functools.partial(_Models, paths), tag="\n".join(paths))


def column(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """A one-valued column of a batch, ``[N]``; strings as NumPy bytes.

    Raises:
      ValueError: The column is not there, or a row has no value or several.
    """
    at = batch.schema.get_field_index(name)
    values = batch.column(at).flatten() if at >= 0 else None
    if values is None or len(values) != batch.num_rows:
        raise ValueError(f"pairs have no column {name!r} with one value a row")
    found = values.to_numpy(zero_copy_only=False)
    return found.astype(np.bytes_) if found.dtype == object else found


class _Embed(beam.DoFn):
    def __init__(self, paths: tuple[str, ...], handle: shared.Shared):
        self._paths, self._handle = paths, handle
        self._images = beam.metrics.Metrics.counter(COUNTERS, "images_embedded")

    def setup(self) -> None:
        self._models = _Models.acquire(self._handle, self._paths)

    def process(self, rows: list[tuple[bytes, bytes]]) -> Iterator[Chunk]:
        tf = self._models.tf
        images = tf.constant([encoded for _, encoded in rows])
        embeddings = tuple(
            model.signatures["embed"](image=images)["embedding"].numpy()
            for model in self._models.models
        )
        self._images.inc(len(rows))
        yield np.array([image_id for image_id, _ in rows]), embeddings


class _Score(beam.DoFn):
    def __init__(self, paths: tuple[str, ...], handle: shared.Shared):
        self._paths, self._handle = paths, handle
        self._pairs = beam.metrics.Metrics.counter(COUNTERS, "pairs_scored")

    def setup(self) -> None:
        self._models = _Models.acquire(self._handle, self._paths)

    def process(self, batch: pa.RecordBatch, table: EmbeddingTable) -> Iterable[bytes]:
        tf = self._models.tf
        a = table.rows(column(batch, features.IMAGE_ID_A))
        b = table.rows(column(batch, features.IMAGE_ID_B))
        columns = list(batch.columns)
        names = list(batch.schema.names)
        for model, embeddings, keys in zip(
            self._models.models, table.embeddings, _SCORE_COLUMNS, strict=False
        ):
            result = model.signatures["compare"](
                embedding_a=tf.constant(embeddings[a]), embedding_b=tf.constant(embeddings[b])
            )
            for key, name in zip(keys, ("distance", "score"), strict=True):
                columns.append(_one_a_row(result[name].numpy()))
                names.append(key)
        self._pairs.inc(batch.num_rows)
        return example_coder.RecordBatchToExamples(pa.RecordBatch.from_arrays(columns, names))


def _one_a_row(values: np.ndarray) -> pa.Array:
    offsets = np.arange(len(values) + 1, dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(values))


def _image_rows(batch: pa.RecordBatch, wanted: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    ids = batch.column(batch.schema.get_field_index(features.IMAGE_ID)).flatten()
    files = batch.column(batch.schema.get_field_index(features.IMAGE_ENCODED)).flatten()
    return [
        (image_id, encoded)
        for image_id, encoded in zip(ids.to_pylist(), files.to_pylist(), strict=True)
        if image_id in wanted
    ]


def _named_ids(batch: pa.RecordBatch) -> frozenset[bytes]:
    a, b = column(batch, features.IMAGE_ID_A), column(batch, features.IMAGE_ID_B)
    return frozenset(np.unique(np.concatenate([a, b])).tolist())


def _union(sets: Iterable[frozenset[bytes]]) -> frozenset[bytes]:
    return frozenset().union(*sets)


def _records(pattern: str, batch: int, name: str) -> beam.PTransform:
    source = tf_example_record.TFExampleRecord(
        file_pattern=pattern, telemetry_descriptors=["faceauth", name]
    )
    return source.BeamSource(batch_size=batch)


def score_split(
    pipeline: beam.Pipeline,
    split: str,
    images_pattern: str,
    pairs_pattern: str,
    models: tuple[str, ...],
    output_prefix: str,
) -> Any:
    """Adds the scoring of one split to a Beam pipeline.

    Every image that a pair names goes through ``embed`` once, whatever the number of pairs; pairs
    then take rows of the embedding table, and ``compare`` runs on whole batches of them.

    Args:
      pipeline: Gets the steps.
      split: For their names.
      images_pattern: TFRecords of images.
      pairs_pattern: TFRecords of pairs.
      models: SavedModel folders: the candidate and, where there is one, the baseline.
      output_prefix: Of the scored pairs' TFRecords.

    Returns:
      What the write step gives.
    """
    handle = shared.Shared()
    pairs = pipeline | f"ReadPairs[{split}]" >> _records(pairs_pattern, PAIR_BATCH, "pairs")
    wanted = (
        pairs
        | f"NamedIds[{split}]" >> beam.Map(_named_ids)
        | f"AllNamedIds[{split}]" >> beam.CombineGlobally(_union)
    )
    table = (
        pipeline
        | f"ReadImages[{split}]" >> _records(images_pattern, EMBED_BATCH, "images")
        | f"SelectImages[{split}]" >> beam.Map(_image_rows, beam.pvalue.AsSingleton(wanted))
        | f"DropEmpty[{split}]" >> beam.Filter(bool)
        | f"Embed[{split}]" >> beam.ParDo(_Embed(models, handle))
        | f"GatherChunks[{split}]" >> beam.combiners.ToList()
        | f"Table[{split}]" >> beam.Map(EmbeddingTable.from_chunks)
    )
    return (
        pairs
        | f"Score[{split}]" >> beam.ParDo(_Score(models, handle), beam.pvalue.AsSingleton(table))
        | f"Write[{split}]" >> beam.io.WriteToTFRecord(output_prefix, num_shards=1)
    )
