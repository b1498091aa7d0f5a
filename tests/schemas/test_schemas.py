"""The schemas against what PairExampleGen writes, through TFX's own StatisticsGen and validator."""

import json

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx.components.example_validator import executor as validator
from tfx.components.statistics_gen import executor as statistics_gen
from tfx.types import standard_artifacts

import schemas
from components import features
from components.anomaly_gate import executor as anomaly_gate
from components.anomaly_gate.component import DataVerdict
from components.pair_example_gen import executor as pair_example_gen
from components.pair_example_gen import records
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.images import ImageFacts
from components.pair_example_gen.pair_rows import PairRows
from components.pair_example_gen.sources import Image as ImageRow

KINDS = {"images": features.IMAGE_FEATURES, "pairs": features.PAIR_FEATURES}


def load(kind):
    return text_format.Parse(schemas.path(kind).read_text(), schema_pb2.Schema())


def new(artifact_type, uri):
    artifact = artifact_type()
    uri.mkdir(parents=True, exist_ok=True)
    artifact.uri = str(uri)
    return artifact


def validate(examples, kind, folder):
    """Runs the stock components; returns the statistics and anomalies artifacts."""
    schema = new(standard_artifacts.Schema, folder / "schema")
    (folder / "schema" / "schema.pbtxt").write_text(schemas.path(kind).read_text())
    statistics = new(standard_artifacts.ExampleStatistics, folder / "statistics")
    anomalies = new(standard_artifacts.ExampleAnomalies, folder / "anomalies")
    options = {"stats_options_json": schemas.statistics_options().to_json()}
    statistics_gen.Executor().Do({"examples": [examples]}, {"statistics": [statistics]}, options)
    validator.Executor().Do(
        {"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {}
    )
    return statistics, anomalies


def pair_examples(labels):
    """Rows of pairs with these labels."""
    columns = {features.IMAGE_ID: np.array([b"a", b"c"]), features.IDENTITY: np.array([b"b", b"d"])}
    zeros = np.zeros(len(labels), np.int64)
    rows = PairRows(columns).rows(zeros, zeros + 1, np.array(labels), [features.SAMPLED])
    return list(rows)


def anomalies_of(artifact, split):
    with open(f"{artifact.uri}/Split-{split}/SchemaDiff.pb", "rb") as file:
        found = anomalies_pb2.Anomalies.FromString(file.read())
    return {
        name: {anomalies_pb2.AnomalyInfo.Type.Name(reason.type) for reason in info.reason}
        for name, info in found.anomaly_info.items()
    }


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """What PairExampleGen writes for three splits of two persons, with the attribute "light"."""
    folder = tmp_path_factory.mktemp("examples")
    rows = ["image,identity,split,light"]
    for number in range(12):
        split, identity = features.SPLITS[number // 4], f"person {number // 2}"
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        if number % 4 == 0:
            # Half black, half white: the most contrast there can be.
            pixels = np.repeat(np.uint8([[0], [255]]), 4, axis=0) * np.ones((1, 8), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{identity},{split},{'day' if number % 3 else ''}")
    (folder / "list.csv").write_text("\n".join(rows))
    config = DataConfig(
        align="none", images=str(folder), image_list=str(folder / "list.csv"), split="given"
    )
    artifacts = {kind: [new(standard_artifacts.Examples, folder / kind)] for kind in KINDS}
    pair_example_gen.Executor().Do({}, artifacts, {"data_config": config.model_dump_json()})
    return {kind: artifact for kind, (artifact,) in artifacts.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_lists_exactly_the_features(kind):
    assert [feature.name for feature in load(kind).feature] == list(KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_read_as_one_value_each(kind):
    spec = schema_utils.schema_as_feature_spec(load(kind)).feature_spec
    assert all(isinstance(feature, tf.io.FixedLenFeature) for feature in spec.values())
    assert {tuple(feature.shape) for feature in spec.values()} == {(1,)}


@pytest.mark.parametrize("kind", KINDS)
def test_what_pair_example_gen_writes_has_no_anomalies_but_its_attributes(examples, kind, tmp_path):
    statistics, anomalies = validate(examples[kind], kind, tmp_path)
    for split in features.SPLITS:
        assert anomalies_of(anomalies, split) == {"light": {"SCHEMA_NEW_COLUMN"}}
    gate = {"min_examples": 2, "stop": 1}
    verdict = new(DataVerdict, tmp_path / "verdict")
    inputs, outputs = (
        {"anomalies": [anomalies], "statistics": [statistics]},
        {"verdict": [verdict]},
    )
    anomaly_gate.Executor().Do(inputs, outputs, {**gate, "allowed_new_columns": '["light"]'})
    with open(f"{verdict.uri}/verdict.json") as file:
        content = json.load(file)
    # Four images a split, two of each person: two same pairs, and as many different ones.
    assert content["examples"] == dict.fromkeys(features.SPLITS, 4)
    assert content["passed"]
    with pytest.raises(anomaly_gate.DataAnomalyError, match="train, light: New column"):
        anomaly_gate.Executor().Do(inputs, outputs, {**gate, "allowed_new_columns": "[]"})


def test_photos_are_bytes_and_nobody_counts_which_there_are(examples, tmp_path):
    validate(examples["images"], "images", tmp_path)
    content = (tmp_path / "statistics/Split-train/FeatureStats.pb").read_bytes()
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(content)
    kinds = {each.path.step[0]: each.WhichOneof("stats") for each in found.datasets[0].features}
    assert kinds["image_encoded"] == "bytes_stats"
    assert kinds["image_id"] == kinds["light"] == "string_stats"


@pytest.mark.parametrize(
    ("kind", "rows", "expected"),
    [
        (
            "images",
            [
                (ImageRow("a", "b"), b"", ImageFacts(0, 5, 4, 1.5, 0.6, -1.0, False), ()),
                (ImageRow("a", "b"), b"", ImageFacts(5, 0, 1, -0.5, 0.1, float("nan"), False), ()),
            ],
            {
                "width": {"INT_TYPE_SMALL_INT"},
                "height": {"INT_TYPE_SMALL_INT"},
                "channels": {"INT_TYPE_BIG_INT"},
                "brightness": {"FLOAT_TYPE_BIG_FLOAT", "FLOAT_TYPE_SMALL_FLOAT"},
                "contrast": {"FLOAT_TYPE_BIG_FLOAT"},
                "sharpness": {"FLOAT_TYPE_SMALL_FLOAT", "FLOAT_TYPE_HAS_NAN"},
            },
        ),
        (
            "pairs",
            [2],
            {"label": {"INT_TYPE_BIG_INT"}},
        ),
    ],
)
def test_values_out_of_bounds_are_anomalies(kind, rows, expected, tmp_path):
    artifact = new(standard_artifacts.Examples, tmp_path / kind)
    artifact.split_names = '["train"]'
    made = (
        [records.image_example(*row) for row in rows] if kind == "images" else pair_examples(rows)
    )
    records.write_shard(artifact.uri, "train", "rows", made)
    _, anomalies = validate(artifact, kind, tmp_path)
    assert anomalies_of(anomalies, "train") == expected


def test_a_missing_value_is_an_anomaly(tmp_path):
    artifact = new(standard_artifacts.Examples, tmp_path / "pairs")
    artifact.split_names = '["train"]'
    [whole] = pair_examples([0])
    part = tf.train.Example.FromString(whole)
    del part.features.feature[features.LABEL]
    records.write_shard(artifact.uri, "train", "rows", [whole, part.SerializeToString()])
    _, anomalies = validate(artifact, "pairs", tmp_path)
    (name,) = anomalies_of(anomalies, "train")
    assert name == features.LABEL
