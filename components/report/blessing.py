"""Why Evaluator did not bless a model, in sentences."""

from typing import Any

import tensorflow_model_analysis as tfma


def _slice_name(slice_key: Any) -> str:
    parts = [
        f"{single.column}:{(single.bytes_value or b'').decode() or single.int64_value}"
        for single in slice_key.single_slice_keys
    ]
    return ", ".join(parts) or "all test pairs"


def _bounds(threshold: Any) -> str:
    parts = []
    value = threshold.value_threshold
    if value.HasField("lower_bound"):
        parts.append(f"must be at least {value.lower_bound.value:g}")
    if value.HasField("upper_bound"):
        parts.append(f"must be at most {value.upper_bound.value:g}")
    change = threshold.change_threshold
    if change.HasField("absolute"):
        parts.append(f"may not change by less than {change.absolute.value:+g} from the baseline")
    return " and ".join(parts)


def missed_thresholds(evaluation: str) -> tuple[bool, list[str]]:
    """Whether all thresholds were kept, and a sentence for each that was not.

    Args:
      evaluation: Folder of a ModelEvaluation artifact.
    """
    result = tfma.load_validation_result(evaluation)
    reasons = []
    for checked in result.metric_validations_per_slice:
        for failure in checked.failures:
            value = failure.metric_value.double_value.value
            change = " (change)" if failure.metric_key.is_diff else ""
            reasons.append(
                f"{failure.metric_key.name}{change} is {value:.4f} on "
                f"{_slice_name(checked.slice_key)}; it {_bounds(failure.metric_threshold)}"
                + (f" [{failure.message}]" if failure.message else "")
            )
    for missing in result.missing_slices:
        reasons.append(f"no test pair is in the slice {missing}, on which a threshold is set")
    return result.validation_ok, reasons
