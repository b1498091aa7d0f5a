"""Exact error rates of a verification system over every threshold its distances can tell apart.

One convention throughout: a smaller distance is more alike, label 1 is "same person", and a pair is
accepted when ``distance <= threshold``. FMR (false match rate, also FAR) is the share of the
impostor pairs that are accepted; FNMR (false non-match rate, also FRR) the share of the genuine
pairs that are not; TAR is 1 - FNMR. Names after ISO/IEC 19795-1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def check_pairs(
    distances: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[npt.NDArray[np.floating], IntArray]:
    """Checks that these are pairs that can be judged, and returns them as arrays.

    Args:
      distances: Finite, shape (N,). float32 stays float32: its rounding decides where ties are.
      labels: 0 or 1, shape (N,).

    Returns:
      The distances as floats and the labels as int64.

    Raises:
      ValueError: A shape, a label or a distance is not as above, or there is no pair.
    """
    found = np.asarray(distances)
    if not np.issubdtype(found.dtype, np.floating):
        found = found.astype(np.float64)
    marks = np.asarray(labels)
    if found.ndim != 1 or marks.shape != found.shape:
        raise ValueError(
            f"distances have shape {found.shape} and labels {marks.shape}; "
            "give one distance and one label a pair, both of shape (N,)"
        )
    if not found.size:
        raise ValueError("there are 0 pairs; give at least one")
    finite = np.isfinite(found)
    if not finite.all():
        at = int(np.argmin(finite))
        raise ValueError(
            f"{int((~finite).sum())} of {found.size} distances are not finite, "
            f"the first is {found[at]} of pair {at}; look for embeddings that are NaN or infinite"
        )
    known = (marks == 0) | (marks == 1)
    if not np.all(known):
        at = int(np.argmin(known))
        raise ValueError(f"label of pair {at} is {marks.item(at)!r}; use 1 (same) or 0 (different)")
    return found, marks.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Sweep:
    """The four counts at each threshold, by rising threshold.

    Attributes:
      thresholds: float64 [K + 1], in the unit of the distances.
      tp: int64 [K + 1], genuine pairs accepted.
      fp: int64 [K + 1], impostor pairs accepted.
      fn: int64 [K + 1], genuine pairs refused.
      tn: int64 [K + 1], impostor pairs refused.
    """

    thresholds: FloatArray
    tp: IntArray
    fp: IntArray
    fn: IntArray
    tn: IntArray

    @property
    def genuine(self) -> int:
        """The number of pairs that show one person."""
        return int(self.tp[0] + self.fn[0])

    @property
    def impostors(self) -> int:
        """The number of pairs that show two people."""
        return int(self.fp[0] + self.tn[0])

    @property
    def fmr(self) -> FloatArray:
        """False match rate, fp / impostors. Raises ValueError when there are no impostor pairs."""
        if not self.impostors:
            raise ValueError("FMR needs impostor pairs (label 0), and there are none")
        return self.fp / self.impostors

    @property
    def fnmr(self) -> FloatArray:
        """False non-match rate, fn / genuine. Raises ValueError when there are no genuine pairs."""
        if not self.genuine:
            raise ValueError("FNMR and TPR need genuine pairs (label 1), and there are none")
        return self.fn / self.genuine

    @property
    def tpr(self) -> FloatArray:
        """True positive rate, or TAR. Raises ValueError when there are no genuine pairs."""
        if not self.genuine:
            raise ValueError("FNMR and TPR need genuine pairs (label 1), and there are none")
        return self.tp / self.genuine

    @property
    def recall(self) -> FloatArray:
        """The same as ``tpr``."""
        return self.tpr

    @property
    def accuracy(self) -> FloatArray:
        """The share of the pairs that are decided rightly."""
        return (self.tp + self.tn) / (self.genuine + self.impostors)

    @property
    def precision(self) -> FloatArray:
        """The share of the accepted pairs that are genuine; NaN where no pair is accepted."""
        accepted = self.tp + self.fp
        undefined = np.full(accepted.shape, np.nan)
        return np.divide(self.tp, accepted, out=undefined, where=accepted > 0)


def separating_thresholds(distinct: npt.NDArray[np.floating]) -> FloatArray:
    """The thresholds that tell rising, distinct distances apart.

    The first accepts nothing, the last (the largest distance itself) everything, and each other one
    lies halfway between two neighbours. A served model compares in float32, so a threshold is a
    float32 value wherever one separates the two neighbours; for float32 distances one always does,
    the lower neighbour at the least.

    Args:
      distinct: [K], rising, K of 1 or more.

    Returns:
      float64 [K + 1], rising strictly; number k accepts the k smallest distances.
    """
    values = distinct.astype(np.float64)
    lower, upper = values[:-1], values[1:]
    middle = lower + (upper - lower) / 2
    # From the last resort to the best: each replaces the one before where it separates the two.
    # Of neighbouring floats the middle rounds to one of them, perhaps to the upper one.
    between = lower
    for choice in (middle, lower.astype(np.float32), middle.astype(np.float32)):
        between = np.where((lower <= choice) & (choice < upper), choice, between)
    low = np.float32(values[0])
    if low >= values[0]:
        low = np.nextafter(low, np.float32(-np.inf))
    # TensorFlow flushes subnormals to zero, and 0 would accept a distance of 0.
    if values[0] == 0:
        low = -np.finfo(np.float32).tiny
    return np.concatenate([[np.float64(low)], between, values[-1:]])


def sweep(distances: npt.ArrayLike, labels: npt.ArrayLike, counts: IntArray | None = None) -> Sweep:
    """Counts the right and wrong decisions at every threshold that makes a difference.

    There is one step for each of the K distinct distances, so pairs that tie are decided together.

    Args:
      distances: [N], smaller is more alike.
      labels: [N], 1 same and 0 different. One class alone will do for the rate of that class.
      counts: [N], how many pairs each of these stands for; one each by default.

    Returns:
      K + 1 operating points, from accepting nothing to accepting everything.

    Raises:
      ValueError: As ``check_pairs``.
    """
    found, marks = check_pairs(distances, labels)
    order = np.argsort(found, kind="stable")
    ordered = found[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), ordered.size - 1)
    genuine, impostors = (
        (marks, 1 - marks) if counts is None else (marks * counts, (1 - marks) * counts)
    )
    tp, fp = (
        np.concatenate([[0], np.cumsum(of_class[order])[ends]]) for of_class in (genuine, impostors)
    )
    return Sweep(separating_thresholds(ordered[ends]), tp, fp, tp[-1] - tp, fp[-1] - fp)


def counts_at(distances: npt.ArrayLike, labels: npt.ArrayLike, thresholds: npt.ArrayLike) -> Sweep:
    """The four counts at thresholds chosen beforehand.

    Args:
      distances: [N], smaller is more alike.
      labels: [N], 1 same and 0 different.
      thresholds: [T], in any order, kept.

    Raises:
      ValueError: As ``check_pairs``.
    """
    found, marks = check_pairs(distances, labels)
    wanted = np.atleast_1d(np.asarray(thresholds, np.float64))
    genuine, impostor = np.sort(found[marks == 1]), np.sort(found[marks == 0])
    tp = np.searchsorted(genuine.astype(np.float64), wanted, side="right").astype(np.int64)
    fp = np.searchsorted(impostor.astype(np.float64), wanted, side="right").astype(np.int64)
    return Sweep(wanted, tp, fp, genuine.size - tp, impostor.size - fp)


def auc(curve: Sweep) -> float:
    """The area under the ROC: how often a genuine pair is nearer than an impostor pair.

    Ties count half, so it equals the Mann-Whitney statistic U / (genuine * impostors). Summed in
    integers, hence exact up to the last division.

    Raises:
      ValueError: A class is missing.
    """
    _both_classes(curve, "AUC")
    doubled = int(np.sum(np.diff(curve.fp) * (curve.tp[1:] + curve.tp[:-1])))
    return doubled / (2 * curve.genuine * curve.impostors)


def average_precision(curve: Sweep) -> float:
    """The area under the precision-recall curve: the mean precision over the genuine pairs.

    Each genuine pair counts with the precision at its own distance; nothing is interpolated, since
    straight lines between points of this curve are too high (Davis and Goadrich, "The relationship
    between precision-recall and ROC curves", 2006).

    Raises:
      ValueError: A class is missing.
    """
    _both_classes(curve, "average precision")
    # Where people were resampled, nobody may lie at the smallest distances.
    precision = np.nan_to_num(curve.precision[1:])
    return float(np.sum(np.diff(curve.tp) * precision) / curve.genuine)


@dataclass(frozen=True)
class Eer:
    """The equal error rate, and the operating point that comes nearest to it.

    Attributes:
      rate: Where FMR and FNMR are equal, 0 to 1.
      threshold: The threshold with the smallest ``|FMR - FNMR|``; the lower of two that tie.
    """

    rate: float
    threshold: float


def eer(curve: Sweep) -> Eer:
    """The equal error rate: where the ROC's line segments cross FMR = FNMR.

    Real operating points seldom have FMR and FNMR exactly equal. As is usual, the ROC is taken as
    straight between neighbouring points and the crossing is solved for on that segment (the
    definition behind ``brentq`` over an interpolated ``roc_curve``); the convex hull, which reads a
    little lower, is not used. The crossing is found in integers. The threshold is a real operating
    point, so its rates may differ a little from ``rate``.

    Args:
      curve: From ``sweep``: from accepting nothing to accepting everything.

    Raises:
      ValueError: A class is missing.
    """
    _both_classes(curve, "EER")
    # FMR - FNMR times both counts. It rises with every step, from below 0 to above 0.
    gap = curve.fp * curve.genuine - curve.fn * curve.impostors
    after = int(np.argmax(gap >= 0))
    before = after - 1
    share = -int(gap[before]) / int(gap[after] - gap[before])
    rate = (curve.fp[before] + share * (curve.fp[after] - curve.fp[before])) / curve.impostors
    nearest = before if -gap[before] <= gap[after] else after
    return Eer(float(rate), float(curve.thresholds[nearest]))


def tar_at_far(curve: Sweep, far: float) -> float:
    """The largest TAR among the operating points with FAR of at most ``far``.

    An exact order statistic, with no interpolation and no bins: the TAR can really be had.

    Args:
      curve: From ``sweep``.
      far: The limit, above 0 and at most 1.

    Raises:
      ValueError: The limit is out of range, or a class is missing.
    """
    if not 0 < far <= 1:
        raise ValueError(f"far is {far}; give a limit above 0 and at most 1")
    _both_classes(curve, "TAR at FAR")
    # In counts: dividing all of them takes longer than the search.
    allowed = int(far * curve.impostors) + 1
    while allowed / curve.impostors > far:
        allowed -= 1
    within = int(np.searchsorted(curve.fp, allowed, side="right")) - 1
    return int(curve.tp[within]) / curve.genuine


def _both_classes(curve: Sweep, metric: str) -> None:
    if not curve.genuine or not curve.impostors:
        raise ValueError(
            f"{metric} needs both genuine and impostor pairs, "
            f"and there are {curve.genuine} and {curve.impostors}"
        )
