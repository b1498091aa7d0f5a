"""Why Evaluator did not bless a model, in sentences and for programs."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

ALL_PAIRS: Final = "all test pairs"
# Beside the blessing.
BLESSING_FILE: Final = "blessing.json"


@dataclass(frozen=True)
class Reason:
    """A bound that the candidate did not keep.

    Attributes:
      metric: Its name; None where no test pair is in the slice.
      slice: ``all test pairs``, or column and value such as ``gender:female``.
      change: Whether the value is the candidate's minus the baseline's, not the candidate's own.
      value: What was measured; None where the slice lacks the pairs for it.
      min: The value must be at least this; None without such a bound.
      max: The value must be at most this; None without such a bound.
    """

    metric: str | None
    slice: str
    change: bool = False
    value: float | None = None
    min: float | None = None
    max: float | None = None

    def __str__(self) -> str:
        if self.metric is None:
            return f"no test pair is in {self.slice}, on which a threshold is set"
        name = self.metric
        for rate, words in (("fmr", "false match"), ("fnmr", "false non-match")):
            if name.startswith(f"{rate}_ratio_"):
                name += f" (the worst group's {words} rate over the best group's)"
        if self.change:
            name += ", candidate minus baseline,"
        bounds = []
        if self.min is not None:
            bounds.append(f"at least {self.min:g}")
        if self.max is not None:
            bounds.append(f"at most {self.max:g}")
        must = f"it must be {' and '.join(bounds)}"
        if self.value is None:
            return f"{name} is undefined on {self.slice}, which has too few pairs for it; {must}"
        return f"{name} is {self._number(self.value)} on {self.slice}; {must}"

    def _number(self, value: float) -> str:
        # Four digits, unless the value would then read like the bound that it missed.
        for bound in (self.min, self.max):
            if bound is not None and round(value, 4) == round(bound, 4):
                return repr(value)
        return f"{value:.4f}"

    def as_json(self) -> dict[str, Any]:
        """The attributes and the sentence."""
        return asdict(self) | {"text": str(self)}


def missed_thresholds(evaluation: str) -> list[Reason]:
    """A reason for each threshold that was not kept, those over all test pairs first.

    Args:
      evaluation: Folder of a ModelEvaluation artifact.
    """
    # Imports for 20 seconds.
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.proto.config_pb2 import MetricDirection

    result = tfma.load_validation_result(evaluation)
    reasons = []
    for checked in result.metric_validations_per_slice:
        for failure in checked.failures:
            value = failure.metric_value.double_value.value
            known = failure.HasField("metric_value") and not math.isnan(value)
            low, high = _bounds(failure.metric_threshold, MetricDirection.HIGHER_IS_BETTER)
            reasons.append(
                Reason(
                    metric=failure.metric_key.name.removesuffix("_diff"),
                    slice=_slice_name(checked.slice_key),
                    change=failure.metric_key.is_diff,
                    value=value if known else None,
                    min=low,
                    max=high,
                )
            )
    for missing in result.missing_slices:
        pairs = sorted(missing.feature_values.items())
        reasons.append(
            Reason(metric=None, slice=", ".join(f"{key}:{value}" for key, value in pairs))
        )
    return sorted(
        reasons, key=lambda reason: (reason.slice != ALL_PAIRS, reason.slice, reason.metric or "")
    )


def _slice_name(slice_key: Any) -> str:
    parts = []
    for single in slice_key.single_slice_keys:
        kind = single.WhichOneof("kind")
        value = getattr(single, kind)
        parts.append(f"{single.column}:{value.decode() if isinstance(value, bytes) else value}")
    return ", ".join(sorted(parts)) or ALL_PAIRS


def _bounds(threshold: Any, higher: int) -> tuple[float | None, float | None]:
    if threshold.HasField("change_threshold"):
        change = threshold.change_threshold
        bound = change.absolute.value
        return (bound, None) if change.direction == higher else (None, bound)
    value = threshold.value_threshold
    return (
        value.lower_bound.value if value.HasField("lower_bound") else None,
        value.upper_bound.value if value.HasField("upper_bound") else None,
    )
