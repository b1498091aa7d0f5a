"""From five landmarks to a face as a model wants it: the same size, place and angle everywhere.

A similarity (turned, shifted, scaled alike in both directions) brings the landmarks of a face as
near as it can to given positions (Umeyama, "Least-Squares Estimation of Transformation Parameters
Between Two Point Patterns", IEEE PAMI 13(4), 1991). Places are those of edges: the first pixel
covers 0 to 1.
"""

import tensorflow as tf

from faces.sampling import Mipmap, sample


def similarities(landmarks: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """The similarity from the canvas to the photo that brings the positions nearest the landmarks.

    With x + iy for a point, a similarity is z -> az + b, and least squares over the complex numbers
    gives a and b at once; a reflection, which Umeyama's signs keep out, cannot come up.

    Args:
        landmarks: float32 [N, K, 2], in the photo.
        positions: float32 [K, 2], on the canvas.

    Returns:
        float32 [N, 2, 3]: a place (x, y) of the canvas lies at ``M[:, :2] @ (x, y) + M[:, 2]``.
    """
    middle, goal = tf.reduce_mean(positions, axis=0), tf.reduce_mean(landmarks, axis=1)
    x, y = tf.unstack(positions - middle, axis=-1)
    u, v = tf.unstack(landmarks - goal[:, None], axis=-1)
    spread = tf.reduce_sum(tf.square(x) + tf.square(y))
    real = tf.reduce_sum(x * u + y * v, axis=-1) / spread
    imaginary = tf.reduce_sum(x * v - y * u, axis=-1) / spread
    linear = tf.stack((tf.stack((real, -imaginary), -1), tf.stack((imaginary, real), -1)), -2)
    shift = goal - tf.einsum("nij,j->ni", linear, middle)
    return tf.concat((linear, shift[..., None]), axis=-1)


def align(
    mipmap: Mipmap, landmarks: tf.Tensor, positions: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> tf.Tensor:
    """Aligned faces, uint8 [N, height, width, 3], from a photo and landmarks [N, 5, 2] in it.

    What of a face's canvas lies outside of the photo is black.
    """
    pixels = sample(mipmap, similarities(landmarks, positions), height, width)
    return tf.cast(pixels + 0.5, tf.uint8)
