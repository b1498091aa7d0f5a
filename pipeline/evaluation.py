"""What Evaluator measures and which bounds bless a model, as TFMA's EvalConfig."""

import json
from collections.abc import Sequence

import numpy as np
import tensorflow_model_analysis as tfma
from google.protobuf import wrappers_pb2

from components import features
from pipeline.config import EvaluationConfig, Threshold

CANDIDATE, BASELINE = "candidate", "baseline"

# TFMA calls positive what is above its threshold; the model, what is at least 0.5. This is the
# float32 below 0.5, so that the two agree on every score.
_BELOW_HALF = float(np.nextafter(np.float32(0.5), np.float32(0)))

# Metric name as users write it: TFMA's class and its parameters.
_METRICS: dict[str, tuple[str, dict[str, float | list[float]]]] = {
    "binary_accuracy": ("BinaryAccuracy", {"threshold": _BELOW_HALF}),
    "precision": ("Precision", {"thresholds": _BELOW_HALF}),
    "recall": ("Recall", {"thresholds": _BELOW_HALF}),
    "auc": ("AUC", {"num_thresholds": 10_000}),
    "auc_precision_recall": ("AUCPrecisionRecall", {"num_thresholds": 10_000}),
    "confusion": ("ConfusionMatrixAtThresholds", {"thresholds": [_BELOW_HALF]}),
    "example_count": ("ExampleCount", {}),
}


def _double(value: float) -> wrappers_pb2.DoubleValue:
    return wrappers_pb2.DoubleValue(value=value)


def _metric_threshold(threshold: Threshold) -> tfma.MetricThreshold:
    result = tfma.MetricThreshold()
    if threshold.min is not None:
        result.value_threshold.lower_bound.CopyFrom(_double(threshold.min))
    if threshold.max is not None:
        result.value_threshold.upper_bound.CopyFrom(_double(threshold.max))
    if threshold.min_change is not None:
        result.change_threshold.direction = tfma.MetricDirection.HIGHER_IS_BETTER
        result.change_threshold.absolute.CopyFrom(_double(threshold.min_change))
    return result


def build_eval_config(config: EvaluationConfig, attributes: Sequence[str]) -> tfma.EvalConfig:
    """TFMA's config for scored pairs.

    Args:
      config: Thresholds, each for the overall slice or one that it names.
      attributes: Columns of the data set to slice by.
    """
    metrics = []
    for name, (class_name, parameters) in _METRICS.items():
        bounds = [
            tfma.PerSliceMetricThreshold(
                slicing_specs=[tfma.SlicingSpec(feature_values=threshold.slice)],
                threshold=_metric_threshold(threshold),
            )
            for threshold in config.thresholds
            if threshold.metric == name
        ]
        metrics.append(
            tfma.MetricConfig(
                class_name=class_name,
                config=json.dumps({"name": name, **parameters}),
                per_slice_thresholds=bounds,
            )
        )
    slices = [tfma.SlicingSpec()]
    slices += [tfma.SlicingSpec(feature_keys=[key]) for key in (features.PAIR_SET, *attributes)]
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                name=CANDIDATE,
                model_type="materialized_prediction",
                prediction_key=features.CANDIDATE_SCORE,
                label_key=features.LABEL,
            ),
            tfma.ModelSpec(
                name=BASELINE,
                is_baseline=True,
                model_type="materialized_prediction",
                prediction_key=features.BASELINE_SCORE,
                label_key=features.LABEL,
            ),
        ],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
        slicing_specs=slices,
    )
