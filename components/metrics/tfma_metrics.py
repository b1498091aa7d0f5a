"""The verification metrics as TFMA metrics: exact, sliced, for several models at once.

TFMA's own ROC metrics (AUC, AUCPrecisionRecall) count in 10,000 bins of the score and interpolate:
coarse where it matters most, at small FAR; 0 instead of undefined in a slice that lacks a class;
and slower than all the rest. These keep every score instead: 9 bytes a pair for each slice and
model (1.5 MB for 166,800 pairs), gathered and sorted once and shared by all the metrics below. A
metric is NaN where it is undefined, and NaN keeps within no threshold. Example weights are refused.

Use them from a ``tfma.MetricConfig`` with ``module="components.metrics.tfma_metrics"``, such as
``class_name="TarAtFar", config='{"far": 0.001}'``.
"""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import metrics as tfma_metrics
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.metrics import calibration, roc


@dataclass
class ScoredPairs:
    """Scores and labels of pairs, compact while they are gathered and sent between workers."""

    scores: array = field(default_factory=lambda: array("d"))
    labels: array = field(default_factory=lambda: array("b"))

    def sweep(self) -> roc.Sweep | None:
        """The sweep over all scores; None without both classes."""
        labels = np.frombuffer(self.labels, np.int8)
        if labels.size == 0 or labels.all() or not labels.any():
            return None
        # The one place where a score, higher for more alike, becomes a distance.
        return roc.sweep(-np.frombuffer(self.scores, np.float64), labels)


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

    def __init__(self, key: metric_types.MetricKey) -> None:
        self._key = key

    def create_accumulator(self) -> ScoredPairs:
        return ScoredPairs()

    def add_input(
        self, accumulator: ScoredPairs, element: metric_types.StandardMetricInputs
    ) -> ScoredPairs:
        labels, scores = labels_and_scores(element, self._key)
        accumulator.labels.frombytes(labels.astype(np.int8).tobytes())
        accumulator.scores.frombytes(scores.astype(np.float64).tobytes())
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[ScoredPairs]) -> ScoredPairs:
        merged = ScoredPairs()
        for accumulator in accumulators:
            merged.scores.extend(accumulator.scores)
            merged.labels.extend(accumulator.labels)
        return merged

    def extract_output(self, accumulator: ScoredPairs) -> dict[metric_types.MetricKey, ScoredPairs]:
        return {self._key: accumulator}


def _computations(
    value: Callable[[ScoredPairs, roc.Sweep | None], float],
    name: str,
    model_name: str,
    output_name: str,
) -> metric_types.MetricComputations:
    """Gathers the pairs, sweeps over them, then derives a metric; TFMA runs equal steps once."""
    # A name that starts with "_" stays out of the results.
    pairs_key = metric_types.MetricKey("_scored_pairs", model_name, output_name)
    sweep_key = metric_types.MetricKey("_sweep", model_name, output_name)
    key = metric_types.MetricKey(name, model_name, output_name)

    def swept(
        metrics: dict[metric_types.MetricKey, ScoredPairs],
    ) -> dict[metric_types.MetricKey, roc.Sweep | None]:
        return {sweep_key: metrics[pairs_key].sweep()}

    def result(metrics: dict) -> dict[metric_types.MetricKey, float]:
        return {key: value(metrics[pairs_key], metrics[sweep_key])}

    return [
        metric_types.MetricComputation(
            keys=[pairs_key], preprocessors=None, combiner=_GatherPairs(pairs_key)
        ),
        metric_types.DerivedMetricComputation(keys=[sweep_key], result=swept),
        metric_types.DerivedMetricComputation(keys=[key], result=result),
    ]


class PairCount(tfma_metrics.Metric):
    """How many pairs there are, however many of them an extract holds."""

    def __init__(self, name: str = "example_count") -> None:
        """Names the metric."""
        super().__init__(metric_util.merge_per_key_computations(_pair_count), name=name)


