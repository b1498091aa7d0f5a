"""The model as a whole: it learns with every loss, and embeds as it was trained."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from striped_faces import SHAPE, config, pairs_of, stripes

from components.trainer.comparison.comparisons import build_comparison
from components.trainer.config import TrainingConfig
from components.trainer.export.embedder import Embedder
from components.trainer.fitting.loop import build_optimizer, fit
from components.trainer.fitting.siamese import SiameseModel, centre_crop, resize
from components.trainer.fitting.validation import pair_distances


@pytest.fixture(scope="module")
def data():
    train, val = stripes(40, 8, seed=1), stripes(12, 8, seed=2)
    return train, pairs_of(train, 600), val, pairs_of(val, 200)


LOSSES = [
    {"loss": {"name": "contrastive"}, "sampler": "pairs"},
    {"loss": {"name": "contrastive", "active_pairs_only": True}, "sampler": "identities"},
    {"loss": {"name": "binary"}, "sampler": "fresh_pairs"},
    {"loss": {"name": "triplet", "mining": "hard"}, "sampler": "identities"},
    {"loss": {"name": "triplet", "mining": "semi_hard"}, "sampler": "identities"},
    {"loss": {"name": "supcon"}, "sampler": "identities", "comparison": "plda"},
    {"loss": {"name": "arcface", "margin": 0.3}, "sampler": "identities"},
    {"loss": {"name": "cosface", "margin": 0.3}, "sampler": "identities"},
]


@pytest.mark.parametrize("chosen", LOSSES, ids=lambda c: f"{c['loss']['name']}-{c['sampler']}")
def test_every_loss_learns_to_verify_identities_it_never_saw(data, chosen, tmp_path):
    model, history, best = fit(config(**chosen), *data, tmp_path)
    # Guessing has an EER of one half with a standard error of about .04 on these 200 pairs.
    assert history["val_eer"][best] < 0.3
    assert best == int(np.argmin(history["val_eer"]))
    comparison = build_comparison(
        model.config,
        lambda: model.embed_all(data[0].pixels),
        data[0].classes,
        model.embedding_size,
        model.learned_head,
    ).comparison
    distances = pair_distances(comparison, model.embed_all(data[2].pixels), data[3])
    assert (distances >= 0).all()
    assert (tmp_path / "train").is_dir()


def test_one_seed_gives_one_model(data, tmp_path):
    chosen = config(sampler="identities", epochs=1, steps_per_epoch=3)
    first, _, _ = fit(chosen, *data, tmp_path)
    second, _, _ = fit(chosen, *data, tmp_path)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def untrained() -> SiameseModel:
    keras.utils.set_random_seed(0)
    return SiameseModel(config(loss={"name": "binary"}), SHAPE, classes=5)


def test_swapping_the_averages_twice_changes_nothing(untrained):
    untrained.compile(optimizer=build_optimizer(untrained.config.optimizer, 10))
    for average in untrained.averages:
        average.assign(average.value + 1)
    before = [weight.numpy().copy() for weight in untrained.trainable_variables]
    untrained.swap_averages()
    for weight, old in zip(untrained.trainable_variables, before, strict=True):
        np.testing.assert_allclose(weight.numpy(), old + 1)
    untrained.swap_averages()
    for weight, old in zip(untrained.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_the_rate_rises_then_falls_to_zero():
    chosen = TrainingConfig().optimizer.model_copy(update={"learning_rate": 1.0, "warmup": 0.1})
    rate = build_optimizer(chosen, 100)._learning_rate
    # Ten steps up, ninety down as half a cosine: its middle is step 55.
    found = [float(rate(step)) for step in (0, 5, 10, 55, 100)]
    np.testing.assert_allclose(found, [0, 0.5, 1, 0.5, 0], atol=1e-6)


def test_the_centre_crop():
    image = tf.reshape(tf.range(25), (1, 5, 5, 1))
    assert centre_crop(image, 3)[0, :, :, 0].numpy().tolist() == [
        [6, 7, 8],
        [11, 12, 13],
        [16, 17, 18],
    ]


def test_the_network_sees_the_prepared_image_resized():
    model = SiameseModel(config(resize=8, input_size=8), SHAPE, 5)
    half = SiameseModel(config(input_size=8), (8, 8, 1), 5)
    half.set_weights(model.get_weights())
    fine = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 1), dtype=np.uint8)
    coarse = fine.repeat(2, axis=1).repeat(2, axis=2)
    # Antialiased halving of doubled pixels: each weighs its own pair 3/4 and its neighbours 1/4.
    np.testing.assert_array_equal(model.view_all(coarse), resize(tf.constant(coarse), 8))
    np.testing.assert_allclose(
        model.embed_all(coarse), half.embed_all(model.view_all(coarse)), atol=1e-6
    )


def test_embedding_an_image_and_its_mirror_image_gives_the_same_with_mirror():
    model = SiameseModel(
        config(network={"name": "cnn", "width": 4, "mirror": True}, input_size=16), SHAPE, 5
    )
    pixels = stripes(3, 2, seed=0).pixels
    np.testing.assert_allclose(
        model.embed_all(pixels), model.embed_all(pixels[:, :, ::-1].copy()), atol=1e-6
    )


def test_a_training_begins_with_the_weights_of_an_exported_model(data, tmp_path, capsys):
    # Without batch normalisation, whose averages a step changes at any rate.
    network = {"name": "cnn", "width": 32, "embedding_size": 8, "dropout": 0, "batch_norm": False}
    chosen = config(epochs=1, steps_per_epoch=3, network=network)
    trained, _, _ = fit(chosen, *data, tmp_path / "a")
    verifier = tf.Module()
    verifier._embed_pixels = Embedder(trained)
    tf.saved_model.save(verifier, str(tmp_path / "exported"))
    # Nothing but the network: no averages, no state of the optimizer, no head of this loss.
    saved = tf.train.load_checkpoint(str(tmp_path / "exported" / "variables" / "variables"))
    shapes = saved.get_variable_to_shape_map()
    numeric = [name for name in shapes if saved.get_variable_to_dtype_map()[name].is_floating]
    assert len(numeric) == len(trained.network.weights)

    fresh = SiameseModel(config(seed=7, network=network), SHAPE, 40)
    fresh.begin_with(tmp_path / "exported")
    for mine, given in zip(fresh.network.weights, trained.network.weights, strict=True):
        np.testing.assert_array_equal(mine, given)

    still = {"learning_rate": 1e-9, "weight_decay": 0, "ema": 0}
    short = {"epochs": 1, "steps_per_epoch": 1, "seed": 7, "optimizer": still}
    warm = config(warm_start=True, network=network, **short)
    model, _, _ = fit(warm, *data, tmp_path / "b", first=tmp_path / "exported")
    a, b = (each.embed_all(data[2].pixels) for each in (trained, model))
    np.testing.assert_allclose(b, a, atol=1e-5)
    assert "begins with the weights of the last blessed model" in capsys.readouterr().err

    other = SiameseModel(config(network={"name": "cnn", "width": 16}), SHAPE, 40)
    with pytest.raises(ValueError, match=r"has no network like 'cnn' of this config"):
        other.begin_with(tmp_path / "exported")
