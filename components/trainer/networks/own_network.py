"""A network of one's own: a ``.keras`` file or a SavedModel, from pixels to a vector.

Nothing in the file is run that is not a known layer or a TensorFlow operation: ``safe_mode`` stays
on, and ``Lambda`` layers, which hold Python, are refused before anything is built.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from components.trainer.networks.backbones import Backbone
from components.trainer.networks.config import NetworkConfig
from components.trainer.networks.pixel_scaling import PixelScaling

_SIGNATURE = "serving_default"


class SavedModelNetwork(layers.Layer):
    """A SavedModel's signature ``serving_default`` as a layer; its weights stay as they are.

    Args:
      path: Folder of the SavedModel.

    Raises:
      ValueError: It has no such signature, or one that is not from one tensor to one tensor.
    """

    def __init__(self, path: Path, **options: Any):
        super().__init__(trainable=False, **options)
        # Kept: the function's variables live as long as this does.
        self._loaded = tf.saved_model.load(str(path))
        if _SIGNATURE not in self._loaded.signatures:
            raise ValueError(
                f"{path} has the signatures {sorted(self._loaded.signatures)}; it needs "
                f"{_SIGNATURE!r}"
            )
        self._function = self._loaded.signatures[_SIGNATURE]
        given, results = self._function.structured_input_signature[1], self._function.outputs
        if len(given) != 1 or len(results) != 1:
            raise ValueError(
                f"{path}: {_SIGNATURE!r} takes {sorted(given)} and gives "
                f"{sorted(self._function.structured_outputs)}; it must be from one tensor, the "
                "images, to one, the embeddings"
            )
        [(self._input_name, spec)] = given.items()
        [self._output_name] = self._function.structured_outputs
        self.taken, self.given = tuple(spec.shape), tuple(results[0].shape)
        self.taken_dtype = spec.dtype.name

    def call(self, images: Any) -> Any:
        """Returns ``[N, D]`` of images as the SavedModel takes them."""
        return self._function(**{self._input_name: images})[self._output_name]

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        """Its shape, from the signature."""
        return keras.KerasTensor(self.given, "float32")


def _configs(node: Any) -> Iterator[dict[str, Any]]:
    """All objects that a Keras config describes, from the outermost in."""
    if isinstance(node, dict):
        if "class_name" in node:
            yield node
        for value in node.values():
            yield from _configs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _configs(value)


def _refuse_python(path: Path) -> None:
    """Looks for Python in a ``.keras`` file, before Keras sees it.

    Raises:
      ValueError: There is some, or the file is no ``.keras`` file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            described = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is not a .keras file ({error}); save the model with "
            "model.save('network.keras') in Keras 3"
        ) from error
    for each in _configs(described):
        if each["class_name"] in ("Lambda", "__lambda__"):
            inner = each.get("config")
            name = inner.get("name") if isinstance(inner, dict) else None
            raise ValueError(
                f"{path} holds Python code, in the Lambda layer {name!r}, and is not loaded; say "
                "the same with Keras layers (Rescaling, Normalization, UnitNormalization, ...)"
            )


def _load_keras(path: Path) -> keras.Model:
    _refuse_python(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(
            f"{path} cannot be loaded by Keras {keras.__version__}: {error}"
        ) from error
    if not isinstance(model, (keras.Sequential, keras.Model)) or not model.built:
        raise ValueError(f"{path} holds {type(model).__name__}, not a built Keras model")
    if len(getattr(model, "inputs", None) or ()) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"{path} is not a model from one tensor, the images, to one, the embeddings; save a "
            "functional or Sequential model that is"
        )
    return model


def _check_shapes(
    path: Path, taken: tuple[Any, ...], given: tuple[Any, ...], shape: tuple[int, int, int]
) -> None:
    """Checks a network's shapes against the images that it is to see.

    Raises:
      ValueError: They do not fit; the message shows both.
    """
    channels = taken[3] if len(taken) == 4 else None
    wanted = (None, shape[0], shape[1], channels if shape[2] == 1 else shape[2])
    fits = len(taken) == 4 and channels in (1, 3)
    fits = fits and all(has in (None, want) for has, want in zip(taken, wanted, strict=True))
    if not fits:
        raise ValueError(
            f"{path} takes {_shown(taken)}, and the images are {_shown((None, *shape))}; set "
            "image.size (or training.resize, training.input_size) and image.channels to what it "
            "takes: any number of images, rows, columns, and 1 or 3 channels last"
        )
    if len(given) != 2 or given[0] is not None or not isinstance(given[1], int) or given[1] < 2:
        raise ValueError(
            f"{path} gives {_shown(given)}; an embedding network gives [any, D], with D of 2 or "
            "more: end it before what is not the embedding, or flatten that"
        )


def _shown(shape: tuple[Any, ...]) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"


def _scaling(config: NetworkConfig, channels: int, dtype: str, path: Path) -> PixelScaling:
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    if config.input_range is not None:
        black, white = config.input_range
        deviation = (255 / (white - black),) * channels
        mean = (-black * deviation[0],) * channels
    elif config.input_mean is not None and config.input_std is not None:
        mean, deviation = config.input_mean, config.input_std
    if channels == 1 and (len(set(mean)) > 1 or len(set(deviation)) > 1):
        raise ValueError(f"{path} takes grey images; give the same mean and std three times")
    mean, deviation = mean[:channels], deviation[:channels]
    whole = not dtype.startswith(("float", "bfloat"))
    if whole and (any(mean) or set(deviation) != {1.0}):
        raise ValueError(
            f"{path} takes {dtype}, so its pixels are 0 to 255; set network.input_range: [0, 255]"
        )
    reverse = config.colour_order == "bgr" and channels == 3
    return PixelScaling(mean, deviation, reverse, channels, dtype, name="preprocessing")


def own_network(inputs: Any, config: NetworkConfig) -> Any:
    """The layers of a network from a file, from pixels to the raw embedding.

    Args:
      inputs: Symbolic uint8 ``[N, H, W, 1 or 3]``.
      config: Names the file, and says what it was trained to see.

    Returns:
      Symbolic float32 ``[N, D]``.

    Raises:
      FileNotFoundError: There is no such file or folder.
      ValueError: It holds something else, or takes or gives other shapes.
    """
    path = Path(config.weights or "").expanduser()
    layer: layers.Layer
    if (path / "saved_model.pb").is_file():
        if config.learns:
            raise ValueError(
                f"{path} is a SavedModel, which is used as it is; remove network.unfreeze_from and "
                "frozen: false, or give a .keras file"
            )
        layer = SavedModelNetwork(path, name="backbone")
        taken, given, dtype = layer.taken, layer.given, layer.taken_dtype
    elif path.is_file():
        model = _load_keras(path)
        model.trainable = not config.frozen
        layer = Backbone(model, inference=config.frozen, name="backbone")
        taken, given, dtype = model.input_shape, model.output_shape, model.inputs[0].dtype
    else:
        raise FileNotFoundError(
            f"training.network.weights is {str(path)!r}, which is neither a file nor the folder of "
            "a SavedModel (with saved_model.pb); give one that is"
        )
    _check_shapes(path, taken, given, tuple(inputs.shape[1:]))
    x = _scaling(config, taken[3], dtype, path)(inputs)
    return ops.cast(layer(x), "float32")
