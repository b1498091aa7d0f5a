"""Which rows make a batch."""

from itertools import islice

import numpy as np
import pytest

from components.trainer.inputs.arrays import Pairs
from components.trainer.inputs.samplers import (
    fresh_pair_batches,
    hard_negative_order,
    identity_batches,
    pair_batches,
    rows_of_each,
)

# Identity 0 has three images, 1 has two, 2 has one, 3 has five.
CLASSES = np.array([0, 3, 1, 0, 3, 2, 1, 3, 0, 3, 3])


def test_rows_of_each_identity():
    assert [rows.tolist() for rows in rows_of_each(CLASSES)] == [
        [0, 3, 8],
        [2, 6],
        [5],
        [1, 4, 7, 9, 10],
    ]


def test_given_pairs_come_once_each_before_any_comes_again():
    pairs = Pairs(np.arange(10), np.arange(10) + 100, np.arange(10, dtype=np.int32) % 2)
    epoch = list(islice(pair_batches(pairs, 5, seed=3), 2))
    first = np.concatenate([rows[:5] for rows, _ in epoch])
    assert sorted(first) == list(range(10))
    for rows, labels in epoch:
        np.testing.assert_array_equal(rows[5:], rows[:5] + 100)
        np.testing.assert_array_equal(labels, rows[:5] % 2)


def test_a_batch_larger_than_the_pairs_is_all_of_them():
    pairs = Pairs(np.arange(3), np.arange(3), np.ones(3, np.int32))
    rows, labels = next(pair_batches(pairs, 64, seed=0))
    assert len(rows) == 6
    assert len(labels) == 3


def test_fresh_pairs_are_half_same_and_never_an_image_with_itself():
    for rows, labels in islice(fresh_pair_batches(CLASSES, 8, seed=1), 50):
        a, b = rows[:8], rows[8:]
        assert labels.tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
        np.testing.assert_array_equal(CLASSES[a] == CLASSES[b], labels == 1)
        assert (a != b).all()


def test_images_without_a_partner_serve_as_negatives():
    rows = np.concatenate([rows for rows, _ in islice(fresh_pair_batches(CLASSES, 8, 1), 50)])
    assert 5 in rows  # the one image of identity 2


def test_identity_batches_hold_p_identities_and_k_images_of_each():
    for rows, classes in islice(identity_batches(CLASSES, 2, 3, seed=0), 20):
        np.testing.assert_array_equal(classes, CLASSES[rows])
        values, counts = np.unique(classes, return_counts=True)
        assert len(values) == 2
        assert counts.tolist() == [3, 3]
        assert 2 not in values
        for value in values:
            distinct = len(np.unique(rows[classes == value]))
            assert distinct == min(3, (value == CLASSES).sum())


def test_one_seed_gives_one_sequence():
    def rows(seed: int) -> list[list[int]]:
        return [rows.tolist() for rows, _ in islice(identity_batches(CLASSES, 2, 2, seed), 5)]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_too_few_identities_are_an_error():
    with pytest.raises(ValueError, match="1 identities have two images"):
        next(identity_batches(np.array([0, 0, 1]), 2, 2, seed=0))
    with pytest.raises(ValueError, match="0 of them with two images"):
        next(fresh_pair_batches(np.array([0, 1]), 4, seed=0))


def test_people_with_one_image_join_as_negatives():
    classes = np.array([0, 0, 1, 1, 2, 3, 4])
    batch, targets = next(identity_batches(classes, 2, 2, seed=0, singles=2))
    assert len(batch) == 2 * 2 + 2
    assert sorted(batch[:4]) == [0, 1, 2, 3]
    assert set(batch[4:]) < {4, 5, 6}
    assert len(set(batch[4:])) == 2
    np.testing.assert_array_equal(targets, classes[batch])


def test_no_more_people_with_one_image_join_than_there_are():
    batch, _ = next(identity_batches(np.array([0, 0, 1, 1, 2]), 2, 2, seed=0, singles=9))
    assert len(batch) == 5


def test_hard_negatives_stand_together():
    # Four directions, two people close to each; lengths say nothing.
    angles = np.repeat([0.0, 90.0, 180.0, 270.0], 2) + np.tile([0.0, 5.0], 4)
    centres = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1)
    centres *= np.array([1, 9, 2, 7, 3, 8, 4, 6])[:, None]
    for seed in range(5):
        order = hard_negative_order(centres, 2, np.random.default_rng(seed))
        assert sorted(order) == list(range(8))
        assert {tuple(sorted(order[at : at + 2])) for at in (0, 2, 4, 6)} == {
            (0, 1),
            (2, 3),
            (4, 5),
            (6, 7),
        }


def test_batches_hold_hard_negatives_together():
    classes = np.repeat(np.arange(8), 3)
    centres = np.repeat(np.eye(4), 2, axis=0)
    embeddings = centres[classes] + np.random.default_rng(0).normal(0, 0.01, (24, 4))
    mined = identity_batches(classes, 2, 3, seed=0, embeddings=embeddings, group=2)
    for batch, targets in islice(mined, 8):
        assert len(batch) == 6
        first, second = np.unique(targets)
        assert second == first + 1
        assert first % 2 == 0
