"""How sharp a face is, however many pixels the photo has.

In TensorFlow and on many faces at a time: it is part of the graph that finds faces, and so of the
models that are exported with it. ``faces.focus`` measures a whole picture, in NumPy.
"""

import tensorflow as tf

from faces.alignment import align
from faces.canvas import DLIB_150
from faces.sampling import Mipmap

# A quarter of that canvas: blur that does not show there keeps no face from being recognised.
_SHARE = 0.25
_SIDE = 38


def sharpness(mipmap: Mipmap, landmarks: tf.Tensor) -> tf.Tensor:
    """Variance of the Laplacian over a face's middle, as a share of the variance of its pixels.

    Measured on the aligned face, so that the photo's own size does not matter, and against its
    contrast, so that the light does not (after Pech-Pacheco et al., "Diatom autofocusing in
    brightfield microscopy", ICPR 2000).

    Args:
        mipmap: Of the photo.
        landmarks: float32 [N, 5, 2].

    Returns:
        float32 [N]; how much is enough is said in ``faces.choice``.
    """
    positions = tf.constant(DLIB_150.positions) * (2 * _SHARE)
    faces = tf.cast(align(mipmap, landmarks, positions, 2 * _SIDE, 2 * _SIDE), tf.float32)
    # Sampled at twice the size and halved: what the photo's own size changes is then smaller.
    grey = tf.nn.avg_pool2d(tf.reduce_mean(faces, axis=-1, keepdims=True), 2, 2, "VALID")
    grey = grey[:, _SIDE // 5 : -(_SIDE // 5), _SIDE // 5 : -(_SIDE // 5)]
    kernel = tf.reshape([0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0], (3, 3, 1, 1))
    edges = tf.nn.conv2d(grey, kernel, 1, "VALID")
    contrast = tf.math.reduce_variance(grey, axis=(1, 2, 3))
    return tf.math.reduce_variance(edges, axis=(1, 2, 3)) / tf.maximum(contrast, 1.0)
