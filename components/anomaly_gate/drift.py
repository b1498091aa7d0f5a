"""How far data has moved since the last blessed model, by TFDV's comparators."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from components.anomaly_gate.findings import Finding, anomaly_findings

# What a comparator finds begins with this; all else has been found before, by ExampleValidator.
_COMPARED: Final = "COMPARATOR_"
# With fewer, chance alone goes beyond the thresholds: random people of LFW had divergences of up to
# .26 in 30 photos, .10 in 100 and .02 in 1,000, and a quarter less light .17.
FEWEST: Final = 100
_MEND: Final = (
    "see whether the new data is meant to be different; if it is, let one run report it only "
    "(validation.stop_on_anomalies: false), or raise the threshold"
)


def drift_findings(
    split: str, now: Any, before: Any, schema: Any, attributes: Iterable[str], threshold: float
) -> list[Finding]:
    """The features of a split that are distributed otherwise than they were.

    Numbers are compared by the Jensen-Shannon divergence (Lin 1991), attributes by the largest
    change of a value's share, as TFDV computes them; see its ``validate_statistics``.

    Args:
      split: The split's name.
      now: ``DatasetFeatureStatisticsList`` of the split.
      before: That of the last blessed model.
      schema: Its features' ``drift_comparator`` has the thresholds.
      attributes: Features that the schema does not have.
      threshold: How far the share of an attribute's value may move.

    Returns:
      A finding for each feature beyond its threshold, with what it was and what it is. None where
      either has fewer than ``FEWEST`` examples.
    """
    if min(map(examples_in, (now, before))) < FEWEST:
        return []
    import tensorflow_data_validation as tfdv
    from tensorflow_metadata.proto.v0 import schema_pb2

    compared = schema_pb2.Schema()
    compared.CopyFrom(schema)
    both = _features(now).keys() & _features(before).keys()
    for name in sorted(set(attributes) & both):
        feature = compared.feature.add(name=name, type=schema_pb2.BYTES)
        feature.drift_comparator.infinity_norm.threshold = threshold
    anomalies = tfdv.validate_statistics(now, compared, previous_statistics=before)
    return compared_findings(
        split,
        anomalies,
        "Drift since the last blessed model",
        lambda name: _values(name, now, before),
        _MEND,
    )


def examples_in(statistics: Any) -> int:
    """How many examples statistics are of; StatisticsGen writes one data set, others several."""
    return sum(int(dataset.num_examples) for dataset in statistics.datasets)


def compared_findings(
    split: str, anomalies: Any, what: str, values: Callable[[str], str], mend: str
) -> list[Finding]:
    """What TFDV's comparators found, and nothing else of what it found.

    Args:
      split: The split's name.
      anomalies: Of TFDV.
      what: The finding in short.
      values: Says of a feature what it is on both sides.
      mend: What to do.
    """
    return [
        Finding(
            split,
            found.feature,
            found.kind,
            what,
            f"{found.detail} {values(found.feature)}".strip(),
            mend,
            found.stops,
        )
        for found in anomaly_findings(split, anomalies, set())
        if found.kind.startswith(_COMPARED)
    ]


def _features(statistics: Any) -> dict[str, Any]:
    return {
        ".".join(feature.path.step) or feature.name: feature
        for dataset in statistics.datasets
        for feature in dataset.features
    }


def mean_of(statistics: Any, name: str) -> float:
    """The mean of a feature that is a number."""
    return float(_features(statistics)[name].num_stats.mean)


def _values(name: str, now: Any, before: Any) -> str:
    """A feature's values then and now, in words."""
    new, old = _features(now)[name], _features(before)[name]
    if new.HasField("num_stats") and old.HasField("num_stats"):
        return f"Its mean is {new.num_stats.mean:.4g}, and was {old.num_stats.mean:.4g}."
    shares = [_shares(feature) for feature in (new, old)]
    values = sorted(shares[0].keys() | shares[1].keys())
    if not values:
        return ""
    most = max(values, key=lambda value: abs(shares[0].get(value, 0) - shares[1].get(value, 0)))
    return f"{most!r} has {shares[0].get(most, 0):.1%}, and had {shares[1].get(most, 0):.1%}."


def _shares(feature: Any) -> dict[str, float]:
    buckets = feature.string_stats.rank_histogram.buckets
    total = sum(bucket.sample_count for bucket in buckets)
    return {bucket.label: bucket.sample_count / total for bucket in buckets} if total else {}
