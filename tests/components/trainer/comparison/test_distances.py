"""Distances by hand, in both call forms."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.comparison.distances import (
    CosineDistance,
    EuclideanDistance,
    cosine_distance,
    euclidean_distance,
)

A = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 3.0]], np.float32)
B = np.array([[3.0, 4.0], [1.0, 2.0], [3.0, 1.0]], np.float32)
# sqrt(9 + 16), 0, sqrt(0 + 4)
EXPECTED = [[5.0], [0.0], [2.0]]


def test_euclidean_distance_of_two_tensors():
    np.testing.assert_array_equal(euclidean_distance(A, B), EXPECTED)


def test_euclidean_distance_of_a_list():
    np.testing.assert_array_equal(euclidean_distance([A, B]), EXPECTED)


def test_euclidean_distance_in_a_lambda_layer():
    first, second = keras.Input((2,)), keras.Input((2,))
    distance = keras.layers.Lambda(euclidean_distance, output_shape=(1,))([first, second])
    model = keras.Model([first, second], distance)
    np.testing.assert_array_equal(model([A, B]), EXPECTED)


@pytest.mark.parametrize("layer", [EuclideanDistance, CosineDistance])
def test_a_model_with_the_layer_survives_saving(layer: type, tmp_path):
    first, second = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([first, second], layer()([first, second]))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again([A, B]), model([A, B]))


def test_the_gradient_at_distance_zero_is_zero():
    a = tf.Variable([[1.0, 2.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(euclidean_distance(a, tf.constant([[1.0, 2.0], [3.0, 4.0]])))
    # Second row: (a - b) / |a - b| = (-3, -4) / 5.
    np.testing.assert_allclose(tape.gradient(total, a), [[0, 0], [-0.6, -0.8]], rtol=1e-6)


@pytest.mark.parametrize("distance", [euclidean_distance, cosine_distance])
def test_swapping_the_two_changes_no_bit(distance):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 500, 64)).astype(np.float32)
    assert distance(a, b).numpy().tobytes() == distance(b, a).numpy().tobytes()


def test_cosine_distance_by_hand():
    a = np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 0.0]], np.float32)
    b = np.array([[5.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [1.0, 0.0]], np.float32)
    np.testing.assert_allclose(cosine_distance(a, b), [[0], [1], [2], [1]], atol=1e-6)


@pytest.mark.parametrize("wrong", [A, [A], [A, B, A]])
def test_one_tensor_is_not_two(wrong):
    with pytest.raises(ValueError, match="two"):
        euclidean_distance(wrong)
