"""How far scores can be read as probabilities."""

import numpy as np
import numpy.typing as npt

from components.metrics.roc import FloatArray, IntArray, check_pairs


def _check(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    found, marks = check_pairs(scores, labels)
    if found.min() < 0 or found.max() > 1:
        raise ValueError(f"scores reach from {found.min()} to {found.max()}; they lie in [0, 1]")
    return found.astype(np.float64), marks


def _bin_of(scores: FloatArray, bins: int) -> npt.NDArray[np.intp]:
    """The bin of each score, among equally wide ones that are closed above."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], scores, side="left")


def brier_score(
    scores: npt.ArrayLike, labels: npt.ArrayLike, counts: IntArray | None = None
) -> float:
    """The mean of ``(score - label) ** 2``: 0 is best, 0.25 is a score of 0.5 for all.

    See Brier, "Verification of forecasts expressed in terms of probability" (1950).

    Args:
      scores: [N], in [0, 1].
      labels: [N], 1 same and 0 different.
      counts: [N], how many pairs each of these stands for; None is one each.

    Raises:
      ValueError: There is no pair, a shape or a label is wrong, or a score is outside [0, 1].
    """
    found, marks = _check(scores, labels)
    return float(np.average((found - marks) ** 2, weights=counts))


def expected_calibration_error(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    bins: int = 15,
    counts: IntArray | None = None,
) -> float:
    """The mean distance between the score and the share of genuine pairs that have it.

    Scores are put in equally wide bins, closed above; each bin's ``|mean score - mean label|``
    counts by its number of pairs. See Guo, Pleiss, Sun and Weinberger, "On calibration of modern
    neural networks" (2017), which has 15 bins. It holds for the mix of genuine and impostor pairs
    at hand only.

    Args:
      scores: [N], in [0, 1].
      labels: [N], 1 same and 0 different.
      bins: 1 or more.
      counts: [N], how many pairs each of these stands for; None is one each.

    Raises:
      ValueError: As ``brier_score``, or ``bins`` is below 1.
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}; give 1 or more")
    found, marks = _check(scores, labels)
    index = _bin_of(found, bins)
    # |sum of score - label| of a bin is its pairs times |mean score - mean label|.
    pairs = np.ones(found.size) if counts is None else counts
    return float(np.abs(np.bincount(index, (found - marks) * pairs)).sum() / pairs.sum())


def reliability(
    scores: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 15
) -> list[dict[str, float]]:
    """What pairs of about one score come to, in the bins of ``expected_calibration_error``.

    Args:
      scores: [N], in [0, 1].
      labels: [N], 1 same and 0 different.
      bins: 1 or more.

    Returns:
      For each bin that has pairs: the mean ``score``, the share ``same`` and the number ``pairs``.

    Raises:
      ValueError: As ``brier_score``.
    """
    found, marks = _check(scores, labels)
    index = _bin_of(found, bins)
    pairs = np.bincount(index, minlength=bins)
    score_sums, same_sums = (np.bincount(index, each, bins) for each in (found, marks))
    return [
        {
            "score": float(score_sums[at] / pairs[at]),
            "same": float(same_sums[at] / pairs[at]),
            "pairs": int(pairs[at]),
        }
        for at in np.flatnonzero(pairs)
    ]
