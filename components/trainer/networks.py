"""The embedding networks: uint8 pixels in, one embedding an image out."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from components.trainer.backbones import Backbone, transfer
from components.trainer.dlib_resnet import dlib_resnet
from components.trainer.network_config import NetworkConfig
from components.trainer.own_network import own_network


@keras.saving.register_keras_serializable(package="faceauth")
class Standardize(layers.Layer):
    """Each image to zero mean and unit variance over its own pixels.

    The deviation is held above that of one grey level, so that a blank image gives zeros.
    """

    def call(self, images: Any) -> Any:
        """Returns float ``[N, H, W, C]`` for uint8 or float ``[N, H, W, C]``."""
        images = ops.cast(images, self.compute_dtype)
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        deviation = ops.std(images, axis=(1, 2, 3), keepdims=True)
        return (images - mean) / ops.maximum(deviation, 1.0)


@keras.saving.register_keras_serializable(package="faceauth")
class UnitRange(layers.Layer):
    """Pixels of 0 to 255 as 0 to 1: the scaling of the reference system."""

    def call(self, images: Any) -> Any:
        """Returns float ``[N, H, W, C]`` for uint8 or float ``[N, H, W, C]``."""
        return ops.cast(images, self.compute_dtype) / 255.0


def _regularizer(config: NetworkConfig) -> keras.regularizers.Regularizer | None:
    return keras.regularizers.L2(config.l2) if config.l2 else None


def _norm(x: Any, config: NetworkConfig, name: str) -> Any:
    # The default momentum of .99 leaves the averages near their start in a short training.
    return layers.BatchNormalization(momentum=0.9, name=name)(x) if config.batch_norm else x


def _conv(x: Any, filters: int, size: int, stride: int, config: NetworkConfig, name: str) -> Any:
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same",
        use_bias=not config.batch_norm,
        kernel_initializer="he_normal",
        kernel_regularizer=_regularizer(config),
        name=name,
    )(x)


def _residual_block(x: Any, filters: int, stride: int, config: NetworkConfig, name: str) -> Any:
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = _conv(x, filters, 1, stride, config, f"{name}_shortcut")
        shortcut = _norm(shortcut, config, f"{name}_shortcut_bn")
    y = _norm(_conv(x, filters, 3, stride, config, f"{name}_conv1"), config, f"{name}_bn1")
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = _norm(_conv(y, filters, 3, 1, config, f"{name}_conv2"), config, f"{name}_bn2")
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([shortcut, y]))


def _residual(x: Any, config: NetworkConfig) -> Any:
    """A small residual network (He et al. 2016): a stem and four stages, each of half the side."""
    x = _conv(x, config.width, 5, 2, config, "stem_conv")
    x = layers.ReLU(name="stem_relu")(_norm(x, config, "stem_bn"))
    for stage in range(4):
        filters = config.width * 2**stage
        x = _residual_block(x, filters, 1 if stage == 0 else 2, config, f"block{stage + 1}")
        for more in range(2, (config.depth or 1) + 1):
            x = _residual_block(x, filters, 1, config, f"block{stage + 1}_{more}")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    x = layers.Dense(
        config.chosen_embedding_size,
        use_bias=not config.batch_norm,
        kernel_regularizer=_regularizer(config),
        name="embedding",
    )(x)
    if config.batch_norm:
        x = layers.BatchNormalization(momentum=0.9, scale=False, name="embedding_bn")(x)
    return x


def _cnn(x: Any, config: NetworkConfig) -> Any:
    """The reference system's network, of the kind that Siamese tutorials for Keras share.

    Blocks of a 2 x 2 convolution, 2 x 2 max pooling and dropout, each of the same width, then the
    average over the image and one dense layer. As the reference has it: three blocks,
    ``width: 64``, ``dropout: 0.3``, ``embedding_size: 48``, ``batch_norm: false``,
    ``standardize: false``, ``normalize: false``, on 224 px.
    """
    for block in range(1, (config.depth or 3) + 1):
        x = _conv(x, config.width, 2, 1, config, f"conv{block}")
        x = layers.ReLU(name=f"relu{block}")(_norm(x, config, f"bn{block}"))
        x = layers.MaxPooling2D(name=f"pool{block}")(x)
        x = layers.Dropout(config.dropout, name=f"dropout{block}")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return layers.Dense(
        config.chosen_embedding_size, kernel_regularizer=_regularizer(config), name="embedding"
    )(x)


_FROM_SCRATCH: dict[str, Callable[[Any, NetworkConfig], Any]] = {
    "residual": _residual,
    "cnn": _cnn,
}
_READY: dict[str, Callable[[Any, NetworkConfig], Any]] = {
    "dlib_resnet": dlib_resnet,
    "file": own_network,
}


def build_network(config: NetworkConfig, shape: tuple[int, int, int]) -> keras.Model:
    """The embedding network that a config names.

    Args:
      config: Which network, and its sizes.
      shape: Height, width and channels of its input.

    Returns:
      A model from uint8 ``[N, H, W, C]`` to float32 ``[N, D]``, not normalised.

    Raises:
      FileNotFoundError: A file of trained weights is missing.
      ValueError: Trained weights cannot be had, belong to another network, or to images of another
        size.
    """
    inputs = keras.Input(shape, dtype="uint8", name="pixels")
    if config.is_backbone:
        outputs = transfer(inputs, config)
    elif config.is_ready:
        outputs = _READY[config.name](inputs, config)
    else:
        scaling = Standardize if config.standardize else UnitRange
        outputs = _FROM_SCRATCH[config.name](scaling(name="scaling")(inputs), config)
    return keras.Model(inputs, outputs, name=config.name)


def multiply_adds(network: keras.Model) -> int:
    """How many multiplications and additions of convolutions and dense layers one image takes."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, Backbone):
            total += multiply_adds(layer.model)
        elif isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Dense):
            total += math.prod(layer.kernel.shape)
        elif isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
    return total


def finish_embedding(raw: Any, config: NetworkConfig) -> Any:
    """What follows the network: unit length, if the config says so. float ``[N, D]`` in and out."""
    return ops.normalize(raw, axis=-1) if config.normalize else raw


def views(pixels: Any, config: NetworkConfig) -> list[Any]:
    """The images that stand for one image at evaluation: itself, and what the config adds.

    Args:
      pixels: uint8 ``[N, S, S, C]``.
      config: ``mirror`` and ``zoom``.

    Returns:
      One, two or four of the shape of ``pixels``.
    """
    seen = [pixels]
    if config.zoom:
        size = pixels.shape[1]
        edge = round(config.zoom * size)
        inner = ops.image.resize(
            ops.cast(pixels[:, edge : size - edge, edge : size - edge], "float32"),
            (size, size),
            interpolation="bilinear",
        )
        seen.append(ops.cast(ops.clip(ops.round(inner), 0, 255), "uint8"))
    if config.mirror:
        seen += [ops.flip(view, axis=2) for view in seen]
    return seen


def embed_pixels(network: keras.Model, pixels: Any, config: NetworkConfig) -> Any:
    """The embeddings of images as evaluation and serving compute them.

    Args:
      network: From ``build_network``.
      pixels: uint8 ``[N, H, W, C]``.
      config: The network's config, which names the views.

    Returns:
      float32 ``[N, D]``, the mean over the views, of unit length where the config says so.
    """
    seen = views(pixels, config)
    raw = sum(network(view, training=False) for view in seen) / len(seen)
    return finish_embedding(raw, config)
