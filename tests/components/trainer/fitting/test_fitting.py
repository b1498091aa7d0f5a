"""Fitting: phases, resuming, what is logged, hard negatives across the train set."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from dlib_format import SIDE, TinyNetwork
from striped_faces import SHAPE, config, pairs_of, stripes
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from components.trainer.config import TrainingConfig
from components.trainer.fitting.checkpoint import Checkpoint, Progress
from components.trainer.fitting.loop import Phase, build_optimizer, fit, phases
from components.trainer.fitting.siamese import SiameseModel
from components.trainer.inputs.arrays import Images, Pairs

SMALL: dict[str, Any] = {
    "network": {"name": "cnn", "width": 8, "embedding_size": 8, "dropout": 0.2},
    "augmentation": {},
    "epochs": 3,
    "steps_per_epoch": 3,
}
IDENTITIES: dict[str, Any] = {**SMALL, "sampler": "identities", "identities_per_batch": 8}


class Killed(Exception):
    """Stands in for a machine that goes away."""


class KillAt(keras.callbacks.Callback):
    def __init__(self, epoch: int):
        super().__init__()
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == self._epoch:
            raise Killed


@pytest.fixture(scope="module")
def data():
    train, val = stripes(20, 4, seed=1), stripes(8, 4, seed=2)
    return train, pairs_of(train, 200), val, pairs_of(val, 60)


def measured(history: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: values for name, values in history.items() if name != "images_per_second"}


@pytest.mark.parametrize(
    "values",
    [
        {**IDENTITIES, "hard_negative_group": 4},
        {**SMALL, "sampler": "pairs", "batch_pairs": 16, "augmentation": {"jpeg": 0.5}},
    ],
    ids=["hard-negatives", "pairs"],
)
def test_a_training_that_was_killed_ends_as_if_it_had_not_been(data, values, tmp_path):
    chosen = config(**values)
    whole, history, best = fit(chosen, *data, tmp_path / "a")
    kept = Checkpoint(tmp_path / "kept")
    with pytest.raises(Killed):
        fit(chosen, *data, tmp_path / "b", kept, [KillAt(1)])
    assert kept.progress().next_epoch == 1
    resumed, resumed_history, resumed_best = fit(chosen, *data, tmp_path / "c", kept)
    assert measured(resumed_history) == measured(history)
    assert resumed_best == best
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    kept.delete()
    assert not (tmp_path / "kept").exists()


def test_patience_ends_training_and_a_finished_training_is_not_trained_again(data, tmp_path):
    # A rate of next to nothing: no epoch after the first is better.
    chosen = config(**IDENTITIES, patience=1, optimizer={"learning_rate": 1e-9, "ema": 0})
    chosen = chosen.model_copy(update={"epochs": 6})
    kept = Checkpoint(tmp_path / "kept")
    _, history, best = fit(chosen, *data, tmp_path / "a", kept)
    assert (len(history["loss"]), best) == (2, 0)
    _, again, _ = fit(chosen, *data, tmp_path / "b", kept, [KillAt(0), KillAt(1), KillAt(2)])
    assert again == history


def test_a_state_of_another_model_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile(optimizer="sgd")
    checkpoint.save(model, Progress(next_epoch=2, history={"loss": [1.0, 0.5]}))
    assert checkpoint.progress().history == {"loss": [1.0, 0.5]}
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(3)])
    other.compile(optimizer="sgd")
    with pytest.raises(ValueError, match="holds 2 variables of the model, which has 4"):
        checkpoint.restore(other, with_optimizer=True)


def test_a_loss_that_explodes_says_what_to_change(data, tmp_path):
    chosen = config(
        **{**IDENTITIES, "network": {**SMALL["network"], "batch_norm": False, "normalize": False}},
        optimizer={"learning_rate": 1.0, "weight_decay": 1e30, "warmup": 0},
    )
    with pytest.raises(
        ValueError, match=r"no epoch with a finite loss and finite weights; lower .*learning_rate"
    ):
        fit(chosen, *data, tmp_path)


def test_a_step_compiled_by_xla_is_the_same_step(data):
    train = data[0]
    losses = {}
    for xla in (False, True):
        chosen = config(
            loss={"name": "triplet", "mining": "hard"},
            sampler="identities",
            # With what moves the image, for which XLA has no kernel.
            augmentation={"rotation": 9, "cutout": 0.5},
            xla=xla,
        )
        keras.utils.set_random_seed(0)
        model = SiameseModel(chosen, SHAPE, 20)
        model.compile(optimizer=build_optimizer(chosen.optimizer, 100), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        batch = tf.constant(train.pixels[:64]), tf.constant(train.classes[:64])
        step = tf.function(model.train_step).get_concrete_function(batch)
        inner = step.graph.as_graph_def().library.function
        assert any(each.attr["_XlaMustCompile"].b for each in inner) == xla
        losses[xla] = [float(step(*batch)["loss"]) for _ in range(3)]
    assert len(set(losses[True])) == 3
    np.testing.assert_allclose(losses[True], losses[False], rtol=1e-4)


def test_phases_of_a_transfer():
    backbone = {
        "name": "vgg16",
        "weights": "imagenet",
        "unfreeze_from": "block5",
        "finetune_rate": 0.2,
    }
    by_share = config(epochs=10, network={**backbone, "unfreeze_at": 0.7})
    by_number = config(epochs=10, network={**backbone, "unfreeze_at": 7})
    assert phases(by_share) == phases(by_number) == [Phase(0, 7), Phase(7, 10, 0.2, "block5")]
    assert phases(config(epochs=10)) == [Phase(0, 10)]
    with pytest.raises(ValueError, match="10 epochs are frozen"):
        config(epochs=10, network={**backbone, "unfreeze_at": 10})


@pytest.fixture(scope="module")
def events(data, tmp_path_factory) -> tuple[Path, dict[str, list[float]]]:
    folder = tmp_path_factory.mktemp("logs")
    chosen = config(
        **{**IDENTITIES, "epochs": 2, "projector_images": 10},
        loss={"name": "triplet", "mining": "hard"},
    )
    _, history, _ = fit(chosen, *data, folder)
    return folder, history


def test_tensorboard_shows_each_epoch(events):
    folder, history = events
    for run, names in (
        (
            "train",
            ("loss", "learning_rate", "images_per_second", "embedding_variance", "active_triplets"),
        ),
        ("validation", ("val_eer", "val_auc", "val_accuracy")),
    ):
        found = EventAccumulator(str(folder / run)).Reload()
        for name in names:
            values = found.Tensors(name.removeprefix("val_"))
            assert [event.step for event in values] == [0, 1]
            shown = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in values]
            np.testing.assert_allclose(shown, history[name], rtol=1e-6)


def test_tensorboard_shows_the_distances_of_same_and_different_pairs(events, data):
    folder, _ = events
    found = EventAccumulator(str(folder / "validation")).Reload()
    for name, label in (("same", 1), ("different", 0)):
        # Rows of left edge, right edge, count: every val pair is in one.
        last = tensor_util.make_ndarray(found.Tensors(f"distance/{name}")[-1].tensor_proto)
        assert last[:, 2].sum() == (data[3].labels == label).sum()


def test_tensorboard_shows_the_config_and_the_hyper_parameters(events):
    folder, _ = events
    found = EventAccumulator(str(folder)).Reload()
    [text] = tensor_util.make_ndarray(found.Tensors("config")[0].tensor_proto).ravel()
    assert b'"name": "triplet"' in text
    metadata = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    given = plugin_data_pb2.HParamsPluginData.FromString(metadata).session_start_info.hparams
    assert given["loss.mining"].string_value == "hard"
    assert given["network.width"].number_value == 8
    assert given["optimizer.learning_rate"].number_value == 3e-3


def test_the_projector_has_whole_people_with_their_pictures(events):
    folder = events[0] / "validation"
    vectors = np.loadtxt(folder / "embeddings.tsv", delimiter="\t")
    assert vectors.shape == (10, 8)
    labels = [line.split("\t") for line in (folder / "metadata.tsv").read_text().splitlines()]
    assert labels[0] == ["identity", "image"]
    assert [row[0] for row in labels[1:]] == ["id_000"] * 4 + ["id_001"] * 4 + ["id_002"] * 2
    from PIL import Image

    # Ten pictures of 48 px: four across, three rows.
    assert Image.open(folder / "sprites.png").size == (192, 144)
    assert "sprites.png" in (folder / "projector_config.pbtxt").read_text()


@pytest.fixture(scope="module")
def faces() -> tuple[Images, Pairs, Images, Pairs]:
    """Images of the size that the tiny network of dlib's kind takes."""
    # Stripes come in multiples of 4 pixels.
    train, val = (
        replace(images, pixels=images.pixels[:, :SIDE, :SIDE])
        for images in (stripes(6, 4, seed=1, side=40), stripes(4, 4, seed=2, side=40))
    )
    return train, pairs_of(train, 20), val, pairs_of(val, 12)


