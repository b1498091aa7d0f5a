"""Confidence intervals of verification metrics, by resampling people rather than pairs.

Pairs are not independent: one hard face is in many of them, so resampling pairs gives intervals
that are far too narrow. The unit is the identity. A replicate draws as many identities as there
are, with replacement; identity i is drawn m_i times. A pair of two identities then occurs m_i * m_j
times, a pair of two images of one identity m_i times (once in each copy of the person). See Bolle,
Ratha and Pankanti, "Error analysis of pattern recognition systems: the subsets bootstrap" (2004),
and, as the vertex bootstrap, Fogliato, Patil and Perona, "Confidence intervals for error rates in
1:1 matching tasks" (IJCV 2024).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.metrics.roc import FloatArray, IntArray, Sweep, check_pairs, sweep
from components.metrics.table import METRICS, PairSample


@dataclass(frozen=True)
class Interval:
    """A metric and its percentile interval.

    An error that never occurred never occurs in a replicate either: a rate of 0 gets the interval
    [0, 0], which does not say how large the rate may be.

    Attributes:
      value: On the pairs as they are; NaN when they cannot show it.
      low: Lower end; NaN without a value, or when no replicate has one.
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
    metrics: Iterable[str] | None = None,
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
      threshold: The operating threshold.
      metrics: Names of the table ``METRICS``; None takes all. Those that need scores are left out.
      replicates: How often to resample.
      level: The share of the replicates inside the interval.
      seed: Of the resampling. One seed gives the same intervals.

    Returns:
      By the metric's name.

    Raises:
      ValueError: As ``check_pairs``; or identities and labels disagree; or ``replicates`` or
        ``level`` is out of range.
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
    chosen = [METRICS[name] for name in metrics or METRICS if not METRICS[name].needs_scores]
    random = np.random.default_rng(seed)
    people = resampled.people
    found = np.full((replicates, len(chosen)), np.nan)
    for row in found:
        copies = np.bincount(random.integers(0, people, people), minlength=people)
        drawn = PairSample.at(resampled.counts(copies, curve.thresholds), at)
        for column, metric in enumerate(chosen):
            if metric.defined(drawn):
                row[column] = metric.value(drawn)
    given = PairSample.at(curve, at)
    tails = [(1 - level) / 2, (1 + level) / 2]
    intervals = {}
    for metric, column in zip(chosen, found.T, strict=True):
        value, known = metric(given), column[~np.isnan(column)]
        if np.isnan(value):
            known = known[:0]
        low, high = np.quantile(known, tails) if known.size else (np.nan, np.nan)
        intervals[metric.name] = Interval(value, float(low), float(high), int(known.size))
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
