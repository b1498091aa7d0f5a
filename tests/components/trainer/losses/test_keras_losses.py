"""The same losses as Keras losses: of a model of one's own."""

import inspect

import keras
import numpy as np
import pytest
from striped_faces import SHAPE, stripes

from components.trainer import losses
from components.trainer.distances import EuclideanDistance
from components.trainer.losses import (
    ArcFaceLoss,
    BinaryLoss,
    ContrastiveLoss,
    SupConLoss,
    TripletLoss,
)
from components.trainer.losses.class_cosines import ClassCosines


@pytest.mark.parametrize("labels", [(4,), (4, 1)])
@pytest.mark.parametrize("predictions", [(4,), (4, 1)])
def test_a_perfect_predictor_has_loss_zero_in_every_shape(labels, predictions):
    y_true = np.reshape([1, 0, 1, 0], labels)
    y_pred = np.reshape([0.0, 1.0, 0.0, 2.0], predictions).astype(np.float32)
    assert float(ContrastiveLoss(margin=1.0)(y_true, y_pred)) == 0.0


def test_contrastive_loss_is_the_mean_over_pairs_and_not_over_a_square():
    found = ContrastiveLoss(margin=2.0)(np.array([1, 0]), np.array([[3.0], [0.5]], np.float32))
    assert float(found) == (9 + 2.25) / 2


def test_the_examples_of_the_docstrings():
    assert float(ContrastiveLoss(margin=1.0)([1, 0], [[0.5], [0.25]])) == 0.40625
    assert float(BinaryLoss()([1, 0], [[0.0], [0.0]])) == pytest.approx(0.6931472)
    points = [[0.0], [1.0], [2.5]]
    assert float(TripletLoss(margin=2.0, mining="hard")([0, 0, 1], points)) == 1.0
    units = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    assert float(SupConLoss(temperature=1.0)([0, 0, 1], units)) == pytest.approx(0.31326166)


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_a_loss_round_trips_through_its_config(name):
    section = losses.LOSSES[name]
    parameters = {"margin": 0.7} if "margin" in section.parameters() else {}
    loss = getattr(losses, f"{section.__name__}Loss")(**parameters, reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert again.config == section(**parameters)
    assert (again.reduction, again.name) == ("sum", f"{name}_loss")
    for key, value in parameters.items():
        assert getattr(again, key) == value


def test_arguments_are_the_keys_of_the_config():
    assert list(inspect.signature(TripletLoss).parameters) == [
        *("margin", "mining", "reduction", "name", "dtype")
    ]
    assert ContrastiveLoss(0.7).margin == 0.7
    with pytest.raises(ValueError, match="margin"):
        ContrastiveLoss(margin=0)
    with pytest.raises(ValueError, match="mining"):
        TripletLoss(mining="easy")
    with pytest.raises(TypeError, match="temperature"):
        TripletLoss(temperature=0.1)


def test_a_loss_that_there_is_not():
    with pytest.raises(ImportError, match="HingeLoss"):
        from components.trainer.losses import HingeLoss  # noqa: F401


def network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Rescaling(1 / 128, offset=-1),
            keras.layers.Flatten(),
            keras.layers.Dense(8),
            keras.layers.UnitNormalization(),
        ]
    )


@pytest.mark.parametrize("name", ["triplet", "supcon", "arcface"])
def test_a_model_of_ones_own_is_fitted_on_identities_and_saved(name, tmp_path):
    loss, head = {
        "triplet": (TripletLoss(margin=0.4), []),
        "supcon": (SupConLoss(temperature=0.2), []),
        "arcface": (ArcFaceLoss(margin=0.3, scale=10.0), [ClassCosines(6)]),
    }[name]
    keras.utils.set_random_seed(0)
    images = stripes(6, 8, seed=1)
    model = keras.Sequential([network(), *head])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss)
    history = model.fit(
        images.pixels, images.classes, batch_size=48, epochs=20, shuffle=False, verbose=0
    ).history["loss"]
    # A loss of constant embeddings would stay where it is.
    assert history[-1] < 0.8 * history[0]
    model.save(tmp_path / "own.keras")
    again = keras.models.load_model(tmp_path / "own.keras")
    assert again.loss.config == loss.config
    np.testing.assert_allclose(
        again.evaluate(images.pixels, images.classes, batch_size=48, verbose=0),
        model.evaluate(images.pixels, images.classes, batch_size=48, verbose=0),
        rtol=1e-6,
    )


def test_a_siamese_model_of_ones_own_is_fitted_on_pairs():
    keras.utils.set_random_seed(0)
    images, shared = stripes(6, 8, seed=1), network()
    a, b = np.divmod(np.arange(48 * 48), 48)
    labels = images.classes[a] == images.classes[b]
    first, second = keras.Input(SHAPE), keras.Input(SHAPE)
    distance = EuclideanDistance()([shared(first), shared(second)])
    model = keras.Model([first, second], distance)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=ContrastiveLoss(margin=1.0))
    history = model.fit(
        [images.pixels[a], images.pixels[b]], labels, batch_size=256, epochs=3, verbose=0
    ).history["loss"]
    assert history[-1] < 0.5 * history[0]
