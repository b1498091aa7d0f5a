"""What is wrong with data, out of what ExampleValidator and StatisticsGen say about it."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any

_MEND = "mend the data; if the data is right, change the schema"
_NEW_COLUMN = (
    "a feature that the schema does not have: remove it, add it to the schema, or list it as an "
    "attribute of the data set"
)
_FEW_EXAMPLES = (
    "add data to the split (summary.json of PairExampleGen says what was left out), or lower the "
    "minimum"
)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in one split.

    Attributes:
      split: The split's name.
      feature: The feature's name; empty if the finding is about the split as a whole.
      kind: The name of TFDV's AnomalyInfo.Type, or "TOO_FEW_EXAMPLES".
      summary: A few words.
      detail: A sentence, with the value that was found.
      remedy: What to do about it.
      stops: Whether the run is to stop; TFDV can be told to call some anomalies mere warnings.
    """

    split: str
    feature: str
    kind: str
    summary: str
    detail: str
    remedy: str
    stops: bool = True

    def __str__(self) -> str:
        """One line that says where, what and what to do."""
        place = f"{self.split}, {self.feature}" if self.feature else self.split
        level = "" if self.stops else " (warning)"
        return f"{place}{level}: {self.summary}: {self.detail} [{self.kind}] -> {self.remedy}"


def anomaly_findings(split: str, anomalies: Any, allowed_new_columns: Set[str]) -> list[Finding]:
    """The anomalies of a split, without new columns that are expected.

    Args:
      split: The split's name.
      anomalies: The ``tensorflow_metadata`` Anomalies of the split.
      allowed_new_columns: Names of features that the schema need not have.

    Returns:
      A finding for each reason of each anomaly, sorted by feature.
    """
    findings = []
    for key in sorted(anomalies.anomaly_info):
        info = anomalies.anomaly_info[key]
        feature = ".".join(info.path.step) or key
        findings += [
            finding
            for finding in _reasons(split, feature, info)
            if not (finding.kind == "SCHEMA_NEW_COLUMN" and feature in allowed_new_columns)
        ]
    if anomalies.HasField("dataset_anomaly_info"):
        findings += _reasons(split, "", anomalies.dataset_anomaly_info)
    return findings


def _reasons(split: str, feature: str, info: Any) -> Iterator[Finding]:
    stops = info.severity != info.WARNING
    # An anomaly without reasons carries its description itself.
    for reason in info.reason or [info]:
        kind = info.Type.Name(reason.type) if info.reason else "UNKNOWN_TYPE"
        remedy = _NEW_COLUMN if kind == "SCHEMA_NEW_COLUMN" else _MEND
        yield Finding(
            split, feature, kind, reason.short_description, reason.description, remedy, stops
        )


def count_findings(split: str, examples: int, minimum: int) -> list[Finding]:
    """Whether a split is too small: statistics of nothing hold no anomaly.

    Args:
      split: The split's name.
      examples: How many examples its statistics have seen.
      minimum: How many there must be.
    """
    if examples >= minimum:
        return []
    detail = f"{examples} examples, and at least {minimum} are asked for."
    return [Finding(split, "", "TOO_FEW_EXAMPLES", "Too few examples", detail, _FEW_EXAMPLES)]


def report(findings: Iterable[Finding]) -> str:
    """All findings, one a line."""
    return "\n".join(f"  {finding}" for finding in findings)
