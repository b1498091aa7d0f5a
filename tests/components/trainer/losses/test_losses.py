"""Losses by hand and against NumPy."""

import math

import keras
import numpy as np
import pytest

from components.trainer.losses import (
    ContrastiveLoss,
    angular_margin_logits,
    contrastive_loss,
    supervised_contrastive_loss,
    triplet_loss,
)


def test_contrastive_loss_by_hand():
    # same: d^2; different: max(1 - d, 0)^2
    found = contrastive_loss([1, 1, 0, 0], [0.5, 0.0, 0.25, 1.5], margin=1.0)
    np.testing.assert_allclose(found, [0.25, 0.0, 0.5625, 0.0])


@pytest.mark.parametrize("labels", [(4,), (4, 1)])
@pytest.mark.parametrize("predictions", [(4,), (4, 1)])
def test_a_perfect_predictor_has_loss_zero_in_every_shape(labels, predictions):
    y_true = np.reshape([1, 0, 1, 0], labels)
    y_pred = np.reshape([0.0, 1.0, 0.0, 2.0], predictions).astype(np.float32)
    assert float(ContrastiveLoss(margin=1.0)(y_true, y_pred)) == 0.0


def test_contrastive_loss_is_the_mean_over_pairs_and_not_over_a_square():
    found = ContrastiveLoss(margin=2.0)(np.array([1, 0]), np.array([[3.0], [0.5]], np.float32))
    assert float(found) == (9 + 2.25) / 2


@pytest.mark.parametrize("predictions", [np.zeros((2, 2)), np.zeros((2, 1, 1)), np.zeros(3)])
def test_other_shapes_are_refused(predictions):
    with pytest.raises(ValueError, match=r"shape|labels for"):
        contrastive_loss(np.array([1, 0]), predictions, margin=1.0)


def test_contrastive_loss_round_trips_through_its_config():
    loss = keras.losses.deserialize(keras.losses.serialize(ContrastiveLoss(margin=0.7)))
    assert loss.margin == 0.7


def test_a_margin_of_zero_is_refused():
    with pytest.raises(ValueError, match="margin"):
        ContrastiveLoss(margin=0)


def test_supervised_contrastive_loss_against_a_plain_loop():
    random = np.random.default_rng(1)
    embeddings = random.normal(size=(7, 5))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    identities = np.array([0, 0, 1, 1, 1, 2, 0])
    similar = embeddings @ embeddings.T / 0.2
    losses = []
    for i in range(7):
        positives = [j for j in range(7) if j != i and identities[j] == identities[i]]
        if positives:
            log_sum = math.log(sum(math.exp(similar[i, j]) for j in range(7) if j != i))
            losses.append(np.mean([log_sum - similar[i, j] for j in positives]))
    found = supervised_contrastive_loss(embeddings.astype(np.float32), identities, 0.2)
    np.testing.assert_allclose(float(found), np.mean(losses), rtol=1e-5)


def test_supervised_contrastive_loss_without_positives_is_zero():
    found = supervised_contrastive_loss(np.eye(3, dtype=np.float32), np.arange(3), 0.1)
    assert float(found) == 0.0


def test_cosface_subtracts_the_margin_from_the_true_cosine():
    cosines = np.array([[0.5, 0.25]], np.float32)
    found = angular_margin_logits(cosines, np.array([0]), 0.25, 10.0, additive_angle=False)
    np.testing.assert_allclose(found, [[2.5, 2.5]])


def test_arcface_adds_the_margin_to_the_true_angle():
    cosines = np.cos(np.array([[math.pi / 3, math.pi / 2]], np.float32))
    found = angular_margin_logits(cosines, np.array([0]), math.pi / 6, 2.0, additive_angle=True)
    # cos(60 + 30 degrees) = 0, and the other class keeps cos(90 degrees) = 0.
    np.testing.assert_allclose(found, [[0, 0]], atol=1e-5)


LINE = np.array([0.0, 1.0, 3.0, 3.5])  # two of class 0, two of class 1
DISTANCES = np.abs(LINE[:, None] - LINE[None]).astype(np.float32)
CLASSES = np.array([0, 0, 1, 1])


def test_batch_hard_triplets_by_hand():
    # anchor: farthest positive, nearest negative. 0: 1, 3. 1: 1, 2. 3: .5, 2. 3.5: .5, 2.5.
    loss, active = triplet_loss(DISTANCES, CLASSES, margin=1.75, hard=True)
    # 0, .75, .25, 0
    assert float(loss) == pytest.approx((0.75 + 0.25) / 4)
    assert float(active) == 0.5


def test_semi_hard_triplets_by_hand():
    # Every positive is nearer than every negative: the nearest negative is the semi-hard one.
    loss, _ = triplet_loss(DISTANCES, CLASSES, margin=1.75, hard=False)
    assert float(loss) == pytest.approx((0 + 0.75 + 0.25 + 0) / 4)


def test_semi_hard_takes_the_farthest_negative_where_none_is_beyond():
    line = np.array([0.0, 10.0, 1.0, 2.0])
    distances = np.abs(line[:, None] - line[None]).astype(np.float32)
    loss, _ = triplet_loss(distances, CLASSES, margin=1.0, hard=False)
    # Anchor 0: positive 10, negatives 1 and 2, none beyond: 10 - 2 + 1. Anchor 10: negatives 9 and
    # 8: 10 - 9 + 1. Anchor 1: positive 1, negatives 1 and 9; 9 is beyond: 0. Anchor 2: negatives 2
    # and 8; 2 is beyond: 1 - 2 + 1 = 0.
    assert float(loss) == pytest.approx((9 + 2) / 4)
