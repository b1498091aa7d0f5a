"""Losses by hand and against NumPy."""

import math

import numpy as np
import pytest

from components.trainer.losses import ArcFace, Binary, Contrastive, CosFace, SupCon, Triplet
from components.trainer.losses.class_cosines import ClassCosines


def test_contrastive_loss_by_hand():
    # same: d^2; different: max(1 - d, 0)^2
    found = Contrastive(margin=1.0).terms([1, 1, 0, 0], [0.5, 0.0, 0.25, 1.5])
    np.testing.assert_allclose(found.losses, [0.25, 0.0, 0.5625, 0.0])
    assert float(found.mean()) == (0.25 + 0.5625) / 4


def test_pairs_that_cost_nothing_need_not_count():
    loss = Contrastive(margin=1.0, active_pairs_only=True)
    labels, distances = [1, 1, 0, 0], [0.5, 0.0, 0.25, 1.5]
    found = loss.terms(labels, distances)
    assert float(found.mean()) == (0.25 + 0.5625) / 2
    # The share is of all pairs, whichever count.
    assert float(loss.report(labels, distances, found)["active_pairs"]) == 0.5


@pytest.mark.parametrize("predictions", [np.zeros((2, 2)), np.zeros((2, 1, 1)), np.zeros(3)])
@pytest.mark.parametrize("loss", [Contrastive(), Binary()])
def test_other_shapes_are_refused(loss, predictions):
    with pytest.raises(ValueError, match=r"shape|labels for"):
        loss.terms(np.array([1, 0]), predictions)


def test_binary_loss_is_the_cross_entropy_of_the_logit():
    # Twice p = 1/2; a logit of log 3 is p = 3/4; exp(200) would overflow.
    logits = np.array([[0.0], [0.0], [math.log(3)], [math.log(3)], [-200.0]], np.float32)
    found = Binary().terms(np.array([1, 0, 1, 0, 1]), logits).losses
    expected = [math.log(2), math.log(2), -math.log(0.75), -math.log(0.25), 200]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


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
    found = SupCon(temperature=0.2).terms(identities, embeddings.astype(np.float32)).mean()
    np.testing.assert_allclose(float(found), np.mean(losses), rtol=1e-5)


def test_supervised_contrastive_loss_without_positives_is_zero():
    assert float(SupCon().terms(np.arange(3), np.eye(3, dtype=np.float32)).mean()) == 0.0


def test_cosface_subtracts_the_margin_from_the_true_cosine():
    loss, cosines = CosFace(margin=0.25, scale=10.0), np.array([[0.5, 0.25]], np.float32)
    np.testing.assert_allclose(loss.logits(np.array([0]), cosines), [[2.5, 2.5]])
    # Two equal logits.
    assert float(loss.terms(np.array([0]), cosines).mean()) == pytest.approx(math.log(2))


def test_arcface_adds_the_margin_to_the_true_angle():
    cosines = np.cos(np.array([[math.pi / 3, math.pi / 2]], np.float32))
    found = ArcFace(margin=math.pi / 6, scale=2.0).logits(np.array([0]), cosines)
    # cos(60 + 30 degrees) = 0, and the other class keeps cos(90 degrees) = 0.
    np.testing.assert_allclose(found, [[0, 0]], atol=1e-5)


def test_arcface_does_not_reward_angles_beyond_half_a_turn():
    cosines = np.cos(np.array([[3.0, 0.0]], np.float32))
    found = ArcFace(margin=0.5, scale=1.0).logits(np.array([0]), cosines)
    # 3 + 0.5 is beyond pi, where the cosine is -1.
    np.testing.assert_allclose(found, [[-1, 1]], atol=1e-5)


def test_the_nearest_centre_is_looked_for_without_the_margin():
    loss, cosines = CosFace(margin=0.9), np.array([[0.5, 0.4], [0.5, 0.4]], np.float32)
    classes = np.array([0, 1])
    found = loss.report(classes, cosines, loss.terms(classes, cosines))
    assert float(found["class_accuracy"]) == 0.5


def test_class_cosines_are_those_with_the_centres():
    layer = ClassCosines(2)
    layer.build((None, 2))
    layer.centres.assign([[3.0, 0.0], [0.0, 0.5]])
    found = layer(np.array([[3.0, 4.0], [0.0, -2.0]], np.float32))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, -1.0]], atol=1e-6)


LINE = np.array([[0.0], [1.0], [3.0], [3.5]], np.float32)  # two of class 0, two of class 1
CLASSES = np.array([0, 0, 1, 1])


def test_batch_hard_triplets_by_hand():
    # anchor: farthest positive, nearest negative. 0: 1, 3. 1: 1, 2. 3: .5, 2. 3.5: .5, 2.5.
    loss = Triplet(margin=1.75, mining="hard")
    found = loss.terms(CLASSES, LINE)
    # 0, .75, .25, 0
    assert float(found.mean()) == pytest.approx((0.75 + 0.25) / 4)
    assert float(loss.report(CLASSES, LINE, found)["active_triplets"]) == 0.5


def test_semi_hard_triplets_by_hand():
    # Every positive is nearer than every negative: the nearest negative is the semi-hard one.
    found = Triplet(margin=1.75).terms(CLASSES, LINE).mean()
    assert float(found) == pytest.approx((0 + 0.75 + 0.25 + 0) / 4)


def test_semi_hard_takes_the_farthest_negative_where_none_is_beyond():
    line = np.array([[0.0], [10.0], [1.0], [2.0]], np.float32)
    loss = Triplet(margin=1.0, mining="semi_hard")
    found = loss.terms(CLASSES, line)
    # Anchor 0: positive 10, negatives 1 and 2, none beyond: 10 - 2 + 1. Anchor 10: negatives 9 and
    # 8: 10 - 9 + 1. Anchor 1: positive 1, negatives 1 and 9; 9 is beyond: 0. Anchor 2: negatives 2
    # and 8; 2 is beyond: 1 - 2 + 1 = 0.
    assert float(found.mean()) == pytest.approx((9 + 2) / 4)
    assert float(loss.report(CLASSES, line, found)["active_triplets"]) == 0.5
