"""Reads the pairs that are scored, and scores them once their embeddings are there."""

import posixpath
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from components import features
from components.exported_model import PAIR_BATCH, ExportedModel
from components.tfrecords import read_tfrecords

_SCORE_COLUMNS = (
    (features.CANDIDATE_DISTANCE, features.CANDIDATE_SCORE),
    (features.BASELINE_DISTANCE, features.BASELINE_SCORE),
)


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


def check_pairs(pairs: int, split: str) -> int:
    """How many pairs there are.

    Raises:
      ValueError: There are none.
    """
    if not pairs:
        raise ValueError(
            f"split {split!r} holds no pair to score; make pairs for it, or leave it out of the "
            "splits to score"
        )
    return pairs


def scored_name(path: str) -> str:
    """The name of the file that holds what became of a shard of pairs."""
    return f"scored_{posixpath.basename(path).removesuffix('.gz')}"


def scores(
    models: Sequence[ExportedModel], embeddings: Sequence[np.ndarray], a: np.ndarray, b: np.ndarray
) -> dict[str, np.ndarray]:
    """The columns that pairs get, float32 ``[P]`` each.

    Args:
      models: The candidate and, where there is one, the baseline.
      embeddings: Of images under each model, float32 ``[N, D]``.
      a: The row of each pair's first image, int64 ``[P]``.
      b: Of its second.
    """
    columns = {}
    for model, table, names in zip(models, embeddings, _SCORE_COLUMNS, strict=False):
        found = model.compare(table[a], table[b])
        for name, key in zip(names, ("distance", "score"), strict=True):
            columns[name] = found[key]
    return columns
