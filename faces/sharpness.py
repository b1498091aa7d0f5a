"""How sharp a face is, however many pixels the photo has."""

import tensorflow as tf

from faces.alignment import align
from faces.canvas import LFW
from faces.sampling import Mipmap


def sharpness(mipmap: Mipmap, landmarks: tf.Tensor) -> tf.Tensor:
    """Variance of the Laplacian over a face's middle, as a share of the variance of its pixels.

    Measured on the aligned face, so that the photo's own size does not matter, and against its
    contrast, so that the light does not.

    Args:
        mipmap: Of the photo.
        landmarks: float32 [N, 5, 2].

    Returns:
        float32 [N].
    """
    positions = tf.constant(LFW.positions) / 2.0
    faces = tf.cast(align(mipmap, landmarks, positions, 125, 125), tf.float32)
    middle = tf.reduce_mean(faces, axis=-1, keepdims=True)[:, 37:93, 37:88]
    kernel = tf.reshape([0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0], (3, 3, 1, 1))
    edges = tf.nn.conv2d(middle, kernel, 1, "VALID")
    contrast = tf.math.reduce_variance(middle, axis=(1, 2, 3))
    return tf.math.reduce_variance(edges, axis=(1, 2, 3)) / tf.maximum(contrast, 1.0)
