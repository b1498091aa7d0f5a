"""The gate on hand-made statistics and anomalies."""

import json

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.types import channel_utils, standard_artifacts

from components.anomaly_gate import executor
from components.anomaly_gate.component import AnomalyGate, DataVerdict
from components.code_digest import code_digest

BAD_LABEL = """
anomaly_info {
  key: "label"
  value {
    path { step: "label" }
    severity: ERROR
    reason { type: INT_TYPE_BIG_INT short_description: "Out-of-range" description: "Value 2." }
  }
}
"""


@pytest.fixture
def gate(tmp_path):
    """Runs the gate on example counts and anomalies by split; returns the verdict."""

    def run(counts, anomalies, stop=1, allowed="[]"):
        statistics = standard_artifacts.ExampleStatistics()
        found = standard_artifacts.ExampleAnomalies()
        verdict = DataVerdict()
        for artifact, name in ((statistics, "s"), (found, "a"), (verdict, "v")):
            artifact.uri = str(tmp_path / name)
        statistics.split_names = json.dumps(list(counts))
        found.split_names = json.dumps(list(anomalies))
        for split, count in counts.items():
            proto = statistics_pb2.DatasetFeatureStatisticsList()
            proto.datasets.add(num_examples=count)
            write(tmp_path / "s" / f"Split-{split}" / "FeatureStats.pb", proto)
        for split, text in anomalies.items():
            proto = text_format.Parse(text, anomalies_pb2.Anomalies())
            write(tmp_path / "a" / f"Split-{split}" / "SchemaDiff.pb", proto)
        executor.Executor().Do(
            {"statistics": [statistics], "anomalies": [found]},
            {"verdict": [verdict]},
            {
                "allowed_new_columns": allowed,
                "min_examples": 5,
                "stop": stop,
                "attribute_drift": 0.3,
            },
        )
        return json.loads((tmp_path / "v" / "verdict.json").read_text())

    def write(path, proto):
        path.parent.mkdir(parents=True)
        path.write_bytes(proto.SerializeToString())

    return run


def test_good_data_passes(gate):
    assert gate({"train": 9, "test": 5}, {"train": "", "test": ""}, allowed='["age"]') == {
        "passed": True,
        "examples": {"train": 9, "test": 5},
        "min_examples": 5,
        "allowed_new_columns": ["age"],
        "findings": [],
    }


def test_everything_that_is_wrong_is_in_one_error(gate, tmp_path):
    with pytest.raises(executor.DataAnomalyError) as error:
        gate({"train": 9, "val": 0, "test": 4}, {"train": BAD_LABEL, "val": "", "test": BAD_LABEL})
    lines = str(error.value).split("\n")
    assert lines[0] == f"4 findings in {tmp_path / 's'}:"
    assert [line.split(": ")[0] for line in lines[1:5]] == [
        "  val",
        "  test",
        "  train, label",
        "  test, label",
    ]
    assert lines[5] == "The run stops here; to only report, set validation.stop_on_anomalies: false"
    assert json.loads((tmp_path / "v" / "verdict.json").read_text())["passed"] is False


def test_it_only_reports_when_told_so(gate):
    verdict = gate({"train": 9}, {"train": BAD_LABEL}, stop=0)
    assert not verdict["passed"]
    (finding,) = verdict["findings"]
    assert (finding["split"], finding["feature"]) == ("train", "label")
    assert (finding["kind"], finding["detail"]) == ("INT_TYPE_BIG_INT", "Value 2.")


def test_a_warning_is_reported_and_passes(gate):
    verdict = gate(
        {"train": 9}, {"train": BAD_LABEL.replace("severity: ERROR", "severity: WARNING")}
    )
    assert verdict["passed"]
    assert len(verdict["findings"]) == 1


def test_interface():
    component = AnomalyGate(
        anomalies=channel_utils.as_channel([standard_artifacts.ExampleAnomalies()]),
        statistics=channel_utils.as_channel([standard_artifacts.ExampleStatistics()]),
        schema=channel_utils.as_channel([standard_artifacts.Schema()]),
        allowed_new_columns="[]",
        min_examples=2,
        stop=True,
        attribute_drift=0.3,
    )
    assert component.outputs["verdict"].type is DataVerdict
    assert component.exec_properties == {
        "allowed_new_columns": "[]",
        "min_examples": 2,
        "stop": 1,
        "attribute_drift": 0.3,
        "served_photos": None,
        "served_days": None,
        "served_digest": None,
        "code_digest": code_digest("components.anomaly_gate.executor"),
    }


def test_statistics_of_something_else_are_refused():
    examples = channel_utils.as_channel([standard_artifacts.Examples()])
    with pytest.raises(TypeError, match="statistics"):
        AnomalyGate(
            anomalies=channel_utils.as_channel([standard_artifacts.ExampleAnomalies()]),
            statistics=examples,
            schema=channel_utils.as_channel([standard_artifacts.Schema()]),
            allowed_new_columns="[]",
            min_examples=2,
            stop=True,
            attribute_drift=0.3,
        )
