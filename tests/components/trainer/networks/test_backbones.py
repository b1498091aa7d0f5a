"""Transfer learning: preprocessing, weights from files, freezing and unfreezing."""

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from striped_faces import config, pairs_of, stripes
from test_fitting import KillAt, Killed, measured

from components.trainer.config import NetworkConfig, TrainingConfig
from components.trainer.fitting.checkpoint import Checkpoint
from components.trainer.fitting.loop import fit
from components.trainer.inputs.arrays import Images, Pairs
from components.trainer.networks.backbones import BackbonePreprocessing, unfreeze
from components.trainer.networks.build import Backbone, build_network

# The cheapest: MobileNetV2 of a third of its width, on the smallest images it takes.
SIDE = 32
CHEAP: dict[str, Any] = {"name": "mobilenet_v2", "alpha": 0.35, "embedding_size": 8, "dropout": 0.1}


def cheap(**changes: Any) -> NetworkConfig:
    return NetworkConfig(**{**CHEAP, **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[keras.Model, dict[str, Path]]:
    """A backbone with weights of its own, in the three kinds of file that Keras reads."""
    keras.utils.set_random_seed(3)
    model = keras.applications.MobileNetV2(
        alpha=0.35, include_top=False, weights=None, input_shape=(SIDE, SIDE, 3)
    )
    random = np.random.default_rng(3)
    for weight in model.weights:
        if "moving_mean" in weight.path:
            weight.assign(random.normal(0, 0.1, weight.shape))
    folder = tmp_path_factory.mktemp("weights")
    files = {kind: folder / f"backbone.{kind}" for kind in ("weights.h5", "keras", "h5")}
    model.save_weights(files["weights.h5"])
    model.save(files["keras"])
    # The format of the library's own downloads; Keras still reads it, but writes it no more.
    with h5py.File(files["h5"], "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return model, files


@pytest.mark.parametrize(
    ("name", "from_file", "expected"),
    [
        # Published means of ImageNet, blue, green, red.
        ("vgg16", False, [100 - 103.939, 100 - 116.779, 100 - 123.68]),
        ("resnet50", False, [100 - 103.939, 100 - 116.779, 100 - 123.68]),
        ("mobilenet_v2", False, [100 / 127.5 - 1] * 3),
        ("efficientnet_b0", False, [100.0] * 3),
        ("efficientnet_v2_b0", False, [100.0] * 3),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_each_backbone_sees_grey_as_it_was_trained_to(name, from_file, expected, dtype):
    pixels = keras.ops.convert_to_tensor(np.full((2, 4, 4, 1), 100, dtype))
    found = BackbonePreprocessing(name, from_file)(pixels)
    assert found.shape == (2, 4, 4, 3)
    np.testing.assert_allclose(found[1, 2, 3], expected, rtol=1e-5)


def test_efficientnet_b0_sees_the_same_from_a_file_as_from_the_library():
    # The library's graph for weights="imagenet": Rescaling(1 / 255), Normalization, then a division
    # by the root of the deviation. For a file it leaves the last out.
    mean = np.array([0.485, 0.456, 0.406])
    deviation = np.array([0.229, 0.224, 0.225])
    pixels = np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3)).astype(np.float32)
    library = (pixels / 255 - mean) / deviation / np.sqrt(deviation)
    ours = np.asarray(BackbonePreprocessing("efficientnet_b0", from_file=True)(pixels))
    np.testing.assert_allclose((ours / 255 - mean) / deviation, library, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["weights.h5", "keras", "h5"])
def test_weights_come_from_a_file(trained, kind):
    model, files = trained
    network = build_network(cheap(weights=str(files[kind])), (SIDE, SIDE, 1))
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 1), dtype=np.uint8)
    features = model(pixels.repeat(3, axis=-1).astype(np.float32) / 127.5 - 1, training=False)
    dense = network.get_layer("embedding")
    expected = np.asarray(features).mean(axis=(1, 2)) @ dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(network(pixels, training=False), expected, rtol=1e-3, atol=1e-4)


def test_a_missing_file_says_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "/somewhere")
    missing = tmp_path / "none.h5"
    with pytest.raises(FileNotFoundError) as caught:
        build_network(cheap(weights=str(missing)), (SIDE, SIDE, 1))
    assert str(missing) in str(caught.value)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    assert f"/somewhere/models/{name}" in str(caught.value)


