"""Findings out of hand-made anomalies."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.anomaly_gate.findings import anomaly_findings, count_findings

ANOMALIES = """
anomaly_info {
  key: "label"
  value {
    path { step: "label" }
    severity: ERROR
    reason { type: INT_TYPE_BIG_INT short_description: "Out-of-range" description: "Value 2." }
    reason { type: FEATURE_TYPE_NO_VALUES short_description: "Gone" description: "In 1 row." }
  }
}
anomaly_info {
  key: "gender"
  value {
    path { step: "gender" }
    severity: ERROR
    reason { type: SCHEMA_NEW_COLUMN short_description: "New column" description: "Not in schema." }
  }
}
"""


def parse(text):
    return text_format.Parse(text, anomalies_pb2.Anomalies())


def test_every_reason_is_a_finding():
    found = anomaly_findings("val", parse(ANOMALIES), set())
    assert [(finding.feature, finding.kind, finding.stops) for finding in found] == [
        ("gender", "SCHEMA_NEW_COLUMN", True),
        ("label", "INT_TYPE_BIG_INT", True),
        ("label", "FEATURE_TYPE_NO_VALUES", True),
    ]
    assert str(found[1]) == (
        "val, label: Out-of-range: Value 2. [INT_TYPE_BIG_INT] -> mend the data; if the data is "
        "right, change the schema"
    )
    assert "list it as an attribute of the data set" in str(found[0])


def test_an_expected_new_column_is_no_finding():
    found = anomaly_findings("val", parse(ANOMALIES), {"gender", "label"})
    # Only its newness is expected: whatever else is wrong with an attribute still counts.
    assert [finding.kind for finding in found] == ["INT_TYPE_BIG_INT", "FEATURE_TYPE_NO_VALUES"]


def test_a_warning_does_not_stop():
    text = 'anomaly_info { key: "x" value { severity: WARNING description: "Odd." } }'
    (finding,) = anomaly_findings("test", parse(text), set())
    assert not finding.stops
    assert str(finding).startswith("test, x (warning): ")
    assert "Odd." in str(finding)


def test_an_anomaly_of_the_whole_split_is_a_finding():
    text = """
      dataset_anomaly_info {
        severity: ERROR
        reason { type: DATASET_LOW_NUM_EXAMPLES short_description: "Few" description: "1 < 2." }
      }
    """
    (finding,) = anomaly_findings("train", parse(text), set())
    assert (finding.feature, finding.kind) == ("", "DATASET_LOW_NUM_EXAMPLES")
    assert str(finding).startswith("train: Few: 1 < 2. [DATASET_LOW_NUM_EXAMPLES]")


def test_no_anomalies_no_findings():
    assert anomaly_findings("train", parse(""), set()) == []


def test_the_minimum_itself_is_enough():
    assert count_findings("train", 2, 2) == []
    (finding,) = count_findings("train", 1, 2)
    assert finding.detail == "1 examples, and at least 2 are asked for."
    assert finding.stops