def test_a_network_that_stays_as_it_is_is_not_trained(faces, tmp_path, capsys):
    tiny = TinyNetwork()
    network = {"name": "dlib_resnet", "weights": str(tiny.write(tmp_path / "tiny.dat"))}
    chosen = TrainingConfig(network=network, epochs=0, projector_images=5)
    assert phases(chosen) == []
    model, history, best = fit(chosen, *faces, tmp_path / "logs")
    assert (history, best) == ({}, -1)
    assert "dlib_resnet: 1,470 parameters" in capsys.readouterr().err
    grey = faces[2].pixels
    expected = tiny.embed(grey.repeat(3, axis=-1))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(model.embed_all(grey), expected, atol=1e-4)
    # TensorBoard has no epochs, but the config and the pictures of the val images.
    validation = EventAccumulator(str(tmp_path / "logs" / "validation")).Reload()
    assert validation.Tags()["tensors"] == []
    vectors = (tmp_path / "logs" / "validation").rglob("*.tsv")
    assert [len(path.read_text().splitlines()) for path in vectors].count(5) == 1
    [text] = tensor_util.make_ndarray(
        EventAccumulator(str(tmp_path / "logs")).Reload().Tensors("config")[0].tensor_proto
    ).ravel()
    assert b'"name": "dlib_resnet"' in text


