"""Reads scored pairs into columns."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components import features
from components.artifacts import read_columns, split_files


@dataclass(frozen=True)
class ScoredPairs:
    """The scored pairs of one split.

    Attributes:
      labels: int64 ``[P]``, 1 same.
      scores: float32 ``[P]``, the candidate's.
      distances: float32 ``[P]``, the candidate's.
      baseline_scores: float32 ``[P]``, or None without a baseline.
      baseline_distances: float32 ``[P]``, or None without a baseline.
      identities_a: bytes ``[P]``, who the first image shows.
      identities_b: bytes ``[P]``, who the second image shows.
      slices: bytes ``[P]`` for each column that can be sliced by.
    """

    labels: np.ndarray
    scores: np.ndarray
    distances: np.ndarray
    baseline_scores: np.ndarray | None
    baseline_distances: np.ndarray | None
    identities_a: np.ndarray
    identities_b: np.ndarray
    slices: dict[str, np.ndarray]


def read_scored_pairs(folder: str | Path, slice_columns: list[str]) -> ScoredPairs:
    """Reads a ``Split-*`` folder of scored pairs.

    Args:
      folder: Of TFRecords.
      slice_columns: String columns to read beside the scores.

    Raises:
      ValueError: There is no scored pair.
    """
    baseline = (features.BASELINE_SCORE, features.BASELINE_DISTANCE)
    floats = (features.CANDIDATE_SCORE, features.CANDIDATE_DISTANCE, *baseline)
    strings = (features.IDENTITY_A, features.IDENTITY_B, *slice_columns)
    wanted = {features.LABEL: int, **dict.fromkeys(floats, float), **dict.fromkeys(strings, bytes)}
    columns = read_columns(split_files(folder), wanted, optional=baseline)
    if not len(columns[features.LABEL]):
        raise ValueError(f"{folder} holds no scored pair")
    has_baseline = not np.isnan(columns[features.BASELINE_SCORE]).any()
    return ScoredPairs(
        labels=columns[features.LABEL],
        scores=columns[features.CANDIDATE_SCORE],
        distances=columns[features.CANDIDATE_DISTANCE],
        baseline_scores=columns[features.BASELINE_SCORE] if has_baseline else None,
        baseline_distances=columns[features.BASELINE_DISTANCE] if has_baseline else None,
        identities_a=columns[features.IDENTITY_A],
        identities_b=columns[features.IDENTITY_B],
        slices={name: columns[name] for name in slice_columns},
    )
