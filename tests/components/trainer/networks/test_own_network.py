"""A network of one's own: .keras files, SavedModels, and one that was ONNX."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from components.trainer.networks.backbones import unfreeze
from components.trainer.networks.build import build_network, multiply_adds
from components.trainer.networks.config import NetworkConfig
from components.trainer.networks.pixel_scaling import PixelScaling

SIDE = 12


def own(path: Path, **changes: Any) -> NetworkConfig:
    options: dict[str, Any] = {"name": "file", "weights": str(path), "input_range": (0.0, 1.0)}
    return NetworkConfig(**{**options, **changes})


def pixels(channels: int = 3, side: int = SIDE) -> np.ndarray:
    shape = (4, side, side, channels)
    return np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)


def means(channels: int = 3, size: int | None = SIDE) -> keras.Model:
    """The mean of each channel: what a network sees, told by its embedding."""
    inputs = keras.Input((size, size, channels))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(inputs))


def convolutional() -> keras.Model:
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(6, 3, name="first_conv"),
            layers.BatchNormalization(name="first_bn"),
            layers.Conv2D(4, 3, name="second_conv"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(5, name="embedding"),
        ]
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("own")
    model = means()
    paths = {"keras": folder / "means.keras", "saved": folder / "means"}
    model.save(paths["keras"])
    model.export(paths["saved"], verbose=False)
    convolutional().save(folder / "convolutional.keras")
    return {**paths, "convolutional": folder / "convolutional.keras"}


@pytest.mark.parametrize("kind", ["keras", "saved"])
@pytest.mark.parametrize(
    ("changes", "factor", "shift", "order"),
    [
        ({}, 1 / 255, 0, [0, 1, 2]),
        ({"input_range": (-1.0, 1.0)}, 2 / 255, -1, [0, 1, 2]),
        ({"input_range": (0.0, 255.0), "colour_order": "bgr"}, 1, 0, [2, 1, 0]),
        (
            {
                "input_range": None,
                "input_mean": (120.0, 110.0, 100.0),
                "input_std": (60.0, 50.0, 40.0),
                "colour_order": "bgr",
            },
            # Red's own mean and deviation, wherever red comes.
            np.array([1 / 60, 1 / 50, 1 / 40]),
            np.array([-2, -2.2, -2.5]),
            [2, 1, 0],
        ),
    ],
    ids=["unit", "signed", "bytes-bgr", "mean-std-bgr"],
)
def test_a_network_sees_what_it_was_trained_to_see(files, kind, changes, factor, shift, order):
    network = build_network(own(files[kind], **changes), (SIDE, SIDE, 3))
    seen = pixels()
    expected = (seen.mean(axis=(1, 2)) * factor + shift)[:, order]
    np.testing.assert_allclose(network(seen, training=False), expected, rtol=1e-4, atol=1e-4)
    assert network.output_shape == (None, 3)


@pytest.mark.parametrize("kind", ["keras", "saved"])
def test_grey_becomes_three_channels(files, kind):
    network = build_network(own(files[kind]), (SIDE, SIDE, 1))
    seen = pixels(1)
    expected = seen.mean(axis=(1, 2)).repeat(3, axis=1) / 255
    np.testing.assert_allclose(network(seen, training=False), expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["keras", "saved"])
def test_images_of_another_size_are_refused_with_both_shapes(files, kind):
    message = r"takes \[any, 12, 12, 3\], and the images are \[any, 20, 20, 3\]; set image.size"
    with pytest.raises(ValueError, match=message):
        build_network(own(files[kind]), (20, 20, 3))


def test_a_network_for_any_size_takes_any(tmp_path):
    means(size=None).save(tmp_path / "any.keras")
    network = build_network(own(tmp_path / "any.keras"), (20, 20, 3))
    assert np.asarray(network(pixels(side=20))).shape == (4, 3)


def test_colour_is_not_given_to_a_network_for_grey(tmp_path):
    means(channels=1).save(tmp_path / "grey.keras")
    message = r"takes \[any, 12, 12, 1\], and the images are \[any, 12, 12, 3\]"
    with pytest.raises(ValueError, match=message):
        build_network(own(tmp_path / "grey.keras"), (SIDE, SIDE, 3))


def test_maps_are_no_embedding(tmp_path):
    inputs = keras.Input((SIDE, SIDE, 3))
    keras.Model(inputs, layers.Conv2D(4, 3)(inputs)).save(tmp_path / "maps.keras")
    with pytest.raises(ValueError, match=r"gives \[any, 10, 10, 4\]; an embedding .* \[any, D\]"):
        build_network(own(tmp_path / "maps.keras"), (SIDE, SIDE, 3))


def test_a_network_for_whole_numbers_takes_bytes_only(tmp_path):
    inputs = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(inputs))
    keras.Model(inputs, x).save(tmp_path / "bytes.keras")
    seen = pixels()
    network = build_network(own(tmp_path / "bytes.keras", input_range=(0.0, 255.0)), seen.shape[1:])
    np.testing.assert_allclose(network(seen), seen.mean(axis=(1, 2)) / 255, rtol=1e-4)
    with pytest.raises(ValueError, match=r"takes uint8, .* set network.input_range: \[0, 255\]"):
        build_network(own(tmp_path / "bytes.keras"), seen.shape[1:])


def test_python_in_a_file_is_refused_before_it_is_loaded(tmp_path, monkeypatch):
    inputs = keras.Input((SIDE, SIDE, 3))
    inner = keras.Model(inputs, layers.Lambda(lambda x: x / 2, name="halve")(inputs))
    outer = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(outer, layers.GlobalAveragePooling2D()(inner(outer)))
    model.save(tmp_path / "python.keras")
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(ValueError, match=r"holds Python code, in the Lambda layer 'halve'"):
        build_network(own(tmp_path / "python.keras"), (SIDE, SIDE, 3))


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
def test_another_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ValueError, match=rf"{name} is not a .keras file .*model.save"):
        build_network(own(tmp_path / name), (SIDE, SIDE, 3))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a file nor the folder of a SavedModel"):
        build_network(own(tmp_path), (SIDE, SIDE, 3))


def test_a_saved_model_needs_one_tensor_in_and_one_out(tmp_path):
    module = tf.Module()
    spec = tf.TensorSpec([None, SIDE, SIDE, 3])
    function = tf.function(lambda a, b: {"x": a + b}).get_concrete_function(spec, spec)
    tf.saved_model.save(module, str(tmp_path / "two"), signatures=function)
    with pytest.raises(ValueError, match=r"takes \['a', 'b'\] and gives \['x'\]; it must be"):
        build_network(own(tmp_path / "two"), (SIDE, SIDE, 3))


def test_a_keras_file_can_be_fitted_further_and_a_saved_model_cannot(files):
    network = build_network(own(files["convolutional"]), (SIDE, SIDE, 3))
    assert network.trainable_weights == []
    assert unfreeze(network, "second_conv") == 6 * 4 * 9 + 4 + 4 * 5 + 5
    # Two convolutions of 10 x 10 and 8 x 8 pixels, and the matrix.
    assert multiply_adds(network) == 100 * 9 * 3 * 6 + 64 * 9 * 6 * 4 + 4 * 5
    with pytest.raises(ValueError, match="is a SavedModel, which is used as it is"):
        build_network(own(files["saved"], frozen=False), (SIDE, SIDE, 3))


def test_scaling_comes_back_from_its_config():
    layer = PixelScaling([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], reverse=True)
    again = PixelScaling.from_config(layer.get_config())
    seen = pixels()
    np.testing.assert_array_equal(layer(seen), again(seen))


def test_an_onnx_file_becomes_a_saved_model_as_the_docs_say(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    onnx2keras = pytest.importorskip("onnx2keras", reason="onnx2keras is not installed")
    random = np.random.default_rng(6)
    # As face networks are: convolution, batch normalisation, PReLU, a flat map, a matrix.
    values = {
        "kernel": random.normal(0, 0.3, (4, 3, 3, 3)),
        "gamma": random.uniform(0.5, 1.5, 4),
        "beta": random.normal(size=4),
        "mean": random.normal(size=4),
        "variance": random.uniform(0.5, 1.5, 4),
        "slope": random.uniform(0, 0.5, (4, 1, 1)),
        "matrix": random.normal(0, 0.1, (5, 4 * 10 * 10)),
        "bias": random.normal(size=5),
    }
    values = {name: value.astype(np.float32) for name, value in values.items()}
    node, tensor = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    batch = ["c", "gamma", "beta", "mean", "variance"]
    graph = onnx.helper.make_graph(
        [
            node("Conv", ["face", "kernel"], ["c"], kernel_shape=[3, 3]),
            node("BatchNormalization", batch, ["n"], epsilon=1e-5),
            node("PRelu", ["n", "slope"], ["p"]),
            node("Flatten", ["p"], ["f"]),
            node("Gemm", ["f", "matrix", "bias"], ["embedding"], transB=1),
        ],
        "face",
        [tensor("face", onnx.TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [tensor("embedding", onnx.TensorProto.FLOAT, ["N", 5])],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8
    )
    onnx.save(model, tmp_path / "face.onnx")

    # The two lines of docs/bring_your_own_network.md.
    converted = onnx2keras.onnx_to_keras(
        onnx.load(tmp_path / "face.onnx"), ["face"], change_ordering=True, verbose=False
    )
    converted.export(tmp_path / "face", verbose=False)

    config = own(tmp_path / "face", input_range=(-1.0, 1.0))
    network = build_network(config, (SIDE, SIDE, 3))
    seen = pixels()
    x = (seen / 127.5 - 1).transpose(0, 3, 1, 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    x = np.einsum("nchwrs,kcrs->nkhw", windows, values["kernel"])
    each = {name: values[name][:, None, None] for name in ("gamma", "beta", "mean", "variance")}
    x = (x - each["mean"]) / np.sqrt(each["variance"] + 1e-5) * each["gamma"] + each["beta"]
    x = np.where(x < 0, values["slope"] * x, x).reshape(len(x), -1)
    expected = x @ values["matrix"].T + values["bias"]
    np.testing.assert_allclose(network(seen, training=False), expected, rtol=1e-3, atol=1e-4)
