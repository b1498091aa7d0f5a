"""What is trained on against what is served, by numbers that can be had by hand."""

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
from components.anomaly_gate.drift import FEWEST
from components.anomaly_gate.executor import DataAnomalyError, Executor
from components.anomaly_gate.served import (
    ServedPhotosError,
    read_served,
    served_photos,
    skew_findings,
)
from serving.served_file import COLUMNS

SCHEMA = tfdv.load_schema_text(str(schemas.path("images")))
HEADER = ",".join(COLUMNS)


def photos(brightness: float, count: int = 200) -> pd.DataFrame:
    """Of 150 px, around a brightness."""
    spread = np.linspace(-0.05, 0.05, count)
    return pd.DataFrame(
        {
            "width": 150,
            "height": 150,
            "channels": 3,
            "brightness": brightness + spread,
            "contrast": 0.2 + spread,
            "sharpness": 0.1 + spread,
        }
    )


def trained(brightness: float, count: int = 200) -> Any:
    return tfdv.generate_statistics_from_dataframe(photos(brightness, count))


def test_photos_of_a_kind_are_no_finding() -> None:
    assert skew_findings("train", trained(0.4), photos(0.4), SCHEMA) == []


def test_darker_photos_are_named_with_both_means() -> None:
    [found] = skew_findings("train", trained(0.4), photos(0.2), SCHEMA)
    assert (found.feature, found.split, found.stops) == ("brightness", "train", True)
    # Nothing in common: a divergence of one bit.
    assert "Jensen-Shannon divergence between training and serving is 1" in found.detail
    assert "above the threshold 0.15" in found.detail
    assert found.detail.endswith("Its mean is 0.4, and of what is served 0.2.")


def test_other_sizes_are_named() -> None:
    served = photos(0.4).assign(width=3000)
    [found] = skew_findings("train", trained(0.4), served, SCHEMA)
    assert found.feature == "width"
    assert found.detail.endswith("Its mean is 150, and of what is served 3000.")


def test_few_photos_are_not_compared() -> None:
    few = FEWEST - 1
    assert skew_findings("train", trained(0.4), photos(0.2, few), SCHEMA) == []
    assert skew_findings("train", trained(0.4, few), photos(0.2), SCHEMA) == []


def test_the_last_days_count() -> None:
    rows = [f"2026-10-{day:02d},10,20,3,0.{day},0.1,0.1" for day in (1, 28, 30)]
    content = "\n".join([HEADER, *rows, ""]).encode()
    assert served_photos(content, "f", None)["brightness"].tolist() == [0.1, 0.28, 0.30]
    # Of 30 October, the 28th is the third day back.
    assert served_photos(content, "f", 3)["brightness"].tolist() == [0.28, 0.30]
    assert served_photos(content, "f", 2)["brightness"].tolist() == [0.30]
    assert served_photos(HEADER.encode(), "f", 2).empty
    # As another program may have saved it.
    windows = "\ufeff".encode() + content.replace(b"\n", b"\r\n")
    assert served_photos(windows, "f", None)["width"].tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "f does not begin with the line day,width,"),
        (["width,height"], "f does not begin with the line day,width,"),
        ([HEADER, "2026-11-01,10,20"], "line 2: 3 values instead of 7; delete the line"),
        ([HEADER, "1 Nov,10,20,3,0.1,0.1,0.1"], "line 2: Invalid isoformat string: '1 Nov'"),
        ([HEADER, "2999-11-01,10,20,3,0.1,0.1,0.1"], "line 2: 2999-11-01 is yet to come"),
        ([HEADER, "2026-11-01,ten,20,3,0.1,0.1,0.1"], "line 2: could not convert string to float"),
        ([HEADER, "2026-11-01,10.5,20,3,0.1,0.1,0.1"], "line 2: '10.5' is no width"),
        ([HEADER, "2026-11-01,10,20,3,nan,0.1,0.1"], "line 2: 'nan' is no brightness"),
        ([HEADER, f"2026-11-01,{'9' * 400},20,3,0,0,0"], "line 2: '99999999999999999999' is no wi"),
        ([HEADER, "", '2026-11-01,"10,20,3,0,0,0'], "line 3: could not convert string to float"),
        ([HEADER, "x" * 200_000 + "\0"], "line 2: 1 values instead of 7"),
    ],
)
def test_another_file_is_refused_with_its_line(lines: list[str], message: str) -> None:
    with pytest.raises(ServedPhotosError, match=message):
        served_photos("\n".join(lines).encode(), "f", None)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServedPhotosError, match=r"none\.csv cannot be read \(No such file"):
        read_served(str(tmp_path / "none.csv"))


def test_the_gate_stops_on_it(tmp_path: Path) -> None:
    folder = tmp_path / "now" / "Split-train"
    folder.mkdir(parents=True)
    (folder / "FeatureStats.pb").write_bytes(trained(0.4).SerializeToString())
    now, anomalies, schema, verdict = (
        standard_artifacts.ExampleStatistics(),
        standard_artifacts.ExampleAnomalies(),
        standard_artifacts.Schema(),
        DataVerdict(),
    )
    now.uri, anomalies.uri, schema.uri, verdict.uri = (
        str(tmp_path / name) for name in ("now", "anomalies", "schema", "verdict")
    )
    now.split_names, anomalies.split_names = json.dumps(["train"]), json.dumps([])
    Path(schema.uri).mkdir()
    (Path(schema.uri) / "schema.pbtxt").write_text(schemas.path("images").read_text())
    served = tmp_path / "served.csv"
    frame = photos(0.2)
    frame.insert(0, "day", "2026-11-01")
    frame.to_csv(served, index=False)

    def run(**properties: Any) -> None:
        given = {"allowed_new_columns": "[]", "min_examples": 1, "attribute_drift": 0.3, "stop": 1}
        Executor(None).Do(
            {"anomalies": [anomalies], "statistics": [now], "schema": [schema]},
            {"verdict": [verdict]},
            {**given, **properties},
        )

    run()
    with pytest.raises(DataAnomalyError, match=r"and of what is served 0\.2"):
        run(served_photos=str(served))
    run(served_photos=str(served), stop=0)
    [found] = json.loads((Path(verdict.uri) / "verdict.json").read_text())["findings"]
    assert found["feature"] == "brightness"
