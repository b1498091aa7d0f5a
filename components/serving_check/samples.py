"""The test pairs that a served model is asked about, with what the trained model said of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components import features
from components.artifacts import PAIR_ROWS, image_files, read_rows


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


def read_samples(pair_files: Sequence[str], images: Sequence[str], count: int) -> Samples:
    """Takes some of the first pairs, evenly from the nearest to the farthest.

    Args:
      pair_files: TFRecords of scored pairs.
      images: TFRecords of images.
      count: How many to take, where there are as many.

    Raises:
      ValueError: There is no pair, or an image is missing.
    """
    columns = {
        features.IMAGE_ID_A: bytes,
        features.IMAGE_ID_B: bytes,
        features.CANDIDATE_DISTANCE: float,
        features.CANDIDATE_SCORE: float,
    }
    pairs = next(read_rows(pair_files, columns, PAIR_ROWS), None)
    if pairs is None:
        raise ValueError("there is no scored pair to check with; make test pairs")
    distances = pairs[features.CANDIDATE_DISTANCE]
    order = np.argsort(distances, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))]
    ids_a = pairs[features.IMAGE_ID_A][chosen].tolist()
    ids_b = pairs[features.IMAGE_ID_B][chosen].tolist()
    files = image_files(images, {*ids_a, *ids_b})
    return Samples(
        [each.decode() for each in ids_a],
        [each.decode() for each in ids_b],
        {each.decode(): file for each, file in files.items()},
        distances[chosen],
        pairs[features.CANDIDATE_SCORE][chosen],
    )