def _pair_count(
    name: str, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    def value(pairs: ScoredPairs, curve: roc.Sweep | None) -> float:
        return float(len(pairs.labels))

    return _computations(value, name, model_name, output_name)


class Auc(tfma_metrics.Metric):
    """The area under the ROC: see ``components.metrics.roc.auc``."""

    def __init__(self, name: str = "auc") -> None:
        """Names the metric."""
        super().__init__(metric_util.merge_per_key_computations(_auc), name=name)


def _auc(name: str, model_name: str = "", output_name: str = "") -> metric_types.MetricComputations:
    def value(pairs: ScoredPairs, curve: roc.Sweep | None) -> float:
        return roc.auc(curve) if curve else float("nan")

    return _computations(value, name, model_name, output_name)


class AveragePrecision(tfma_metrics.Metric):
    """The area under the precision-recall curve: see ``components.metrics.roc``."""

    def __init__(self, name: str = "auc_precision_recall") -> None:
        """Names the metric."""
        super().__init__(metric_util.merge_per_key_computations(_average_precision), name=name)


def _average_precision(
    name: str, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    def value(pairs: ScoredPairs, curve: roc.Sweep | None) -> float:
        return roc.average_precision(curve) if curve else float("nan")

    return _computations(value, name, model_name, output_name)


class EqualErrorRate(tfma_metrics.Metric):
    """The equal error rate: see ``components.metrics.roc.eer``."""

    def __init__(self, name: str = "eer") -> None:
        """Names the metric."""
        super().__init__(metric_util.merge_per_key_computations(_equal_error_rate), name=name)


def _equal_error_rate(
    name: str, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    def value(pairs: ScoredPairs, curve: roc.Sweep | None) -> float:
        return roc.eer(curve).rate if curve else float("nan")

    return _computations(value, name, model_name, output_name)


class TarAtFar(tfma_metrics.Metric):
    """The largest TAR with FAR of at most a limit: see ``components.metrics.roc.tar_at_far``.

    NaN where the impostor pairs are fewer than 1 / far: they cannot show such a FAR.
    """

    def __init__(self, far: float, name: str = "") -> None:
        """Takes the limit of FAR, above 0 and at most 1; the name is ``tar_at_far_<far>`` if empty.

        Raises:
          ValueError: The limit is out of range.
        """
        if not 0 < far <= 1:
            raise ValueError(f"far is {far}; give a limit above 0 and at most 1")
        super().__init__(
            metric_util.merge_per_key_computations(_tar_at_far),
            name=name or f"tar_at_far_{far:g}",
            far=far,
        )


def _tar_at_far(
    name: str, far: float, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    def value(pairs: ScoredPairs, curve: roc.Sweep | None) -> float:
        if curve is None:
            return float("nan")
        found = roc.tar_at_far(curve, far)
        return found.tar if found.resolved else float("nan")

    return _computations(value, name, model_name, output_name)


class BrierScore(tfma_metrics.Metric):
    """The Brier score: see ``components.metrics.calibration.brier_score``."""

    def __init__(self, name: str = "brier_score") -> None:
        """Names the metric."""
        super().__init__(metric_util.merge_per_key_computations(_brier_score), name=name)


def _brier_score(
    name: str, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    def value(pairs: ScoredPairs, curve: roc.Sweep | None) -> float:
        return calibration.brier_score(np.array(pairs.scores), np.array(pairs.labels))

    return _computations(value, name, model_name, output_name)


class ExpectedCalibrationError(tfma_metrics.Metric):
    """The calibration error: see ``components.metrics.calibration.expected_calibration_error``."""

    def __init__(self, bins: int = 15, name: str = "expected_calibration_error") -> None:
        """Takes the number of bins and the metric's name."""
        super().__init__(
            metric_util.merge_per_key_computations(_expected_calibration_error),
            name=name,
            bins=bins,
        )


def _expected_calibration_error(
    name: str, bins: int, model_name: str = "", output_name: str = ""
) -> metric_types.MetricComputations:
    def value(pairs: ScoredPairs, curve: roc.Sweep | None) -> float:
        scores, labels = np.array(pairs.scores), np.array(pairs.labels)
        return calibration.expected_calibration_error(scores, labels, bins)

    return _computations(value, name, model_name, output_name)
