"""Every metric of pairs: what is measured, shown and can gate is an entry of ``METRICS``, once.

The names that a threshold may have, TFMA's metrics, ``summary.json``, the intervals, the report and
the lines at the end of a run are made from this table. A new metric is one entry in it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from components.metrics import calibration, roc
from components.metrics.roc import FloatArray, IntArray, Sweep

# Where room is short, so that an entry says whether it is shown: the columns and the interval lines
# at the end of a run; the report's large numbers, and the columns of its slices and pair sets.
Place = Literal["columns", "intervals", "tiles", "groups"]


@dataclass(frozen=True, eq=False)
class PairSample:
    """Pairs, prepared for every metric.

    Attributes:
      curve: The counts at every threshold that the distances tell apart.
      tp: Genuine pairs that the decision accepts.
      fp: Impostor pairs that it accepts.
      fn: Genuine pairs that it refuses.
      tn: Impostor pairs that it refuses.
      scores: [N], 0 to 1; empty where people were resampled, who have distances only.
      labels: [N], of the scores.
      counts: [N], how many pairs have each of the scores; None is one each.
    """

    curve: Sweep
    tp: int
    fp: int
    fn: int
    tn: int
    scores: FloatArray = field(default_factory=lambda: np.empty(0))
    labels: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    counts: IntArray | None = None

    @classmethod
    def of(
        cls,
        labels: npt.ArrayLike,
        scores: npt.ArrayLike,
        distances: npt.ArrayLike,
        counts: IntArray | None = None,
    ) -> "PairSample":
        """Scored pairs. A score of at least 0.5 is the decision "same".

        What depends on no threshold is read off the distances, which the scores, near 0 and 1,
        round to ties.

        Args:
          labels: [N], 1 same and 0 different.
          scores: [N], 0 to 1.
          distances: [N], smaller is more alike.
          counts: [N], how many pairs each of these stands for; None is one each.

        Raises:
          ValueError: As ``roc.check_pairs``.
        """
        curve = roc.sweep(distances, labels, counts)
        marks, found = np.asarray(labels, np.int64), np.asarray(scores, np.float64)
        accepted = found >= 0.5
        pairs = np.ones_like(marks) if counts is None else counts
        tp, fp = (int(pairs[accepted & (marks == label)].sum()) for label in (1, 0))
        return cls(curve, tp, fp, curve.genuine - tp, curve.impostors - fp, found, marks, counts)

    @classmethod
    def at(cls, curve: Sweep, row: int) -> "PairSample":
        """Pairs of which only the counts are known, with the operating point of a row."""
        tp, fp, fn, tn = (int(count[row]) for count in (curve.tp, curve.fp, curve.fn, curve.tn))
        return cls(curve, tp, fp, fn, tn)


@dataclass(frozen=True)
class Metric:
    """What can be measured on pairs.

    Attributes:
      name: In a threshold of a config, in TFMA's results, in ``summary.json``, on the screen.
      title: For people.
      value: Takes pairs of the classes that it needs. NaN where they leave it undefined.
      higher_is_better: Its better direction.
      needs: How many genuine and how many impostor pairs; 0 where it does without the class.
      needs_scores: Whether it reads the scores. It then has no interval over people.
      percent: Whether a large number of the report shows it in percent.
      short: For a narrow column; the name where it is empty.
      shown: Where it stands although room is short. Everything else shows all metrics.
    """

    name: str
    title: str
    value: Callable[[PairSample], float]
    higher_is_better: bool = True
    needs: tuple[int, int] = (0, 0)
    needs_scores: bool = False
    percent: bool = True
    short: str = ""
    shown: tuple[Place, ...] = ()

    def defined(self, pairs: PairSample) -> bool:
        """Whether each class that it needs is there."""
        return all(there >= min(1, need) for there, need in self._there_and_needed(pairs))

    def resolved(self, pairs: PairSample) -> bool:
        """Whether the pairs of each class are many enough to show it."""
        return all(there >= need for there, need in self._there_and_needed(pairs))

    def _there_and_needed(self, pairs: PairSample) -> Iterator[tuple[int, int]]:
        return zip((pairs.curve.genuine, pairs.curve.impostors), self.needs, strict=True)

    def __call__(self, pairs: PairSample) -> float:
        """The metric; NaN where the pairs cannot show it."""
        return float(self.value(pairs)) if self.resolved(pairs) else math.nan


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _tar_at_far(far: float, *places: Place) -> Metric:
    return Metric(
        f"tar_at_far_{far:g}",
        f"TAR at FAR {100 * far:g} %",
        lambda pairs: roc.tar_at_far(pairs.curve, far),
        # With fewer impostor pairs, none may be accepted, and the measured FAR is 0 whatever the
        # true one is: the TAR would be that of the strictest threshold, not of the limit.
        needs=(1, math.ceil(round(1 / far, 6))),
        shown=places,
    )


_ENTRIES = (
    Metric(
        "binary_accuracy",
        "Accuracy",
        lambda pairs: _share(pairs.tp + pairs.tn, pairs.tp + pairs.fp + pairs.fn + pairs.tn),
        short="accuracy",
        shown=("columns", "intervals", "tiles", "groups"),
    ),
    Metric(
        "precision",
        "Precision",
        lambda pairs: _share(pairs.tp, pairs.tp + pairs.fp),
        needs=(1, 0),
        shown=("columns", "groups"),
    ),
    Metric(
        "recall",
        "Recall",
        lambda pairs: _share(pairs.tp, pairs.tp + pairs.fn),
        shown=("columns", "groups"),
    ),
    Metric(
        "auc",
        "ROC AUC",
        lambda pairs: roc.auc(pairs.curve),
        needs=(1, 1),
        percent=False,
        short="AUC",
        shown=("columns", "intervals", "tiles", "groups"),
    ),
    Metric(
        "eer",
        "Equal error rate (EER)",
        lambda pairs: roc.eer(pairs.curve).rate,
        higher_is_better=False,
        needs=(1, 1),
        short="EER",
        shown=("intervals", "tiles", "groups"),
    ),
    _tar_at_far(0.1, "intervals"),
    _tar_at_far(0.01, "intervals", "tiles"),
    _tar_at_far(0.001, "intervals"),
    Metric(
        "fmr",
        "False match rate (FMR)",
        lambda pairs: _share(pairs.fp, pairs.fp + pairs.tn),
        higher_is_better=False,
        short="FMR",
        shown=("groups",),
    ),
    Metric(
        "fnmr",
        "False non-match rate (FNMR)",
        lambda pairs: _share(pairs.fn, pairs.fn + pairs.tp),
        higher_is_better=False,
        short="FNMR",
        shown=("groups",),
    ),
    Metric("f1", "F1", lambda pairs: _share(2 * pairs.tp, 2 * pairs.tp + pairs.fp + pairs.fn)),
    Metric(
        "auc_precision_recall",
        "PR AUC",
        lambda pairs: roc.average_precision(pairs.curve),
        needs=(1, 1),
        percent=False,
    ),
    Metric(
        "brier_score",
        "Brier score",
        lambda pairs: calibration.brier_score(pairs.scores, pairs.labels, pairs.counts),
        higher_is_better=False,
        needs_scores=True,
        percent=False,
    ),
    Metric(
        "expected_calibration_error",
        "Expected calibration error",
        lambda pairs: calibration.expected_calibration_error(
            pairs.scores, pairs.labels, counts=pairs.counts
        ),
        higher_is_better=False,
        needs_scores=True,
        percent=False,
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ENTRIES}


def shown_in(place: Place) -> list[Metric]:
    """The metrics that stand where room is short."""
    return [metric for metric in METRICS.values() if place in metric.shown]
