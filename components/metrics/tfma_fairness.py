"""The ratio between the error rates of an attribute's groups, as a TFMA metric.

So the stock Evaluator can withhold its blessing on it. A metric cannot see other slices than its
own, but on the slice of all pairs it sees every pair with its attributes, and that is enough.
"""

from collections.abc import Iterable
from typing import Literal

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import metrics as tfma_metrics
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.metrics.fairness import GroupRates, compare_counts
from components.metrics.tfma_metrics import labels_and_scores

# By group: genuine pairs, impostor pairs, false matches, false non-matches.
Counts = dict[str, np.ndarray]


class ErrorRateRatio(tfma_metrics.Metric):
    """How many times the worst group's FMR or FNMR is the best group's, at a score of 0.5.

    See ``components.metrics.fairness``. It is the ratio that the pairs do show (``at_least``), 1 or
    more; and 0 where there is nothing to compare, because groups are too small, or no pair is
    decided wrongly. So too few pairs stop no model: every upper bound holds.
    """

    def __init__(
        self, attribute: str, rate: Literal["fmr", "fnmr"], min_pairs: int, name: str = ""
    ) -> None:
        """Takes the attribute, the rate and the pairs that a group's rate needs to be compared.

        The name is ``<rate>_ratio_<attribute>`` if empty.
        """
        super().__init__(
            metric_util.merge_per_key_computations(_error_rate_ratio),
            name=name or f"{rate}_ratio_{attribute}",
            attribute=attribute,
            rate=rate,
            min_pairs=min_pairs,
        )


class _CountGroups(beam.CombineFn):
    """Counts pairs and errors by group, for one model."""

    def __init__(self, key: metric_types.MetricKey, attribute: str) -> None:
        self._key, self._attribute = key, attribute

    def create_accumulator(self) -> Counts:
        return {}

    def add_input(self, accumulator: Counts, element: metric_types.StandardMetricInputs) -> Counts:
        labels, scores = labels_and_scores(element, self._key)
        values = np.ravel(element.features[self._attribute])
        if values.size != 1:
            raise ValueError(
                f"pairs with {values.size} values of {self._attribute!r} came in one extract; use "
                "the extractors of components.metrics.tfma_extractors, and give each pair one value"
            )
        genuine, accepted = labels == 1, scores >= 0.5
        counts = np.array(
            [
                genuine.sum(),
                (~genuine).sum(),
                (~genuine & accepted).sum(),
                (genuine & ~accepted).sum(),
            ]
        )
        return self.merge_accumulators([accumulator, {_text(values[0]): counts}])

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        merged: Counts = {}
        for accumulator in accumulators:
            for value, counts in accumulator.items():
                merged[value] = merged.get(value, 0) + counts
        return merged

    def extract_output(self, accumulator: Counts) -> dict[metric_types.MetricKey, Counts]:
        return {self._key: accumulator}


def _text(value: bytes | str | int) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _error_rate_ratio(
    name: str,
    attribute: str,
    rate: str,
    min_pairs: int,
    model_name: str = "",
    output_name: str = "",
) -> metric_types.MetricComputations:
    # A name that starts with "_" stays out of the results; TFMA runs equal countings once.
    counts_key = metric_types.MetricKey(f"_groups_{attribute}", model_name, output_name)
    key = metric_types.MetricKey(name, model_name, output_name)

    def result(
        metrics: dict[metric_types.MetricKey, Counts],
    ) -> dict[metric_types.MetricKey, float]:
        groups = [
            GroupRates(value, *counts.tolist())
            for value, counts in sorted(metrics[counts_key].items())
        ]
        found = compare_counts(attribute, groups, min_pairs=min_pairs)
        ratio = found.fmr if rate == "fmr" else found.fnmr
        return {key: ratio.at_least or 0.0}

    return [
        metric_types.MetricComputation(
            keys=[counts_key],
            preprocessors=[metric_types.FeaturePreprocessor(feature_keys=[attribute])],
            combiner=_CountGroups(counts_key, attribute),
        ),
        metric_types.DerivedMetricComputation(keys=[key], result=result),
    ]
