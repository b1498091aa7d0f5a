"""What Evaluator measures and which bounds bless a model, as TFMA's EvalConfig."""

import json
from collections.abc import Sequence

from google.protobuf import wrappers_pb2
from tensorflow_model_analysis.proto.config_pb2 import (
    EvalConfig,
    MetricConfig,
    MetricDirection,
    MetricsSpec,
    MetricThreshold,
    ModelSpec,
    PerSliceMetricThreshold,
    SlicingSpec,
)

from components import features
from components.metrics.fairness import FairnessConfig
from components.metrics.table import METRICS
from pipeline.config import ConfigError, EvaluationConfig, Threshold

CANDIDATE, BASELINE = "candidate", "baseline"

_PAIRS = "components.metrics.tfma_metrics"
_FAIRNESS = "components.metrics.tfma_fairness"


def _double(value: float) -> wrappers_pb2.DoubleValue:
    return wrappers_pb2.DoubleValue(value=value)


def _metric_threshold(threshold: Threshold) -> MetricThreshold:
    result = MetricThreshold()
    if threshold.min is not None:
        result.value_threshold.lower_bound.CopyFrom(_double(threshold.min))
    if threshold.max is not None:
        result.value_threshold.upper_bound.CopyFrom(_double(threshold.max))
    if threshold.may_worsen_by is not None:
        # TFMA bounds the candidate's value minus the baseline's.
        higher, allowed = METRICS[threshold.metric].higher_is_better, threshold.may_worsen_by
        change = result.change_threshold
        change.direction = (
            MetricDirection.HIGHER_IS_BETTER if higher else MetricDirection.LOWER_IS_BETTER
        )
        change.absolute.CopyFrom(_double(-allowed if higher else allowed))
    return result


def _metric(name: str, config: EvaluationConfig) -> MetricConfig:
    return MetricConfig(
        module=_PAIRS,
        class_name="PairMetric",
        config=json.dumps({"name": name, "exact_pairs": config.exact_pairs}),
        per_slice_thresholds=[
            PerSliceMetricThreshold(
                slicing_specs=[SlicingSpec(feature_values=threshold.slice)],
                threshold=_metric_threshold(threshold),
            )
            for threshold in config.thresholds
            if threshold.metric == name
        ],
    )


def _fairness_metrics(config: FairnessConfig, attributes: Sequence[str]) -> list[MetricConfig]:
    metrics = []
    for attribute in attributes:
        for rate, bound in (("fmr", config.max_fmr_ratio), ("fnmr", config.max_fnmr_ratio)):
            parameters = {
                "name": f"{rate}_ratio_{attribute}",
                "attribute": attribute,
                "rate": rate,
                "min_pairs": config.min_pairs,
            }
            metric = MetricConfig(
                module=_FAIRNESS, class_name="ErrorRateRatio", config=json.dumps(parameters)
            )
            if bound is not None:
                # A bound on the empty slice, all pairs: only there are all groups to compare.
                gate = metric.per_slice_thresholds.add(slicing_specs=[SlicingSpec()])
                gate.threshold.value_threshold.upper_bound.CopyFrom(_double(bound))
            metrics.append(metric)
    return metrics


def _slices(config: EvaluationConfig, columns: Sequence[str]) -> list[SlicingSpec]:
    slices = [SlicingSpec()]
    slices += [SlicingSpec(feature_keys=[key]) for key in columns]
    for threshold in config.thresholds:
        unknown = [key for key in threshold.slice if key not in columns]
        if unknown:
            raise ConfigError(
                f"evaluation.thresholds: the slice {threshold.slice} of {threshold.metric} names "
                f"{unknown[0]!r}, and the data can be sliced by {', '.join(columns)}; choose one "
                "of these, or add the column to the image list"
            )
        # TFMA makes no slice for a threshold; one value of one column is among those above.
        crossed = SlicingSpec(feature_values=threshold.slice)
        if len(threshold.slice) > 1 and crossed not in slices:
            slices.append(crossed)
    return slices


def build_eval_config(config: EvaluationConfig, attributes: Sequence[str]) -> EvalConfig:
    """TFMA's config for scored pairs.

    Args:
      config: Thresholds, each for the overall slice or one that it names.
      attributes: Columns of the data set to slice by.

    Raises:
      ConfigError: A threshold is for a slice of a column that the data do not have.
    """
    metrics = [
        MetricConfig(
            module=_PAIRS,
            class_name=metric,
            config=json.dumps({"name": name, "exact_pairs": config.exact_pairs}),
        )
        for metric, name in (("PairCount", "example_count"), ("PairConfusion", "confusion"))
    ]
    metrics += [_metric(name, config) for name in METRICS]
    metrics += _fairness_metrics(config.fairness, attributes)
    return EvalConfig(
        model_specs=[
            ModelSpec(
                name=CANDIDATE,
                model_type="materialized_prediction",
                prediction_key=features.CANDIDATE_SCORE,
                label_key=features.LABEL,
            ),
            ModelSpec(
                name=BASELINE,
                is_baseline=True,
                model_type="materialized_prediction",
                prediction_key=features.BASELINE_SCORE,
                label_key=features.LABEL,
            ),
        ],
        metrics_specs=[MetricsSpec(metrics=metrics)],
        slicing_specs=_slices(config, (features.PAIR_SET, *attributes)),
    )
