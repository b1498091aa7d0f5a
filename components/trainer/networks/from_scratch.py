"""Networks that are trained here, from random weights, and the scaling of their pixels."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from components.trainer.networks.config import NetworkConfig


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


_NETWORKS: dict[str, Callable[[Any, NetworkConfig], Any]] = {"residual": _residual, "cnn": _cnn}


def from_scratch(inputs: Any, config: NetworkConfig) -> Any:
    """Embeddings, float32 ``[N, D]``, of uint8 ``[N, H, W, C]``, by the network of a config."""
    scaling = Standardize if config.standardize else UnitRange
    return _NETWORKS[config.name](scaling(name="scaling")(inputs), config)
