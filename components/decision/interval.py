"""How far chance has a hand in a threshold: its interval, by resampling people."""

import numpy as np
import numpy.typing as npt

from components.decision.config import DecisionConfig
from components.decision.threshold import best_point, check_both
from components.metrics.bootstrap import Interval, Resampled
from components.metrics.roc import sweep


def threshold_interval(
    distances: npt.ArrayLike,
    labels: npt.ArrayLike,
    identities_a: npt.ArrayLike,
    identities_b: npt.ArrayLike,
    config: DecisionConfig,
    *,
    replicates: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Where the threshold would lie had other people been in the pairs it is chosen on.

    Each replicate resamples identities and chooses its own threshold for the objective.

    Args:
      distances: [N], smaller is more alike.
      labels: [N], 1 same and 0 different.
      identities_a: [N], who the first image shows.
      identities_b: [N], who the second shows.
      config: The objective.
      replicates: How often to resample.
      level: The share of the replicates inside the interval.
      seed: Of the resampling.

    Raises:
      ValueError: As ``check_pairs``; or identities and labels disagree; or a class is missing.
    """
    curve = sweep(distances, labels)
    check_both(curve.genuine, curve.impostors)
    resampled = Resampled(distances, labels, identities_a, identities_b)
    random = np.random.default_rng(seed)
    found = []
    for _ in range(replicates):
        drawn = random.integers(0, resampled.people, resampled.people)
        copies = np.bincount(drawn, minlength=resampled.people)
        replicate = resampled.counts(copies, curve.thresholds)
        if replicate.genuine and replicate.impostors:
            found.append(curve.thresholds[best_point(replicate, config)])
    low, high = (
        np.quantile(found, [(1 - level) / 2, (1 + level) / 2]) if found else (np.nan, np.nan)
    )
    chosen = float(curve.thresholds[best_point(curve, config)])
    return Interval(chosen, float(low), float(high), len(found))
