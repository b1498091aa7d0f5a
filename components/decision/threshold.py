"""The threshold: up to which distance two faces are one person."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.decision.config import DecisionConfig
from components.decision.slope import fit_slope
from components.metrics.roc import FloatArray, Sweep, check_pairs, sweep


@dataclass(frozen=True)
class Decision:
    """A chosen threshold with the slope of its score, and what it does on the pairs it came from.

    Attributes:
      threshold: A pair is "same" when its distance is at most this. Exact in float32 when the
        distances were.
      slope: Of the logistic score, above 0, in 1 / the unit of the distances. A float32 value.
      objective: What was asked for, for people to read, such as ``max_far(max_far=0.001)``.
      value: What was optimised, at the threshold: accuracy, |FMR - FNMR|, recall (``max_far``), FAR
        (``min_recall``), F-beta or the expected cost.
      tp: Genuine pairs accepted.
      fp: Impostor pairs accepted.
      fn: Genuine pairs refused.
      tn: Impostor pairs refused.
    """

    threshold: float
    slope: float
    objective: str
    value: float
    tp: int
    fp: int
    fn: int
    tn: int


def check_both(genuine: int, impostors: int) -> None:
    """Checks that there are pairs of both classes: without, no threshold can be chosen.

    Args:
      genuine: The number of pairs that show one person.
      impostors: The number of pairs that show two people.

    Raises:
      ValueError: There are not.
    """
    if not genuine or not impostors:
        raise ValueError(
            f"a threshold cannot be chosen on {genuine} genuine and {impostors} impostor pairs; "
            "the validation pairs need both"
        )


def best_point(curve: Sweep, config: DecisionConfig) -> int:
    """The operating point of a sweep that ``choose_threshold`` takes, as its index.

    Args:
      curve: Both classes are there.
      config: The objective.
    """
    _, merit = _judge(curve, config)
    best = np.flatnonzero(merit == merit.max())
    gap = np.abs(curve.fp * curve.genuine - curve.fn * curve.impostors)[best]
    return int(best[np.argmin(gap)])


def choose_threshold(
    distances: npt.ArrayLike, labels: npt.ArrayLike, config: DecisionConfig
) -> Decision:
    """Chooses the best threshold for an objective, among all that the distances can tell apart.

    Of thresholds that are equally good, it takes the one where FMR and FNMR differ least, and of
    those the lowest. ``max_far`` breaks ties of recall by the fewer false accepts first, and
    ``min_recall`` ties of FAR by the higher recall.

    Args:
      distances: [N], smaller is more alike.
      labels: [N], 1 same and 0 different.
      config: The objective.

    Raises:
      ValueError: As ``check_pairs`` and ``check_both``.
    """
    found, marks = check_pairs(distances, labels)
    curve = sweep(found, marks)
    check_both(curve.genuine, curve.impostors)
    at = best_point(curve, config)
    value, _ = _judge(curve, config)
    threshold = float(curve.thresholds[at])
    return Decision(
        threshold=threshold,
        slope=fit_slope(found, marks, threshold),
        objective=str(config),
        value=float(value[at]),
        tp=int(curve.tp[at]),
        fp=int(curve.fp[at]),
        fn=int(curve.fn[at]),
        tn=int(curve.tn[at]),
    )


def _judge(
    curve: Sweep, config: DecisionConfig
) -> tuple[FloatArray, npt.NDArray[np.integer] | FloatArray]:
    """The objective's value at each threshold, and a merit that is largest where it is best."""
    tp, fp, fn = curve.tp, curve.fp, curve.fn
    if config.objective == "accuracy":
        return curve.accuracy, tp + curve.tn
    if config.objective == "eer":
        return np.abs(curve.fmr - curve.fnmr), -np.abs(fp * curve.genuine - fn * curve.impostors)
    if config.max_far is not None:
        # One integer orders by recall first and by the fewer false accepts second.
        merit = tp * (curve.impostors + 1) - fp
        return curve.tpr, np.where(curve.fmr <= config.max_far, merit, np.iinfo(np.int64).min)
    if config.min_recall is not None:
        merit = tp - fp * (curve.genuine + 1)
        return curve.fmr, np.where(curve.tpr >= config.min_recall, merit, np.iinfo(np.int64).min)
    if config.beta is not None:
        weight = config.beta**2
        f_beta = (1 + weight) * tp / ((1 + weight) * tp + weight * fn + fp)
        return f_beta, f_beta
    asked = config.asked
    accept, reject = asked["false_accept_cost"], asked["false_reject_cost"]
    prior = asked["same_prior"]
    cost = prior * reject * curve.fnmr + (1 - prior) * accept * curve.fmr
    return cost, -cost
