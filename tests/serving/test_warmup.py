import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving import warmup
from serving.local_server import loaded_model
from serving.warmup import write_warmup_requests


@pytest.fixture
def saved_model(toy_base, tmp_path):
    return shutil.copytree(toy_base / "1", tmp_path / "1")


def records(file):
    return [
        PredictionLog.FromString(record).predict_log.request
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    ]


def test_there_is_a_request_for_each_signature_and_size(saved_model, jpeg):
    file = write_warmup_requests(saved_model, [jpeg(1), jpeg(2)], batch_sizes=(1, 3))
    assert file == saved_model / "assets.extra" / "tf_serving_warmup_requests"
    requests = records(file)
    assert [one.model_spec.signature_name for one in requests] == [
        "embed",
        "compare",
        "serving_default",
    ] * 2
    assert {one.model_spec.name for one in requests} == {"faceauth"}
    embed, compare, verify = requests[3:]
    assert list(embed.inputs["image"].string_val) == [jpeg(1), jpeg(2), jpeg(1)]
    assert tf.make_ndarray(compare.inputs["embedding_a"]).shape == (3, 8)
    np.testing.assert_allclose(
        np.linalg.norm(tf.make_ndarray(compare.inputs["embedding_b"]), axis=1), 1, rtol=1e-6
    )
    assert set(verify.inputs) == {"image_a", "image_b"}


def test_the_server_runs_them_all(saved_model, jpeg):
    assert loaded_model.LoadedModel(saved_model).warmed_up == 0
    write_warmup_requests(saved_model, [jpeg(1)])
    assert loaded_model.LoadedModel(saved_model).warmed_up == 9


def test_a_model_that_fails_its_own_requests_does_not_load(saved_model):
    write_warmup_requests(saved_model, [b"no image"])
    with pytest.raises(ValueError, match="warm-up request 0"):
        loaded_model.LoadedModel(saved_model)


def test_a_damaged_file_does_not_load(saved_model, jpeg):
    file = write_warmup_requests(saved_model, [jpeg(1)])
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(OSError, match="write it anew"):
        loaded_model.LoadedModel(saved_model)


def test_limits(saved_model, tmp_path, jpeg):
    with pytest.raises(ValueError, match="no image"):
        write_warmup_requests(saved_model, [])
    with pytest.raises(ValueError, match="102 warm-up requests"):
        write_warmup_requests(saved_model, [jpeg(1)], batch_sizes=[1] * 34)
    assert not (saved_model / warmup.FILE).exists()
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match="no signature 'compare'"):
        write_warmup_requests(tmp_path, [jpeg(1)])


def test_writer_and_server_agree_on_the_file():
    assert warmup.FILE == loaded_model.WARMUP_FILE
