"""TFMA's metrics out of an evaluation that TFMA itself wrote, and the page around its front end."""

import base64
import json
import re

import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig

from components.report.tfma_page import front_end, slicing_metrics, tfma_page


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    """Four pairs, of which one is decided wrongly: the last, of two fair people."""
    folder = tmp_path_factory.mktemp("evaluation")
    frame = pd.DataFrame(
        {
            "label": [1, 0, 1, 0],
            "score": [0.9, 0.1, 0.8, 0.7],
            "hair": ["dark", "dark", "<i>fair", "<i>fair"],
        }
    )
    config = text_format.Parse(
        """
        model_specs { prediction_key: "score" label_key: "label" }
        metrics_specs {
          metrics { class_name: "BinaryAccuracy" }
          metrics { class_name: "ExampleCount" }
        }
        slicing_specs {}
        slicing_specs { feature_keys: "hair" }
        """,
        EvalConfig(),
    )
    tfma.analyze_raw_data(frame, config, output_path=str(folder))
    return folder


def test_overall_comes_first_then_the_slices_by_name(evaluation):
    found = slicing_metrics(evaluation)
    rows = {
        row["slice"]: row["metrics"][""][""]["binary_accuracy"]["doubleValue"]
        for row in found["data"]
    }
    # What looks like a tag cannot be one: TFMA's table does not escape it.
    assert rows == {"Overall": 0.75, "hair:‹i›fair": 0.5, "hair:dark": 1.0}
    assert list(rows) == ["Overall", "hair:‹i›fair", "hair:dark"]
    assert found["config"] == {"weightedExamplesColumn": "example_count"}


def test_the_page_holds_front_end_stand_in_and_data(evaluation):
    content = slicing_metrics(evaluation)
    page = tfma_page("TFMA: <small>", content)
    assert "<title>TFMA: &lt;small&gt;</title>" in page
    assert front_end() in page
    # The stand-in first: TFMA fetches Google's library when google.charts is not there yet.
    assert page.index("window.google = {") < page.index(front_end()[:200])
    payload = re.search(r'atob\("([^"]+)"\)', page)[1]
    assert json.loads(base64.b64decode(payload)) == content
