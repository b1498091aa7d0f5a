"""What a number of pairs can show."""

import numpy as np
import pytest

from components.metrics.resolution import couples, people, smallest_rate, trials_for


def test_people_and_couples_by_hand():
    # Ada twice with Bob, in both orders; Ada with herself; Bob with Cat.
    a, b = ["ada", "bob", "ada", "bob"], ["bob", "ada", "ada", "cat"]
    assert people(a, b) == 3
    assert couples(a, b) == 2
    assert couples(["ada"], ["ada"]) == 0


def test_all_couples_of_many_people_are_told_apart():
    first, second = np.triu_indices(100, 1)
    names = np.array([f"p{number}" for number in range(100)])
    assert couples(names[second], names[first]) == 100 * 99 // 2


def test_the_rule_of_three_is_the_bound_at_95_percent():
    # With no error in n trials, the rate p that would have shown one with 95 % has (1 - p)^n = .05.
    for trials in (100, 3_000):
        assert smallest_rate(trials) == pytest.approx(1 - 0.05 ** (1 / trials), rel=0.03)
    assert smallest_rate(0) == smallest_rate(2) == 1.0


@pytest.mark.parametrize(("rate", "trials"), [(0.01, 300), (0.001, 3_000), (0.0003, 10_000)])
def test_so_many_trials_are_enough_and_one_less_is_not(rate, trials):
    assert trials_for(rate) == trials
    assert smallest_rate(trials) <= rate < smallest_rate(trials - 1)
