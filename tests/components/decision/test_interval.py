"""The interval of a threshold, by hand."""

import numpy as np

from components.decision.config import DecisionConfig
from components.decision.interval import threshold_interval


def test_the_interval_of_a_threshold_by_hand():
    # Three people, one same pair each at distance 1; pairs of two people at 3. Whoever is drawn,
    # the one threshold that separates them is 2.
    labels = np.array([1, 1, 1, 0, 0, 0])
    distances = np.array([1.0, 1.0, 1.0, 3.0, 3.0, 3.0])
    a, b = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
    found = threshold_interval(distances, labels, a, b, DecisionConfig(), replicates=200)
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)
    # A replicate that draws one person three times has no pair of two people: 3 of 27.
    assert 160 < found.replicates < 195


def test_a_threshold_that_rests_on_one_person_has_a_wide_interval():
    # Person 0's same pair lies at 5, all others at 1; different pairs lie at 4 and 6.
    people = 12
    pairs = [(i, j) for i in range(people) for j in range(i + 1, people)]
    labels = np.array([1] * people + [0] * len(pairs))
    distances = np.array([5.0] + [1.0] * (people - 1) + [6.0] * len(pairs))
    a = np.array([*range(people), *(i for i, _ in pairs)])
    b = np.array([*range(people), *(j for _, j in pairs)])
    found = threshold_interval(distances, labels, a, b, DecisionConfig(objective="eer"))
    assert found.value == 5.5
    # Without person 0 (a chance of (11 / 12)^12 = .35) both 3 and 5.5 separate; the lower is taken.
    assert found.low == 3.0
    assert found.high == 5.5
