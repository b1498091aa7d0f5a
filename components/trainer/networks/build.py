"""The embedding networks: uint8 pixels in, one embedding an image out."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from components.trainer.networks.backbones import Backbone, transfer
from components.trainer.networks.config import NetworkConfig
from components.trainer.networks.dlib_resnet import dlib_resnet
from components.trainer.networks.from_scratch import from_scratch
from components.trainer.networks.own_network import own_network

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
    build = transfer if config.is_backbone else _READY.get(config.name, from_scratch)
    return keras.Model(inputs, build(inputs, config), name=config.name)


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
