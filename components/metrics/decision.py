"""The decision: up to which distance two faces are one person, and the score a distance gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from components.metrics.roc import FloatArray, Sweep, check_pairs, counts_at, sweep
from components.section import Section

# A distance as far from the threshold as the mean distance scores within these logits of 0 (0.5).
MIN_LOGIT, MAX_LOGIT = 0.1, 15.0

REFERENCE_THRESHOLDS = tuple(step / 10 for step in range(1, 10))

_PARAMETERS: dict[str, tuple[str, ...]] = {
    "accuracy": (),
    "eer": (),
    "max_far": ("max_far",),
    "min_recall": ("min_recall",),
    "f_beta": ("beta",),
    "expected_cost": ("false_accept_cost", "false_reject_cost", "same_prior"),
}


class DecisionConfig(Section):
    """What the threshold is chosen for, on the validation pairs.

    * ``accuracy``: most pairs decided rightly.
    * ``eer``: FMR and FNMR as near to each other as they get.
    * ``max_far``: the highest recall with FAR of at most ``max_far``.
    * ``min_recall``: the lowest FAR with recall of at least ``min_recall``.
    * ``f_beta``: the highest F-beta score; ``beta`` above 1 favours recall, below 1 precision.
    * ``expected_cost``: the lowest cost of a decision, ``same_prior * FNMR * false_reject_cost +
      (1 - same_prior) * FMR * false_accept_cost``, where ``same_prior`` is how often a question in
      use is about one person (the detection cost function of NIST's speaker evaluations).

    A parameter is given exactly when its objective is chosen.
    """

    objective: Literal["accuracy", "eer", "max_far", "min_recall", "f_beta", "expected_cost"] = (
        "accuracy"
    )
    max_far: float | None = Field(default=None, gt=0, le=1)
    min_recall: float | None = Field(default=None, gt=0, le=1)
    beta: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    false_accept_cost: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    false_reject_cost: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    same_prior: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _parameters_fit(self) -> "DecisionConfig":
        needed = _PARAMETERS[self.objective]
        for names in _PARAMETERS.values():
            for name in names:
                given = getattr(self, name) is not None
                if given and name not in needed:
                    raise ValueError(
                        f"{name} has no meaning with objective {self.objective!r}; remove it"
                    )
                if not given and name in needed:
                    raise ValueError(f"objective {self.objective!r} needs {name}; set it")
        return self

    def __str__(self) -> str:
        parameters = ", ".join(f"{p}={getattr(self, p):g}" for p in _PARAMETERS[self.objective])
        return f"{self.objective}({parameters})" if parameters else self.objective


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


def check_reachable(genuine: int, impostors: int, config: DecisionConfig) -> None:
    """Checks that so many pairs can show what the objective asks for. Ask before training.

    Choosing needs both classes. FAR of at most x needs 1 / x impostor pairs: with fewer, every
    threshold without a false accept would do, whatever its true FAR.

    Args:
      genuine: The number of pairs that show one person.
      impostors: The number of pairs that show two people.
      config: The objective.

    Raises:
      ValueError: They cannot.
    """
    if not genuine or not impostors:
        raise ValueError(
            f"a threshold cannot be chosen on {genuine} genuine and {impostors} impostor pairs; "
            "the validation pairs need both"
        )
    if config.max_far is not None and 1 / impostors > config.max_far:
        raise ValueError(
            f"objective {config} cannot be shown by {impostors} impostor pairs; it needs at least "
            f"{int(np.ceil(round(1 / config.max_far, 6)))}: make more validation pairs, or allow "
            f"a FAR of {1 / impostors:.2g}"
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
      ValueError: As ``check_pairs`` and ``check_reachable``.
    """
    found, marks = check_pairs(distances, labels)
    curve = sweep(found, marks)
    check_reachable(curve.genuine, curve.impostors, config)
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
    accept, reject, prior = (getattr(config, name) for name in _PARAMETERS["expected_cost"])
    cost = prior * reject * curve.fnmr + (1 - prior) * accept * curve.fmr
    return cost, -cost


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


@dataclass(frozen=True)
class ReferenceRow:
    """What a fixed threshold does.

    Attributes:
      threshold: In the unit of the distances.
      accuracy: The share of the pairs decided rightly.
      precision: The share of the accepted pairs that are genuine; NaN when none is accepted.
      recall: The share of the genuine pairs that are accepted.
      fmr: The share of the impostor pairs that are accepted.
    """

    threshold: float
    accuracy: float
    precision: float
    recall: float
    fmr: float


def _rows(curve: Sweep) -> list[ReferenceRow]:
    columns = (curve.thresholds, curve.accuracy, curve.precision, curve.recall, curve.fmr)
    return [ReferenceRow(*map(float, row)) for row in zip(*columns, strict=True)]


def reference_sweep(
    distances: npt.ArrayLike,
    labels: npt.ArrayLike,
    thresholds: Sequence[float] = REFERENCE_THRESHOLDS,
) -> list[ReferenceRow]:
    """Tries a few fixed thresholds, as introductions to Siamese networks do: 0.1, 0.2 ... 0.9.

    For comparison only. The grid ignores the scale of the distances, so it may miss the best
    threshold by far, or all of them where distances exceed 1.

    Raises:
      ValueError: As ``check_pairs``, or a class is missing.
    """
    return _rows(counts_at(distances, labels, thresholds))


def format_reference_table(rows: Sequence[ReferenceRow], decision: Decision) -> str:
    """Prints the fixed thresholds above the chosen one, a line each, without a final line break.

    Args:
      rows: From ``reference_sweep``.
      decision: From ``choose_threshold``, on the same pairs.
    """
    chosen = Sweep(
        np.array([decision.threshold]),
        *(np.array([n]) for n in (decision.tp, decision.fp, decision.fn, decision.tn)),
    )
    lines = ["threshold  accuracy  precision  recall     FMR"]
    for row in (*rows, *_rows(chosen)):
        precision = "-" if np.isnan(row.precision) else f"{row.precision:.4f}"
        lines.append(
            f"{row.threshold:9.4f}  {row.accuracy:8.4f}  {precision:>9}  {row.recall:6.4f}  "
            f"{row.fmr:6.4f}"
        )
    lines[-1] += f"  <- {decision.objective}"
    return "\n".join(lines)
