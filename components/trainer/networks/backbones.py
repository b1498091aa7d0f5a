"""Transfer learning: networks of ``keras.applications``, with or without trained weights.

First the backbone is frozen and only what follows it is fitted; then, by config, it is fitted too,
from a named layer upwards. A backbone that starts frozen stays in inference mode: small batches of
other images would spoil the averages of its batch normalisation (Keras's guide to transfer
learning).
"""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from components.trainer.networks.config import NetworkConfig

# EfficientNetB0's ImageNet weights were trained on inputs divided by the root of the deviation once
# more. The library builds that in for weights="imagenet" only, not for the same file by its path.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class _Application(NamedTuple):
    module: str
    builder: str
    file: str  # the library's name for its ImageNet weights without the top


_APPLICATIONS: dict[str, _Application] = {
    "vgg16": _Application("vgg16", "VGG16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    "resnet50": _Application(
        "resnet50", "ResNet50", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    ),
    "mobilenet_v2": _Application(
        "mobilenet_v2",
        "MobileNetV2",
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5",
    ),
    "efficientnet_b0": _Application("efficientnet", "EfficientNetB0", "efficientnetb0_notop.h5"),
    "efficientnet_v2_b0": _Application(
        "efficientnet_v2", "EfficientNetV2B0", "efficientnetv2-b0_notop.h5"
    ),
}


def _module(name: str) -> Any:
    return import_module(f"keras.applications.{_APPLICATIONS[name].module}")


@keras.saving.register_keras_serializable(package="faceauth")
class BackbonePreprocessing(layers.Layer):
    """What a backbone was trained to see, from pixels of 0 to 255: its own ``preprocess_input``.

    Grey images become three equal channels.

    Args:
      backbone: Name of the network, as in the config.
      from_file: Its weights come from a file.
    """

    def __init__(self, backbone: str, from_file: bool = False, **options: Any):
        super().__init__(**options)
        self.backbone, self.from_file = backbone, from_file
        self._preprocess: Callable[[Any], Any] = _module(backbone).preprocess_input

    def call(self, images: Any) -> Any:
        """Returns float ``[N, H, W, 3]`` for uint8 or float ``[N, H, W, 1 or 3]``."""
        images = ops.cast(images, self.compute_dtype)
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        images = self._preprocess(images)
        if self.backbone == "efficientnet_b0" and self.from_file:
            mean = 255 * ops.convert_to_tensor(_MEAN, images.dtype)
            root = ops.sqrt(ops.convert_to_tensor(_DEVIATION, images.dtype))
            images = mean + (images - mean) / root
        return images

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Three channels, whatever came in."""
        return (*input_shape[:-1], 3)

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds this layer."""
        return {**super().get_config(), "backbone": self.backbone, "from_file": self.from_file}


class Backbone(layers.Layer):
    """A trained network, in inference mode throughout where it starts frozen.

    Not the functional model itself: the ``training`` of the whole network would reach its batch
    normalisation and its dropout.

    Args:
      model: The network, without classification layers.
      inference: Whether it stays in inference mode while it is fitted.
    """

    def __init__(self, model: keras.Model, inference: bool, **options: Any):
        super().__init__(**options)
        self.model, self.inference = model, inference

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Returns what the network makes of preprocessed images, such as ``[N, h, w, F]``."""
        return self.model(images, training=False if self.inference else training)


def _library_file(config: NetworkConfig) -> Path:
    """Where ``keras.applications`` keeps its own weights of this network once it has them."""
    name = _APPLICATIONS[config.name].file.format(alpha=float(config.alpha))
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "models" / name


def _build(config: NetworkConfig, size: tuple[int, int], weights: str | None) -> keras.Model:
    options: dict[str, Any] = {"alpha": config.alpha} if config.name == "mobilenet_v2" else {}
    build = getattr(_module(config.name), _APPLICATIONS[config.name].builder)
    # No name: the library finds its files by the model's name.
    return build(include_top=False, weights=weights, input_shape=(*size, 3), **options)


def _load(config: NetworkConfig, size: tuple[int, int]) -> keras.Model:
    library = _library_file(config)
    if config.weights == "imagenet":
        try:
            return _build(config, size, "imagenet")
        except Exception as error:  # urllib's, socket's or Keras's own, by what went wrong
            raise ValueError(
                f"keras.applications could not get its ImageNet weights of {config.name!r} "
                f"({error}); without a network, put the file {library.name} into {library.parent}, "
                "or give its path as training.network.weights"
            ) from error
    model = _build(config, size, None)
    if config.weights is None:
        return model
    path = Path(config.weights).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"training.network.weights is {str(path)!r}, and there is no such file; for ImageNet "
            f"weights, let keras.applications fetch them on a machine with a network "
            f"(weights: imagenet), and copy {library} from there"
        )
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{path} does not hold weights of {config.name!r} without its classification layers "
            f"(such as {library.name}): {error}"
        ) from error
    return model


def transfer(x: Any, config: NetworkConfig) -> Any:
    """The layers of a transfer network, from pixels to the raw embedding.

    Preprocessing, backbone, global average, dropout, one dense layer.

    Args:
      x: Symbolic uint8 ``[N, H, W, 1 or 3]``.
      config: Which network, its weights, and whether it starts frozen.

    Returns:
      Symbolic float32 ``[N, embedding_size]``.

    Raises:
      FileNotFoundError: The file of weights is missing; the message says where to get it.
      ValueError: The weights are of another network, or could not be downloaded.
    """
    size = (x.shape[1], x.shape[2])
    from_file = config.weights not in (None, "imagenet")
    x = BackbonePreprocessing(config.name, from_file, name="preprocessing")(x)
    model = _load(config, size)
    model.trainable = not config.frozen
    x = Backbone(model, inference=config.frozen, name="backbone")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    return layers.Dense(
        config.chosen_embedding_size,
        kernel_regularizer=keras.regularizers.L2(config.l2) if config.l2 else None,
        name="embedding",
    )(x)


def unfreeze(network: keras.Model, start: str) -> int:
    """Lets a frozen backbone be fitted from one layer upwards, but for batch normalisation.

    Args:
      network: From ``build_network``.
      start: Name of the layer, or the start of the names of a block's layers.

    Returns:
      How many weights can now be fitted in the backbone.

    Raises:
      ValueError: No layer's name starts so.
    """
    model = network.get_layer("backbone").model
    names = [layer.name for layer in model.layers]
    places = [place for place, name in enumerate(names) if name.startswith(start)]
    if not places:
        blocks = dict.fromkeys(name.rsplit("_", 1)[0] for name in names)
        raise ValueError(
            f"training.network.unfreeze_from is {start!r}, and no layer's name starts so; its "
            f"blocks are {', '.join(blocks)}"
        )
    # The flag of the whole decides for its parts, so theirs are set after it.
    model.trainable = True
    for place, layer in enumerate(model.layers):
        layer.trainable = place >= places[0] and not isinstance(layer, layers.BatchNormalization)
    return int(sum(weight.numpy().size for weight in model.trainable_weights))
