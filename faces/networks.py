"""MTCNN's three networks as TensorFlow functions (Zhang et al. 2016; see ``faces.weights``).

All take float32 [N, height, width, 3], RGB, as `normalise` makes it. "Face" is the difference of
the two logits: its sigmoid is the probability of the paper's softmax. Offsets of a box are (left,
top, right, bottom) in sides of the box; landmarks go from 0 to 1 across it.
"""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from faces.weights import read_weights

RNET_SIZE = 24
ONET_SIZE = 48
# A cell of the P-Net's output sees that many pixels, and the next one lies that many further.
PNET_CELL = 12
PNET_STRIDE = 2


def normalise(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels from 0 to 255 as the networks want them."""
    return (tf.cast(pixels, tf.float32) - 127.5) / 128.0


def pnet(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Proposals: face logits [N, h, w] and offsets [N, h, w, 4], a cell every two pixels."""
    layers = _layers("pnet")
    x = _conv_and_pool(images, layers[0])
    x = _conv(x, layers[1])
    x = _conv(x, layers[2])
    heads = _linear(x, layers[3])
    return heads[..., 0], heads[..., 1:]


def rnet(crops: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Refines: face logits [N] and offsets [N, 4] of crops of 24 pixels."""
    layers = _layers("rnet")
    x = tf.nn.max_pool2d(_conv(_one_at_least(crops), layers[0]), 3, 2, "SAME")
    x = tf.nn.max_pool2d(_conv(x, layers[1]), 3, 2, "VALID")
    x = _conv(x, layers[2])
    x = _dense(x, layers[3])
    heads = _linear(x, layers[4])[: tf.shape(crops)[0]]
    return heads[:, 0], heads[:, 1:]


def onet(crops: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The last word: face logits [N], offsets [N, 4], landmarks [N, 5, 2]; crops of 48 pixels."""
    layers = _layers("onet")
    x = tf.nn.max_pool2d(_conv(_one_at_least(crops), layers[0]), 3, 2, "SAME")
    x = tf.nn.max_pool2d(_conv(x, layers[1]), 3, 2, "VALID")
    x = tf.nn.max_pool2d(_conv(x, layers[2]), 2, 2, "SAME")
    x = _conv(x, layers[3])
    x = _dense(x, layers[4])
    heads = _linear(x, layers[5])[: tf.shape(crops)[0]]
    landmarks = tf.stack((heads[:, 5:10], heads[:, 10:]), axis=-1)
    return heads[:, 0], heads[:, 1:5], landmarks


def _one_at_least(crops: tf.Tensor) -> tf.Tensor:
    """Crops as they are, or a black one if there are none.

    On some processors TensorFlow's convolution of an empty batch has a wrong shape (2.16 and 2.21,
    oneDNN's with a bias).
    """
    missing = tf.cast(tf.shape(crops)[0] == 0, tf.int32)
    # Not by padding, which TensorFlow would join with the convolution.
    return tf.concat([crops, tf.zeros((missing, *crops.shape[1:]))], axis=0)


Layer = tuple[np.ndarray, ...]


@functools.cache
def _layers(network: str) -> tuple[Layer, ...]:
    """Kernel, bias and slope of each layer; the heads (face, box, landmarks) joined in one."""
    arrays = read_weights(network)
    heads = {"pnet": 2, "rnet": 2, "onet": 3}[network]
    trunk = arrays[: -2 * heads]
    layers: list[Layer] = []
    for kernel, bias, slope in zip(trunk[::3], trunk[1::3], trunk[2::3], strict=True):
        if kernel.ndim == 2:
            # Trained on transposed feature maps: its rows run over x before y.
            kernel = kernel.reshape(3, 3, -1, kernel.shape[-1]).transpose(1, 0, 2, 3)
            kernel = kernel.reshape(-1, kernel.shape[-1])
        layers.append((kernel, bias, slope.reshape(-1)))
    kernels, biases = list(arrays[-2 * heads :: 2]), list(arrays[-2 * heads + 1 :: 2])
    # Box, landmarks, face: of the face's two logits only the difference matters.
    face_kernel, face_bias = kernels.pop(), biases.pop()
    kernels.insert(0, face_kernel[..., 1:] - face_kernel[..., :1])
    biases.insert(0, face_bias[1:] - face_bias[:1])
    layers.append((np.concatenate(kernels, axis=-1), np.concatenate(biases)))
    return tuple(layers)


def _conv(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    kernel, bias, slope = layer
    return _prelu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "VALID"), bias), slope)


def _conv_and_pool(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    """A 3 x 3 convolution and the maximum over 2 x 2 of its pixels.

    The four that a maximum is taken over come from one convolution with four times the filters and
    stride 2: with few filters that is twice as fast. An odd last row or column is left out.
    """
    kernel, bias, slope = layer
    height, width, channels, filters = kernel.shape
    wide = np.zeros((height + 1, width + 1, channels, 4, filters), np.float32)
    for phase in range(4):
        y, x0 = divmod(phase, 2)
        wide[y : y + height, x0 : x0 + width, :, phase] = kernel
    kernel = wide.reshape(height + 1, width + 1, channels, 4 * filters)
    x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, 2, "VALID"), np.tile(bias, 4))
    first, second, third, fourth = tf.split(_prelu(x, np.tile(slope, 4)), 4, axis=-1)
    return tf.maximum(tf.maximum(first, second), tf.maximum(third, fourth))


def _dense(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    kernel, bias, slope = layer
    flat = tf.reshape(x, (-1, kernel.shape[0]))
    return _prelu(tf.nn.bias_add(tf.matmul(flat, kernel), bias), slope)


def _linear(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    kernel, bias = layer
    product: Any = tf.nn.conv2d(x, kernel, 1, "VALID") if kernel.ndim == 4 else tf.matmul(x, kernel)
    return tf.nn.bias_add(product, bias)


def _prelu(x: tf.Tensor, slope: np.ndarray) -> tf.Tensor:
    return tf.nn.relu(x) + slope * tf.minimum(x, 0.0)
