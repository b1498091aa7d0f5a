"""What has moved since the last blessed model, by numbers that can be had by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tfx.types import standard_artifacts

import schemas
from components.anomaly_gate.component import DataVerdict
from components.anomaly_gate.drift import FEWEST, drift_findings
from components.anomaly_gate.executor import DataAnomalyError, Executor

SCHEMA = tfdv.load_schema_text(str(schemas.path("images")))


def statistics(brightness: float, women: int, count: int = 200) -> Any:
    """Of photos around a brightness, so many of a hundred of women."""
    spread = np.linspace(-0.05, 0.05, count)
    frame = pd.DataFrame(
        {
            "brightness": brightness + spread,
            "gender": np.where(np.arange(count) % 100 < women, "female", "male"),
        }
    )
    return tfdv.generate_statistics_from_dataframe(frame)


BEFORE = statistics(0.3, 50)


def found(now: Any, before: Any = BEFORE, threshold: float = 0.3) -> dict[str, str]:
    findings = drift_findings("train", now, before, SCHEMA, ["gender", "age"], threshold)
    assert all(finding.stops for finding in findings)
    return {finding.feature: finding.detail for finding in findings}


def test_the_same_data_has_not_moved() -> None:
    assert found(statistics(0.3, 50)) == {}


def test_photos_that_are_all_brighter_are_named_with_both_means() -> None:
    details = found(statistics(0.7, 50))
    assert details.keys() == {"brightness"}
    # Nothing in common: a divergence of one bit.
    assert "Jensen-Shannon divergence between current and previous is 1" in details["brightness"]
    assert "above the threshold 0.15" in details["brightness"]
    assert details["brightness"].endswith("Its mean is 0.7, and was 0.3.")


def test_an_attribute_moves_by_the_largest_change_of_a_share() -> None:
    now = statistics(0.3, 90)
    details = found(now)
    assert details.keys() == {"gender"}
    # 90 % - 50 %.
    assert "is 0.4 (up to six significant digits), above the threshold 0.3" in details["gender"]
    assert details["gender"].endswith("'female' has 90.0%, and had 50.0%.")
    assert found(now, threshold=0.41) == {}


def test_few_photos_are_not_compared() -> None:
    assert found(statistics(0.7, 90, count=FEWEST - 1)) == {}
    assert found(statistics(0.7, 90, count=FEWEST)).keys() == {"brightness", "gender"}


def test_the_gate_stops_on_drift(tmp_path: Path) -> None:
    given = {}
    for name, proto in (("now", statistics(0.7, 50)), ("before", BEFORE)):
        folder = tmp_path / name / "Split-train"
        folder.mkdir(parents=True)
        (folder / "FeatureStats.pb").write_bytes(proto.SerializeToString())
        given[name] = standard_artifacts.ExampleStatistics()
        given[name].uri = str(tmp_path / name)
        given[name].split_names = json.dumps(["train"])
    anomalies, schema, verdict = (
        standard_artifacts.ExampleAnomalies(),
        standard_artifacts.Schema(),
        DataVerdict(),
    )
    anomalies.split_names = "[]"
    schema.uri, verdict.uri = str(tmp_path / "schema"), str(tmp_path / "verdict")
    (tmp_path / "schema").mkdir()
    tfdv.write_schema_text(SCHEMA, f"{schema.uri}/schema.pbtxt")
    inputs = {
        "statistics": [given["now"]],
        "baseline_statistics": [given["before"]],
        "anomalies": [anomalies],
        "schema": [schema],
    }
    properties = {
        "allowed_new_columns": "[]",
        "min_examples": 1,
        "stop": 1,
        "attribute_drift": 0.3,
    }
    with pytest.raises(DataAnomalyError, match=r"train, brightness: Drift since the last blessed"):
        Executor().Do(inputs, {"verdict": [verdict]}, properties)
    del inputs["baseline_statistics"]
    Executor().Do(inputs, {"verdict": [verdict]}, properties)
    assert json.loads((tmp_path / "verdict" / "verdict.json").read_text())["passed"]
