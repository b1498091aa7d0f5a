"""Reads scored pairs into TFMA many at a time: ``module_path`` of an Evaluator.

TFMA handles an extract (by default: one pair) in Python, for every slice, model and metric anew;
166,800 pairs take minutes. But an extract may hold many labels and as many predictions, and then a
binary metric takes each of them as one example (TFMA's way with multi-label models). So the pairs
of a batch that lie in the same slices become one extract here. The metrics are the same to the last
digit, in a fraction of the time; but what counts extracts, as ``ExampleCount`` does, no longer
counts pairs: see ``PairCount``.
"""

from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import materialized_predictions_extractor
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig

# Labels and predictions of a batch: an array, or arrays by model and output.
_Values = np.ndarray | Mapping[str, "_Values"]


def custom_extractors(
    eval_shared_model: Any,
    eval_config: EvalConfig,
    tensor_adapter_config: Any,
) -> list[tfma.extractors.Extractor]:
    """The extractors of scored pairs; Evaluator looks the function up by this name.

    Args:
      eval_shared_model: Not needed: the predictions are in the examples.
      eval_config: Its models have a ``label_key`` and a ``prediction_key``.
      tensor_adapter_config: Not needed: every column has one value a pair.
    """
    del eval_shared_model, tensor_adapter_config
    columns = {
        name
        for spec in eval_config.slicing_specs
        for name in (*spec.feature_keys, *spec.feature_values)
    }
    return [
        tfma.extractors.FeaturesExtractor(eval_config),
        tfma.extractors.LabelsExtractor(eval_config),
        materialized_predictions_extractor.MaterializedPredictionsExtractor(eval_config),
        tfma.extractors.Extractor(
            stage_name="GroupPairs",
            ptransform=beam.FlatMap(group_pairs, tuple(sorted(columns))),
        ),
        tfma.extractors.SliceKeyExtractor(eval_config=eval_config, materialize=False),
    ]


def group_pairs(extracts: tfma.Extracts, slice_columns: tuple[str, ...]) -> list[tfma.Extracts]:
    """Splits a batch into extracts of pairs that have the same value in each of the columns.

    Args:
      extracts: A batch: features, labels and predictions, each ``[N]`` or ``[N, 1]``.
      slice_columns: The features that slices are made of; the others are dropped.

    Raises:
      ValueError: A column is not among the features.
    """
    features = extracts[tfma.FEATURES_KEY]
    labels, predictions = extracts[tfma.LABELS_KEY], extracts[tfma.PREDICTIONS_KEY]
    missing = [name for name in slice_columns if name not in features]
    if missing:
        raise ValueError(
            f"scored pairs have no column {missing[0]!r} to slice by; they have {sorted(features)}"
        )
    values = [np.ravel(features[name]) for name in slice_columns]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, group in enumerate(zip(*values, strict=True)):
        groups.setdefault(group, []).append(row)
    if not slice_columns:
        groups[()] = list(range(_rows(labels)))
    return [
        {
            tfma.FEATURES_KEY: {
                name: np.array([value]) for name, value in zip(slice_columns, group, strict=True)
            },
            tfma.LABELS_KEY: _take(labels, rows),
            tfma.PREDICTIONS_KEY: _take(predictions, rows),
        }
        for group, rows in groups.items()
    ]


def _rows(values: _Values) -> int:
    while isinstance(values, Mapping):
        values = next(iter(values.values()))
    return len(values)


def _take(values: _Values, rows: list[int]) -> _Values:
    if isinstance(values, Mapping):
        return {name: _take(inner, rows) for name, inner in values.items()}
    return np.ravel(values)[rows]
