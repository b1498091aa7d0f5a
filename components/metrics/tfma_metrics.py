"""The table of metrics as TFMA metrics: exact, sliced, for several models at once.

TFMA's own ROC metrics (AUC, AUCPrecisionRecall) count in 10,000 bins of the score and interpolate:
coarse where it matters most, at small FAR; 0 instead of undefined in a slice that lacks a class;
and slower than all the rest. These keep every score instead: 9 bytes a pair for each slice and
model (1.5 MB for 166,800 pairs), gathered and sorted once and shared by all metrics; and of more
pairs than ``exact_pairs``, a sketch. A metric is NaN where it is undefined, and NaN keeps within no
threshold. Example weights are refused.

Use them from a ``tfma.MetricConfig`` with ``module="components.metrics.tfma_metrics"``,
``class_name="PairMetric"`` and a name of the table, such as ``config='{"name": "eer"}'``.
"""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import metrics as tfma_metrics
from tensorflow_model_analysis.metrics import (
    binary_confusion_matrices,
    metric_types,
    metric_util,
)

from components.metrics.sketch import EXACT_PAIRS, ScoreSketch
from components.metrics.table import METRICS, PairSample

# TFMA calls positive what is above its threshold; the model, what is at least 0.5. This is the
# float32 below 0.5, so that the two agree on every score.
_BELOW_HALF: Final = float(np.nextafter(np.float32(0.5), np.float32(0)))

# Of a sketch: how many pairs are gathered before they are counted in.
_COUNTED_AT_ONCE: Final = 65_536


@dataclass
class ScoredPairs:
    """Scores and labels of pairs, compact while they are gathered and sent between workers.

    Attributes:
      exact_pairs: Of how many pairs all scores are kept. Of more, a sketch is.
    """

    exact_pairs: int = EXACT_PAIRS
    scores: array = field(default_factory=lambda: array("d"))
    labels: array = field(default_factory=lambda: array("b"))
    sketch: ScoreSketch | None = None

    def add(self, labels: np.ndarray, scores: np.ndarray) -> None:
        """Adds pairs."""
        self.labels.frombytes(labels.astype(np.int8).tobytes())
        self.scores.frombytes(scores.astype(np.float64).tobytes())
        most = self.exact_pairs if self.sketch is None else _COUNTED_AT_ONCE
        if len(self.scores) > most:
            self._count_in()

    def extend(self, other: "ScoredPairs") -> None:
        """Adds the pairs of another."""
        if other.sketch is not None:
            self._count_in()
            self.sketch = ScoreSketch.merged(filter(None, (self.sketch, other.sketch)))
        self.add(np.array(other.labels), np.array(other.scores))

    def sample(self) -> PairSample:
        """What the metrics take."""
        if self.sketch is not None:
            self._count_in()
            return self.sketch.sample()
        scores = np.array(self.scores)
        # The one place where a score, higher for more alike, becomes a distance.
        return PairSample.of(np.array(self.labels), scores, -scores)

    def _count_in(self) -> None:
        """Makes the scores that are kept a part of the sketch."""
        counted = ScoreSketch.of(np.array(self.labels), np.array(self.scores))
        self.sketch = ScoreSketch.merged(filter(None, (self.sketch, counted)))
        self.scores, self.labels = array("d"), array("b")


def labels_and_scores(
    element: metric_types.StandardMetricInputs, key: metric_types.MetricKey
) -> tuple[np.ndarray, np.ndarray]:
    """The labels (0 or 1) and scores of the pairs in an extract, as many of each.

    Read directly: TFMA's general conversion (classes, vocabularies, weights) takes several times as
    long, for every pair, slice and model.

    Raises:
      ValueError: There are not as many labels as scores, or they are of another kind.
    """
    model, output = key.model_name, key.output_name
    labels = np.ravel(element.get_labels(model, output))
    scores = np.ravel(element.get_predictions(model, output))
    known = labels.size and bool(np.isin(labels, (0, 1)).all())
    if not known or scores.size != labels.size or scores.dtype.kind != "f":
        raise ValueError(
            f"pairs of model {model!r} have labels {labels}, scores {scores}; give each one label "
            "(0 or 1) and one score: check label_key and prediction_key of its tfma.ModelSpec"
        )
    return labels, scores


