"""The score that a distance gets: logistic around the threshold."""

import numpy as np
import numpy.typing as npt

from components.metrics.roc import check_pairs

# A distance as far from the threshold as the mean distance scores within these logits of 0 (0.5).
MIN_LOGIT, MAX_LOGIT = 0.1, 15.0


def fit_slope(distances: npt.ArrayLike, labels: npt.ArrayLike, threshold: float) -> float:
    """Fits the slope of the logistic score by maximum likelihood, with the threshold held fixed.

    One-parameter logistic regression of the label on ``threshold - distance`` without intercept, so
    the score stays 0.5 at the threshold. The likelihood is concave in the slope; its maximum is
    bracketed and bisected. Pairs that the threshold separates have no maximum (the steeper, the
    likelier), and pairs it orders the wrong way round have none above 0: the slope is kept where a
    distance as far from the threshold as the mean one scores between 0.1 and 15 logits from 0.5.

    Args:
      distances: [N], smaller is more alike.
      labels: [N], 1 same and 0 different.
      threshold: In the unit of the distances.

    Returns:
      The slope, above 0, rounded to float32 as the served model holds it.

    Raises:
      ValueError: As ``check_pairs``.
    """
    found, marks = check_pairs(distances, labels)
    away = threshold - found.astype(np.float64)
    scale = float(np.mean(np.abs(away))) or 1.0
    # Above 0 where the threshold decides rightly. In units of scale, the slope is a logit.
    margin = np.where(marks == 1, away, -away) / scale

    def rise(logit: float) -> float:
        # d/ds of sum(log sigmoid(s * margin)); tanh gives the sigmoid without overflow.
        return float(np.sum(margin * (1 - np.tanh(logit * margin / 2))))

    low, high = MIN_LOGIT, MAX_LOGIT
    if rise(low) <= 0:
        high = low
    elif rise(high) >= 0:
        low = high
    # Halves the bracket to below what float32 resolves.
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if rise(middle) > 0 else (low, middle)
    return float(np.float32((low + high) / 2 / scale))


def logistic_score(
    distances: npt.ArrayLike, threshold: float, slope: float
) -> npt.NDArray[np.float32]:
    """The score as the served model gives it: ``1 / (1 + exp(slope * (distance - threshold)))``.

    Computed in float32, where the logistic already rounds to 0.5 just above the threshold. So the
    side is taken from the comparison of the distances, and the score is at least 0.5 exactly when
    ``distance <= threshold``. An implementation in another framework must do the same.

    Args:
      distances: Any shape, smaller is more alike.
      threshold: Where the score is 0.5.
      slope: Above 0.

    Returns:
      float32, the shape of ``distances``, 0 to 1, higher is more alike.
    """
    away = np.asarray(distances, np.float32) - np.float32(threshold)
    score = (0.5 - 0.5 * np.tanh(np.float32(slope) * away / 2)).astype(np.float32)
    half = np.float32(0.5)
    below_half = np.nextafter(half, np.float32(0))
    return np.where(away <= 0, np.maximum(score, half), np.minimum(score, below_half))
