"""The test pairs that a served model is asked about, with what the trained model said of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components import features
from components.tfrecords import read_tfrecords

# Pairs that the sample is taken from, and images that are read at a time.
_PAIRS, _IMAGES = 16_384, 256


@dataclass(frozen=True)
class Samples:
    """Some scored pairs.

    Attributes:
      ids_a: Image ids, N.
      ids_b: Image ids, N.
      images: Image files by id.
      distances: float32 ``[N]``, ascending: the candidate's.
      scores: float32 ``[N]``: the candidate's.
    """

    ids_a: list[str]
    ids_b: list[str]
    images: dict[str, bytes]
    distances: np.ndarray
    scores: np.ndarray


def read_samples(pair_files: Sequence[str], image_files: Sequence[str], count: int) -> Samples:
    """Takes some of the first pairs, evenly from the nearest to the farthest.

    Args:
      pair_files: TFRecords of scored pairs.
      image_files: TFRecords of images.
      count: How many to take, where there are as many.

    Raises:
      ValueError: There is no pair, or an image is missing.
    """
    types = {
        features.IMAGE_ID_A: tf.io.FixedLenFeature([], tf.string),
        features.IMAGE_ID_B: tf.io.FixedLenFeature([], tf.string),
        features.CANDIDATE_DISTANCE: tf.io.FixedLenFeature([], tf.float32),
        features.CANDIDATE_SCORE: tf.io.FixedLenFeature([], tf.float32),
    }
    pairs = next(_rows(pair_files, _PAIRS, types), None)
    if pairs is None:
        raise ValueError("there is no scored pair to check with; make test pairs")
    distances = pairs[features.CANDIDATE_DISTANCE]
    order = np.argsort(distances, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))]
    ids_a, ids_b = (
        [each.decode() for each in pairs[key][chosen]]
        for key in (features.IMAGE_ID_A, features.IMAGE_ID_B)
    )
    return Samples(
        ids_a,
        ids_b,
        _images(image_files, {*ids_a, *ids_b}),
        distances[chosen],
        pairs[features.CANDIDATE_SCORE][chosen],
    )


def _images(files: Sequence[str], wanted: set[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    types = {
        features.IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
        features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    }
    for rows in _rows(files, _IMAGES, types):
        for image_id, image in zip(
            rows[features.IMAGE_ID], rows[features.IMAGE_ENCODED], strict=True
        ):
            if (name := image_id.decode()) in wanted:
                found[name] = image
        if len(found) == len(wanted):
            return found
    missing = sorted(wanted - found.keys())
    raise ValueError(f"pairs name image {missing[0]!r}, which is not among the images; run again")


def _rows(
    files: Sequence[str], size: int, types: dict[str, tf.io.FixedLenFeature]
) -> Iterator[dict[str, np.ndarray]]:
    """Columns of the records of some files, so many rows at a time."""
    for path in files:
        for batch in read_tfrecords([path]).batch(size):
            columns = tf.io.parse_example(batch, types)
            yield {name: values.numpy() for name, values in columns.items()}