def test_a_ready_network_is_fitted_from_a_block_on_at_a_lower_rate(faces, tmp_path):
    network = {
        "name": "dlib_resnet",
        "weights": str(TinyNetwork().write(tmp_path / "tiny.dat")),
        "unfreeze_from": "block2",
        "finetune_rate": 0.25,
    }
    chosen = TrainingConfig(
        network=network,
        loss={"name": "triplet"},
        sampler="identities",
        identities_per_batch=4,
        images_per_identity=2,
        steps_per_epoch=2,
        epochs=1,
        optimizer={"ema": 0},
    )
    assert phases(chosen) == [Phase(0, 1, 0.25, "block2")]
    before = SiameseModel(chosen, faces[0].pixels.shape[1:], 6).network.get_layer("backbone").model
    model, history, _ = fit(chosen, *faces, tmp_path / "logs")
    after = model.network.get_layer("backbone").model
    changed = {
        one.path
        for one, other in zip(before.weights, after.weights, strict=True)
        if not np.array_equal(one.numpy(), other.numpy())
    }
    assert changed == {
        "block2_conv1/kernel",
        "block2_conv1/bias",
        "block2_conv2/kernel",
        "block2_conv2/bias",
        "embedding/kernel",
    }
    assert len(history["loss"]) == 1
