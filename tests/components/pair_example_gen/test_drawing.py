"""Pairs that are drawn one by one, wherever."""

from collections import Counter

import numpy as np
import pytest

from components.pair_example_gen.drawing import DrawnPairs, most_drawn, permuted
from components.pair_example_gen.pairing import quotas


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 1000, 4096, 4097])
def test_an_order_has_each_number_once(size):
    found = permuted(np.arange(size), size, np.uint64(7))
    assert sorted(found.tolist()) == list(range(size))


def test_an_order_looks_drawn():
    size = 4096
    orders = [permuted(np.arange(size), size, np.uint64(key)) for key in range(40)]
    # Of a random order, one number stays on average, and neighbours are as far apart as any two.
    stay = np.mean([np.sum(order == np.arange(size)) for order in orders])
    assert 0.5 < stay < 1.6  # Poisson: 1 ± 3 × 0.16
    apart = np.mean([np.abs(np.diff(order)).mean() for order in orders])
    assert apart == pytest.approx(size / 3, rel=0.02)
    assert len({tuple(order[:8].tolist()) for order in orders}) == 40


def test_each_index_may_have_an_order_of_its_own():
    sizes = np.repeat([1, 3, 10, 1000], [1, 3, 10, 1000])
    index = np.concatenate([np.arange(size) for size in (1, 3, 10, 1000)])
    keys = np.repeat(np.arange(4), [1, 3, 10, 1000]).astype(np.uint64)
    found = permuted(index, sizes, keys)
    for size in (1, 3, 10, 1000):
        assert sorted(found[sizes == size].tolist()) == list(range(size))
    np.testing.assert_array_equal(found[sizes == 10], permuted(np.arange(10), 10, np.uint64(2)))


def test_large_numbers_stay_below_their_size():
    size = 4_500_000_000_003
    index = np.array([0, 1, size // 2, size - 1])
    found = permuted(index, size, np.uint64(1))
    assert len(set(found.tolist())) == 4
    assert found.min() >= 0
    assert found.max() < size


SIZES = np.array([1, 2, 3, 1, 8, 5, 2, 4, 30, 2])


def rows(sizes=SIZES, half=30, seed=(0, 1)):
    return DrawnPairs(sizes, half, list(seed)).rows(0, 2 * half)


def test_pairs_are_balanced_true_and_unique():
    person = np.repeat(np.arange(len(SIZES)), SIZES)
    first, second, label = rows()
    assert label.sum() == 30
    assert (first != second).all()
    np.testing.assert_array_equal(person[first] == person[second], label == 1)
    couples = {frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}
    assert len(couples) == 60
    # Two people are in one pair at most.
    apart = label == 0
    people = [
        frozenset(pair)
        for pair in zip(person[first[apart]].tolist(), person[second[apart]].tolist(), strict=True)
    ]
    assert len(set(people)) == 30


def test_same_pairs_are_spread_over_persons():
    person = np.repeat(np.arange(len(SIZES)), SIZES)
    first, _, label = rows()
    found = Counter(person[first[label == 1]].tolist())
    # Pairs that each can give: 0 1 3 0 28 10 1 6 435 1; in turn, up to a level of 6: 24, and 6 more
    # of the three that have more.
    shares = quotas(SIZES * (SIZES - 1) // 2, 30, np.random.default_rng(0))
    assert [found[one] for one in (0, 1, 2, 3, 6, 7, 9)] == [0, 1, 3, 0, 1, 6, 1]
    assert sorted(found.values()) == sorted(shares[shares > 0].tolist())


def test_all_pairs_that_there_are():
    sizes = np.array([2, 2, 2])
    assert most_drawn(sizes) == 3
    first, second, label = rows(sizes, 3)
    same = {frozenset(p) for p in zip(first[label == 1], second[label == 1], strict=True)}
    assert same == {frozenset((0, 1)), frozenset((2, 3)), frozenset((4, 5))}
    assert most_drawn(np.array([5, 1])) == 1
    assert most_drawn(np.array([1, 1, 1])) == 0
    assert most_drawn(np.array([9])) == 0


@pytest.mark.parametrize("step", [1, 7, 60])
def test_any_part_is_what_it_is_among_all(step):
    whole = np.stack(rows())
    parts = [
        np.stack(DrawnPairs(SIZES, 30, [0, 1]).rows(at, min(at + step, 60)))
        for at in range(0, 60, step)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_another_seed_is_another_draw():
    assert np.stack(rows()).tolist() == np.stack(rows()).tolist()
    assert np.stack(rows()).tolist() != np.stack(rows(seed=(1, 1))).tolist()


def test_neither_order_tells_the_label_and_images_are_drawn_alike():
    sizes = np.full(400, 10)
    first, second, label = rows(sizes, 10_000)
    # Half of each half is the first of its pair: 5,000 ± 4 × 50.
    for one in (0, 1):
        assert abs(np.sum((first < second)[label == one]) - 5_000) < 200
    # The labels of the first rows: 500 of 1,000, ± 4 × 16.
    assert abs(label[:1000].sum() - 500) < 64
    # Of two people, a person's ten images are drawn alike: chi-square of 9 for each, ± 4 × 85.
    apart = np.concatenate([first[label == 0], second[label == 0]])
    seen = np.bincount(apart, minlength=4_000).reshape(400, 10)
    expected = seen.sum(axis=1, keepdims=True) / 10
    assert abs(np.sum((seen - expected) ** 2 / expected) - 3_600) < 340
