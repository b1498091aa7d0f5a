import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from components.trainer.export import warmup
from components.trainer.export.warmup import write_warmup_requests


def records(file):
    return [
        PredictionLog.FromString(record).predict_log.request
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    ]


def test_there_is_a_request_for_each_signature_and_size(tmp_path):
    file = write_warmup_requests(tmp_path, 8, [b"one", b"two"], batch_sizes=(1, 3))
    assert file == tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    assert list(file.parent.iterdir()) == [file]
    requests = records(file)
    assert [one.model_spec.signature_name for one in requests] == [
        "embed",
        "compare",
        "serving_default",
    ] * 2
    embed, compare, verify = requests[3:]
    assert list(embed.inputs["image"].string_val) == [b"one", b"two", b"one"]
    assert tf.make_ndarray(compare.inputs["embedding_a"]).shape == (3, 8)
    np.testing.assert_allclose(
        np.linalg.norm(tf.make_ndarray(compare.inputs["embedding_b"]), axis=1), 1, rtol=1e-6
    )
    assert set(verify.inputs) == {"image_a", "image_b"}


def test_by_default_drawn_faces_and_few_bytes(tmp_path):
    file = write_warmup_requests(tmp_path, 128)
    requests = records(file)
    assert len(requests) == 9
    faces = list(requests[-1].inputs["image_a"].string_val)
    assert len(faces) == 32
    assert {Image.open(io.BytesIO(face)).size for face in faces} == {(64, 64)}
    assert file.stat().st_size < 300_000
    again = write_warmup_requests(tmp_path, 128)
    assert again.read_bytes() == file.read_bytes()


def test_limits(tmp_path):
    with pytest.raises(ValueError, match="no image"):
        write_warmup_requests(tmp_path, 8, [])
    with pytest.raises(ValueError, match="102 warm-up requests"):
        write_warmup_requests(tmp_path, 8, [b"one"], batch_sizes=[1] * 34)
    assert not (tmp_path / warmup.FILE).exists()