def test_weights_of_another_network_are_refused(trained):
    with pytest.raises(ValueError, match="does not hold weights of 'mobilenet_v2' without"):
        build_network(cheap(alpha=0.5, weights=str(trained[1]["weights.h5"])), (SIDE, SIDE, 1))


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "efficientnet_b0", "efficientnet_v2_b0"])
def test_the_other_backbones_are_built(name):
    network = build_network(NetworkConfig(name=name, frozen=False, embedding_size=4), (32, 32, 3))
    assert network.output_shape == (None, 4)
    assert isinstance(network.get_layer("backbone"), Backbone)


def test_unfreezing_from_a_block_leaves_batch_normalisation_out(trained):
    network = build_network(cheap(weights=str(trained[1]["weights.h5"])), (SIDE, SIDE, 1))
    assert [weight.path for weight in network.trainable_weights] == [
        "embedding/kernel",
        "embedding/bias",
    ]
    # The last convolutions: block_16_project (336 x 112) and Conv_1 (112 x 1280), without biases.
    assert unfreeze(network, "block_16_project") == 336 * 112 + 112 * 1280
    assert [weight.path for weight in network.trainable_weights[:2]] == [
        "block_16_project/kernel",
        "Conv_1/kernel",
    ]
    with pytest.raises(ValueError, match=r"'block_17'.*its blocks are .*block_16"):
        unfreeze(network, "block_17")


class Rates(keras.callbacks.Callback):
    """The highest learning rate of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.highest: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.highest.append(0.0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.highest[-1] = max(self.highest[-1], float(self.model.optimizer.learning_rate))


class LastBackbone(keras.callbacks.Callback):
    """The backbone's weights after the last step, and how many weights have an average."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        backbone = self.model.network.get_layer("backbone").model
        self.weights = {weight.path: weight.numpy().copy() for weight in backbone.weights}
        self.averages = len(self.model.averages)


def transfer(weights: Path) -> tuple[TrainingConfig, tuple[Images, Pairs, Images, Pairs]]:
    """Three epochs, the first of them frozen, on a few images."""
    train, val = stripes(8, 4, seed=1, side=SIDE), stripes(4, 4, seed=2, side=SIDE)
    data = train, pairs_of(train, 40), val, pairs_of(val, 20)
    chosen = config(
        network={
            **CHEAP,
            "weights": str(weights),
            "unfreeze_from": "Conv_1",
            "unfreeze_at": 1,
            "finetune_rate": 0.5,
        },
        optimizer={"learning_rate": 1e-3, "warmup": 0, "ema": 0.9},
        sampler="identities",
        identities_per_batch=4,
        images_per_identity=2,
        input_size=None,
        epochs=3,
        steps_per_epoch=2,
    )
    return chosen, data


def test_a_backbone_is_frozen_then_fitted_from_a_block_on(trained, tmp_path):
    chosen, data = transfer(trained[1]["weights.h5"])
    rates, last = Rates(), LastBackbone()
    fit(chosen, *data, tmp_path / "a", more=[rates, last])
    # After the first step of a phase: half a cosine over 2 steps, and over 4.
    np.testing.assert_allclose(
        rates.highest[:2], [1e-3 * 0.5, 0.5e-3 * (1 + np.cos(np.pi / 4)) / 2], rtol=1e-5
    )
    before = {weight.path: weight.numpy() for weight in trained[0].weights}
    # The best epoch may lie before unfreezing: the last step's weights tell what was fitted.
    changed = {
        path for path, value in last.weights.items() if not np.array_equal(value, before[path])
    }
    assert changed == {"Conv_1/kernel"}
    # Of the dense layer's kernel and bias, and of that kernel.
    assert last.averages == 3


@pytest.mark.slow
def test_a_transfer_that_was_killed_ends_as_if_it_had_not_been(trained, tmp_path):
    chosen, data = transfer(trained[1]["weights.h5"])
    model, history, _ = fit(chosen, *data, tmp_path / "a")
    kept = Checkpoint(tmp_path / "kept")
    with pytest.raises(Killed):
        fit(chosen, *data, tmp_path / "b", kept, [KillAt(2)])
    assert kept.progress().next_epoch == 2
    resumed, resumed_history, _ = fit(chosen, *data, tmp_path / "c", kept)
    assert measured(resumed_history) == measured(history)
    for one, other in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "frozen and has random weights"),
        ({"weights": "imagenet", "unfreeze_at": 2}, "give both or neither"),
        ({"name": "cnn"}, "alpha is 0.35, which means nothing to network 'cnn'"),
        (
            {"frozen": False, "unfreeze_at": 2, "unfreeze_from": "Conv_1"},
            "leave one of them out",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        cheap(**changes)