class _GatherPairs(beam.CombineFn):
    """Gathers the scores and labels of one model."""

    def __init__(self, key: metric_types.MetricKey, exact_pairs: int = EXACT_PAIRS) -> None:
        self._key, self._exact_pairs = key, exact_pairs

    def create_accumulator(self) -> ScoredPairs:
        return ScoredPairs(self._exact_pairs)

    def add_input(
        self, accumulator: ScoredPairs, element: metric_types.StandardMetricInputs
    ) -> ScoredPairs:
        accumulator.add(*labels_and_scores(element, self._key))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[ScoredPairs]) -> ScoredPairs:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.extend(accumulator)
        return merged

    def extract_output(self, accumulator: ScoredPairs) -> dict[metric_types.MetricKey, ScoredPairs]:
        return {self._key: accumulator}


def _computations(
    value: Callable[[PairSample], Any],
    name: str,
    exact_pairs: int,
    model_name: str,
    output_name: str,
) -> metric_types.MetricComputations:
    """Gathers the pairs, prepares them, then derives a metric; TFMA runs equal steps once."""
    # A name that starts with "_" stays out of the results.
    pairs_key = metric_types.MetricKey("_scored_pairs", model_name, output_name)
    sample_key = metric_types.MetricKey("_pair_sample", model_name, output_name)
    key = metric_types.MetricKey(name, model_name, output_name)

    def prepared(
        metrics: dict[metric_types.MetricKey, ScoredPairs],
    ) -> dict[metric_types.MetricKey, PairSample]:
        return {sample_key: metrics[pairs_key].sample()}

    def result(
        metrics: dict[metric_types.MetricKey, PairSample],
    ) -> dict[metric_types.MetricKey, Any]:
        return {key: value(metrics[sample_key])}

    return [
        metric_types.MetricComputation(
            keys=[pairs_key], preprocessors=None, combiner=_GatherPairs(pairs_key, exact_pairs)
        ),
        metric_types.DerivedMetricComputation(keys=[sample_key], result=prepared),
        metric_types.DerivedMetricComputation(keys=[key], result=result),
    ]


class PairMetric(tfma_metrics.Metric):
    """A metric of the table ``METRICS``."""

    def __init__(self, name: str, exact_pairs: int = EXACT_PAIRS) -> None:
        """Takes the metric's name, and of how many pairs it keeps all scores.

        Raises:
          ValueError: The table has no such metric.
        """
        if name not in METRICS:
            raise ValueError(f"there is no metric {name!r}; choose one of {', '.join(METRICS)}")
        super().__init__(
            metric_util.merge_per_key_computations(_pair_metric), name=name, exact_pairs=exact_pairs
        )


def _pair_metric(
    name: str, exact_pairs: int, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    return _computations(partial(_value, name), name, exact_pairs, model_name, output_name)


def _value(name: str, pairs: PairSample) -> float:
    # Looked up where it is computed: what is sent to a worker is the name.
    return METRICS[name](pairs)


class PairCount(tfma_metrics.Metric):
    """How many pairs there are, however many of them an extract holds."""

    def __init__(self, name: str = "example_count", exact_pairs: int = EXACT_PAIRS) -> None:
        """Names the metric; ``exact_pairs`` as of the others, with which it shares the counting."""
        super().__init__(
            metric_util.merge_per_key_computations(_pair_count), name=name, exact_pairs=exact_pairs
        )


def _pair_count(
    name: str, exact_pairs: int, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    return _computations(_count, name, exact_pairs, model_name, output_name)


def _count(pairs: PairSample) -> float:
    return float(pairs.curve.genuine + pairs.curve.impostors)


class PairConfusion(tfma_metrics.Metric):
    """The confusion matrix of the decision, in the form that TFMA's page draws.

    TFMA's ``ConfusionMatrixAtThresholds`` takes half of Evaluator's time for it: it handles each
    pair in Python.
    """

    def __init__(self, name: str = "confusion", exact_pairs: int = EXACT_PAIRS) -> None:
        """Names the metric; ``exact_pairs`` as of ``PairCount``."""
        super().__init__(
            metric_util.merge_per_key_computations(_pair_confusion),
            name=name,
            exact_pairs=exact_pairs,
        )


def _pair_confusion(
    name: str, exact_pairs: int, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    return _computations(_confusion, name, exact_pairs, model_name, output_name)


def _confusion(pairs: PairSample) -> binary_confusion_matrices.Matrices:
    counts = {name: [float(getattr(pairs, name))] for name in ("tp", "tn", "fp", "fn")}
    return binary_confusion_matrices.Matrices(thresholds=[_BELOW_HALF], **counts)
