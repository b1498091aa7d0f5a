"""Confidence intervals of verification metrics, by resampling people rather than pairs.

Pairs are not independent: one hard face is in many of them, so resampling pairs gives intervals
that are far too narrow. The unit is the identity. A replicate draws as many identities as there
are, with replacement; identity i is drawn m_i times. A pair of two identities then occurs m_i * m_j
times, a pair of two images of one identity m_i times (once in each copy of the person). See Bolle,
Ratha and Pankanti, "Error analysis of pattern recognition systems: the subsets bootstrap" (2004),
and, as the vertex bootstrap, Fogliato, Patil and Perona, "Confidence intervals for error rates in
1:1 matching tasks" (IJCV 2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.metrics.roc import (
    FloatArray,
    IntArray,
    Sweep,
    auc,
    check_pairs,
    eer,
    sweep,
    tar_at_far,
)


@dataclass(frozen=True)
class Interval:
    """A metric and its percentile interval.

    An error that never occurred never occurs in a replicate either: a rate of 0 gets the interval
    [0, 0], which does not say how large the rate may be.

    Attributes:
      value: On the pairs as they are; NaN when they lack the class it needs.
      low: Lower end; NaN when no replicate has a value.
      high: Upper end; likewise.
      replicates: How many replicates have a value: those that drew the classes it needs.
    """

    value: float
    low: float
    high: float
    replicates: int


def bootstrap(
    distances: npt.ArrayLike,
    labels: npt.ArrayLike,
    identities_a: npt.ArrayLike,
    identities_b: npt.ArrayLike,
    threshold: float,
    *,
    fars: Sequence[float] = (0.1, 0.01, 0.001),
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Gives each metric with its confidence interval.

    For a slice, pass the slice's pairs: its identities are then resampled among themselves. The
    threshold is held fixed, so the intervals are those of one model, not of training it again. That
    of accuracy also covers the mix of genuine and impostor pairs, which differs between replicates.
    A replicate takes one pass over the pairs; memory is a few arrays of N.

    Args:
      distances: [N], smaller is more alike.
      labels: [N], 1 same and 0 different.
      identities_a: [N], who the first image shows; strings, bytes or integers.
      identities_b: [N], who the second shows.
      threshold: The operating threshold, for accuracy, FMR and FNMR.
      fars: The limits of TAR at FAR.
      replicates: How often to resample.
      level: The share of the replicates inside the interval.
      seed: Of the resampling. One seed gives the same intervals.

    Returns:
      By name: ``accuracy``, ``fmr``, ``fnmr``, ``eer``, ``auc`` and ``tar_at_far_<limit>`` for each
      limit, such as ``tar_at_far_0.001``.

    Raises:
      ValueError: As ``check_pairs``; or identities and labels disagree; or ``replicates``,
        ``level`` or a limit is out of range.
    """
    if replicates < 1 or not 0 < level < 1:
        raise ValueError(
            f"replicates is {replicates} and level {level}; "
            "give 1 replicate or more, and a level between 0 and 1"
        )
    curve = sweep(distances, labels)
    resampled = Resampled(distances, labels, identities_a, identities_b)
    # The operating point that makes the same decisions as the threshold does.
    at = int(np.searchsorted(resampled.distinct, threshold, side="right"))
    names = ["accuracy", "fmr", "fnmr", "eer", "auc", *(f"tar_at_far_{far:g}" for far in fars)]
    random = np.random.default_rng(seed)
    people = resampled.people
    found = np.empty((replicates, len(names)))
    for row in found:
        copies = np.bincount(random.integers(0, people, people), minlength=people)
        row[:] = _metrics(resampled.counts(copies, curve.thresholds), at, fars)
    values = _metrics(curve, at, fars)
    tails = [(1 - level) / 2, (1 + level) / 2]
    intervals = {}
    for name, value, column in zip(names, values, found.T, strict=True):
        known = column[~np.isnan(column)]
        low, high = np.quantile(known, tails) if known.size else (np.nan, np.nan)
        intervals[name] = Interval(float(value), float(low), float(high), int(known.size))
    return intervals


class Resampled:
    """Pairs sorted once, so that a replicate costs two gathers and two cumulative sums."""

    def __init__(
        self,
        distances: npt.ArrayLike,
        labels: npt.ArrayLike,
        identities_a: npt.ArrayLike,
        identities_b: npt.ArrayLike,
    ) -> None:
        found, marks = check_pairs(distances, labels)
        first, second = np.asarray(identities_a), np.asarray(identities_b)
        if first.shape != found.shape or second.shape != found.shape:
            raise ValueError(
                f"identities have shapes {first.shape} and {second.shape} for {found.size} pairs; "
                "give two identities a pair"
            )
        wrong = (first == second) != (marks == 1)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(
                f"pair {at} has label {marks[at]} and identities {first.item(at)!r} and "
                f"{second.item(at)!r}; label 1 is for one identity, 0 for two"
            )
        known, index = np.unique(np.concatenate([first, second]), return_inverse=True)
        self.people: int = known.size
        self.distinct = np.unique(found).astype(np.float64)
        order = np.argsort(found, kind="stable")
        ordered, genuine = found[order], marks[order] == 1
        a, b = index[: found.size][order], index[found.size :][order]
        self._genuine = a[genuine]
        self._impostor_a, self._impostor_b = a[~genuine], b[~genuine]
        # How many pairs of each class lie at or below each distinct distance.
        self._genuine_upto = np.searchsorted(ordered[genuine], self.distinct, side="right")
        self._impostor_upto = np.searchsorted(ordered[~genuine], self.distinct, side="right")

    def counts(self, copies: IntArray, thresholds: FloatArray) -> Sweep:
        """The sweep over the pairs of a replicate that has identity i ``copies[i]`` times."""
        genuine = np.cumsum(np.append(0, copies[self._genuine]))
        impostor = np.cumsum(np.append(0, copies[self._impostor_a] * copies[self._impostor_b]))
        tp = np.append(0, genuine[self._genuine_upto])
        fp = np.append(0, impostor[self._impostor_upto])
        return Sweep(thresholds, tp, fp, tp[-1] - tp, fp[-1] - fp)


def _metrics(curve: Sweep, at: int, fars: Sequence[float]) -> list[float]:
    """The metrics of a sweep, NaN where it lacks the class; ``at`` is the operating point."""
    genuine, impostors, nan = curve.genuine, curve.impostors, float("nan")
    right = int(curve.tp[at] + curve.tn[at])
    row = [
        right / (genuine + impostors) if genuine + impostors else nan,
        int(curve.fp[at]) / impostors if impostors else nan,
        int(curve.fn[at]) / genuine if genuine else nan,
    ]
    if not genuine or not impostors:
        return row + [nan] * (2 + len(fars))
    return [*row, eer(curve).rate, auc(curve), *(tar_at_far(curve, far).tar for far in fars)]
