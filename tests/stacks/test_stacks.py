"""What one stack pushed and recorded is read by the other; ``make.py`` made it, once on each."""

import json
import zipfile
from importlib import metadata
from pathlib import Path

import ml_metadata
import numpy as np
import pytest
import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2

from components import features
from components.local_beam import in_process_pipeline
from components.pair_scorer.kept_embeddings import KeptEmbeddings
from components.pair_scorer.scoring import score_split
from pipeline.launcher.records import last_run
from serving.local_server.loaded_model import LoadedModel

FOLDER = Path(__file__).parent
RELEASES = ("1.16.0", "1.21.0")


@pytest.fixture(scope="module", params=RELEASES)
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run on a stack left, unpacked."""
    folder = tmp_path_factory.mktemp("left")
    with zipfile.ZipFile(FOLDER / f"tfx-{request.param}.zip") as packed:
        packed.extractall(folder)
    return folder


def test_one_of_them_is_the_other_stack_s() -> None:
    assert metadata.version("tfx") in RELEASES


def test_a_model_says_what_it_said_where_it_was_made(left: Path) -> None:
    expected = json.loads((left / "expected.json").read_text())
    images = [(left / f"images/{index}.jpg").read_bytes() for index in range(4)]
    model = LoadedModel(left / "model")
    found = model.run(
        model.signature(""),
        {
            f"image_{side}": np.array([images[index] for index in expected[side]], object)
            for side in "ab"
        },
    )
    # float32 of two libraries: equal but for the order of sums.
    np.testing.assert_allclose(found["distance"], expected["distance"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4, atol=1e-5)
    assert found["same"].tolist() == expected["same"]
    assert len(set(expected["same"])) == 2


def example(**columns: bytes | int) -> bytes:
    row = tf.train.Example()
    for name, value in columns.items():
        if isinstance(value, bytes):
            row.features.feature[name].bytes_list.value.append(value)
        else:
            row.features.feature[name].int64_list.value.append(value)
    return row.SerializeToString()


def test_a_model_is_scored_as_the_baseline_of_another(left: Path, tmp_path: Path) -> None:
    expected = json.loads((left / "expected.json").read_text())
    images, pairs = str(tmp_path / "images"), str(tmp_path / "pairs")
    with tf.io.TFRecordWriter(images) as writer:
        for index in range(4):
            content = (left / f"images/{index}.jpg").read_bytes()
            writer.write(example(image_id=b"%d" % index, image_encoded=content))
    with tf.io.TFRecordWriter(pairs) as writer:
        for a, b in zip(expected["a"], expected["b"], strict=True):
            writer.write(example(image_id_a=b"%d" % a, image_id_b=b"%d" % b, label=0))
    models = []
    for release in RELEASES:
        folder = tmp_path / release
        with zipfile.ZipFile(FOLDER / f"tfx-{release}.zip") as packed:
            packed.extractall(folder)
        models.append(str(folder / "model"))
    if json.loads((tmp_path / RELEASES[0] / "expected.json").read_text()) == expected:
        models.reverse()  # The one that ``left`` is of comes second: it is the baseline.
    with in_process_pipeline() as pipeline:
        score_split(
            pipeline,
            "test",
            [images],
            [pairs],
            tuple(models),
            str(tmp_path / "scored"),
            4,
            2**20,
            KeptEmbeddings(""),
        )
    [shard] = (tmp_path / "scored").glob("**/scored_*")
    found = [
        tf.train.Example.FromString(record).features.feature[features.BASELINE_DISTANCE]
        for record in tf.data.TFRecordDataset(str(shard)).as_numpy_iterator()
    ]
    np.testing.assert_allclose(
        [each.float_list.value[0] for each in found], expected["distance"], rtol=1e-4, atol=1e-5
    )


def test_a_metadata_store_is_read_and_gone_on_with(left: Path) -> None:
    path = left / "metadata.sqlite"
    before = last_run(path)
    assert before is not None
    assert {each.state for each in before.executions} == {"COMPLETE"}
    assert before.artifact("PushedModel") is not None

    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    store = ml_metadata.MetadataStore(connection)
    kind = store.get_context_type("pipeline_run").id
    [added] = store.put_contexts([metadata_store_pb2.Context(type_id=kind, name="the next run")])
    assert store.get_contexts_by_id([added])[0].name == "the next run"
