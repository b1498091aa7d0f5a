"""Numbers behind the report's charts that ``summary.json`` does not hold."""

from typing import Any

import numpy as np

from components.metrics.roc import FloatArray, Sweep


def reliability(scores: FloatArray, labels: np.ndarray, bins: int = 15) -> list[dict[str, float]]:
    """What pairs of about one score come to: the bins of the expected calibration error.

    Args:
      scores: [P], in [0, 1].
      labels: [P], 1 same.
      bins: Of equal width, closed above, as ``calibration.expected_calibration_error`` has them.

    Returns:
      For each bin that has pairs: the mean ``score``, the share ``same`` and the number ``pairs``.
    """
    index = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], scores, side="left")
    pairs = np.bincount(index, minlength=bins)
    score_sums = np.bincount(index, scores, bins)
    same_sums = np.bincount(index, labels, bins)
    return [
        {
            "score": float(score_sums[at] / pairs[at]),
            "same": float(same_sums[at] / pairs[at]),
            "pairs": int(pairs[at]),
        }
        for at in np.flatnonzero(pairs)
    ]


def slider_steps(curve: Sweep, threshold: float, accepted: int, steps: int = 200) -> dict[str, Any]:
    """The operating points that the page's slider offers, the decision's among them.

    They are spread evenly over the ranks of the pairs, so that there are many where many pairs are.

    Args:
      curve: Over the test pairs.
      threshold: The decision's, in the unit of the distances.
      accepted: How many pairs it accepts: the curve's own thresholds lie between distances, where
        this one need not be on the same side of them.
      steps: About how many.

    Returns:
      ``threshold``, ``tp`` and ``fp`` as lists, the totals ``same`` and ``different``, and
      ``chosen``: the index of the decision.
    """
    ranks = curve.tp + curve.fp
    decided = int(np.searchsorted(ranks, accepted))
    even = np.searchsorted(ranks, np.linspace(0, ranks[-1], steps))
    rows = np.unique(np.append(even, decided))
    at = curve.thresholds[rows]
    chosen = int(np.searchsorted(rows, decided))
    at[chosen] = threshold
    return {
        "threshold": [float(f"{value:.6g}") for value in at],
        "tp": curve.tp[rows].tolist(),
        "fp": curve.fp[rows].tolist(),
        "same": curve.genuine,
        "different": curve.impostors,
        "chosen": chosen,
    }
