"""Sampling of pairs: what is counted holds for every seed."""

from collections import Counter

import numpy as np
import pytest

from components.pair_example_gen.pairing import possible_pairs, quotas, sample_pairs, unrank


def codes(*sizes):
    """Identity codes of images, in an order that is not sorted."""
    flat = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(9).permutation(flat)


def unordered(first, second):
    return [tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ((3, 2, 1, 5, 1, 40), 30),  # a different pair for each of the 15 couples of persons
        ((3, 2, 40), 40),  # several different pairs for each of the 3 couples
        ((2,) * 50, 100),  # every possible same pair
        ((600, 1, 1), 200),  # one person has nearly all images
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_pairs_are_balanced_true_and_unique(sizes, count, seed):
    identities = codes(*sizes)
    first, second, label = sample_pairs(identities, count, seed)
    assert len(first) == len(second) == len(label) == count
    assert label.sum() == count // 2
    assert (first != second).all()
    assert ((identities[first] == identities[second]) == label).all()
    assert len(set(unordered(first, second))) == count


def test_same_pairs_are_spread_over_persons():
    # Persons can give 1, 3 and 190 same pairs. Of 12: one each (3), again from the two larger (5),
    # again (7), and the other 5 from the largest: 1, 3, 8.
    identities = codes(2, 3, 20)
    first, _, label = sample_pairs(identities, 24, seed=0)
    assert Counter(identities[first[label == 1]].tolist()) == {0: 1, 1: 3, 2: 8}


def test_different_pairs_are_spread_over_couples_of_persons():
    # Couples can give 1 * 1, 1 * 9 and 1 * 9 pairs; 9 of them are 1 + 4 + 4.
    identities = codes(1, 1, 9)
    first, second, label = sample_pairs(identities, 18, seed=0)
    couples = unordered(identities[first[label == 0]], identities[second[label == 0]])
    assert Counter(couples) == {(0, 1): 1, (0, 2): 4, (1, 2): 4}


def test_too_few_same_pairs_give_all_of_them_and_as_many_different_ones():
    identities = np.array([0, 0, 0, 1, 2])
    first, second, label = sample_pairs(identities, 100, seed=3)
    same = {pair for pair, is_same in zip(unordered(first, second), label, strict=True) if is_same}
    assert same == {(0, 1), (0, 2), (1, 2)}
    assert label.sum() == 3
    assert len(label) == 6


def test_too_few_different_pairs_bound_both_halves():
    # One person of 5 images, one of 1: 10 same pairs, 5 different ones.
    _, _, label = sample_pairs(codes(5, 1), 100, seed=0)
    assert (len(label), label.sum()) == (10, 5)


@pytest.mark.parametrize("identities", [[], [0, 0, 0], [0, 1, 2]])
def test_no_pairs_where_none_are_possible(identities):
    first, second, label = sample_pairs(np.array(identities, dtype=np.int64), 10, seed=0)
    assert len(first) == len(second) == len(label) == 0


def test_one_seed_gives_one_sample():
    identities = codes(*[4] * 30)
    once, again, other = (sample_pairs(identities, 60, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)


def test_neither_order_tells_the_label():
    # 2,000 fair coins show between 850 and 1,150 heads but for one case in ten billion.
    first, second, label = sample_pairs(codes(*[10] * 100), 4_000, seed=0)
    assert 850 < (first < second)[label == 1].sum() < 1_150
    assert 850 < label[:2_000].sum() < 1_150


def test_images_of_a_person_are_drawn_alike():
    # 30 persons with 5 images each have 300 same pairs; of 150, each image is in 2 on average.
    first, second, label = sample_pairs(codes(*[5] * 30), 300, seed=0)
    used = np.bincount(np.concatenate([first, second])[np.tile(label == 1, 2)], minlength=150)
    assert used.sum() == 300
    # 5 of a person's 10 pairs leave an image out with probability C(6,5) / C(10,5) = 0.024: about
    # 4 images of 150. Were the first pairs taken, it would be each person's fifth: 30 images.
    assert (used == 0).sum() < 15


def test_possible_pairs():
    # 3 + 1 + 0 same pairs; 6 images form 15 pairs in all.
    assert possible_pairs(np.array([3, 2, 1])) == (4, 11)


@pytest.mark.parametrize(
    ("capacities", "count", "expected"),
    [
        ([1, 5, 5], 7, [1, 3, 3]),
        ([1, 5, 5], 11, [1, 5, 5]),
        ([1, 5, 5], 0, [0, 0, 0]),
        ([0, 2], 2, [0, 2]),
        ([], 0, []),
    ],
)
def test_quotas(capacities, count, expected):
    given = quotas(np.array(capacities, dtype=np.int64), count, np.random.default_rng(0))
    assert given.tolist() == expected


def test_who_takes_part_in_the_last_round_is_drawn():
    draws = {
        tuple(quotas(np.array([1, 5, 5]), 6, np.random.default_rng(seed)).tolist())
        for seed in range(20)
    }
    assert draws == {(1, 3, 2), (1, 2, 3)}


def test_unranked_pairs():
    low, high = unrank(np.arange(6))
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [
        *((0, 1), (0, 2), (1, 2)),
        *((0, 3), (1, 3), (2, 3)),
    ]


def test_large_numbers_are_unranked_exactly():
    # The last couple of 3 billion persons, and the first with one person more.
    persons = 3_000_000_000
    couples = persons * (persons - 1) // 2
    low, high = unrank(np.array([couples - 1, couples]))
    assert low.tolist() == [persons - 2, 0]
    assert high.tolist() == [persons - 1, persons]
