"""The three networks against those of the ``mtcnn`` distribution, layer for layer in Keras."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from faces import networks, weights

RANDOM = np.random.default_rng(0)


def peer(name: str) -> object:
    """The distribution's own network, with the weights as it loads them itself."""
    module = importlib.import_module(f"mtcnn.network.{name.lower()}")
    loaded = importlib.import_module("mtcnn.utils.tensorflow").load_weights(f"{name.lower()}.lz4")
    network = getattr(module, name)()
    network.build()
    network.set_weights(loaded)
    return network


@pytest.mark.parametrize(
    ("name", "count", "parameters"),
    [("pnet", 13, 6_632), ("rnet", 16, 100_178), ("onet", 21, 389_040)],
)
def test_the_weights_that_are_read_are_those_that_joblib_loads(name, count, parameters):
    arrays = weights.read_weights(name)
    loaded = importlib.import_module("mtcnn.utils.tensorflow").load_weights(f"{name}.lz4")
    assert len(arrays) == count
    assert sum(array.size for array in arrays) == parameters
    for ours, theirs in zip(arrays, loaded, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setitem(weights._SHA256, "pnet", "0" * 64)
    weights.read_weights.cache_clear()
    with pytest.raises(RuntimeError, match=r"pnet\.lz4 has the SHA-256 ea6b0c3e"):
        weights.read_weights("pnet")
    weights.read_weights.cache_clear()


def test_without_the_distribution(monkeypatch):
    monkeypatch.setattr(weights, "_DISTRIBUTION", "no-such-distribution")
    weights.read_weights.cache_clear()
    with pytest.raises(RuntimeError, match=r"pip install mtcnn==1\.0\.0"):
        weights.read_weights("rnet")
    weights.read_weights.cache_clear()


@pytest.mark.parametrize(
    ("name", "height", "width"), [("PNet", 30, 46), ("RNet", 24, 24), ("ONet", 48, 48)]
)
def test_outputs_are_those_of_the_distribution(name, height, width):
    crops = RANDOM.uniform(-1, 1, (5, height, width, 3)).astype(np.float32)
    logits, offsets, *landmarks = getattr(networks, name.lower())(crops)
    offsets_there, *landmarks_there, faces_there = peer(name)(crops)
    probability = 1 / (1 + np.exp(-logits.numpy()))
    np.testing.assert_allclose(probability, faces_there.numpy()[..., 1], atol=1e-5)
    np.testing.assert_allclose(offsets, offsets_there, atol=1e-5)
    if landmarks:
        in_rows = landmarks_there[0].numpy().reshape(-1, 2, 5).transpose(0, 2, 1)
        np.testing.assert_allclose(landmarks[0], in_rows, atol=1e-5)


@pytest.mark.parametrize(("name", "side"), [("rnet", 24), ("onet", 48)])
def test_no_crops_at_all(name, side):
    # In a graph, where TensorFlow joins operations.
    spec = tf.TensorSpec((None, side, side, 3), tf.float32)
    network = tf.function(getattr(networks, name), autograph=False, input_signature=[spec])
    shapes = [tuple(part.shape) for part in network(tf.zeros((0, side, side, 3)))]
    assert shapes == [(0,), (0, 4), (0, 5, 2)][: len(shapes)]
