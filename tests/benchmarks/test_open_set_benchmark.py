"""Searches for strangers and for the enrolled, by hand."""

import numpy as np
import pytest

from benchmarks.open_set import Searches, look_up, search


def test_rates_by_hand():
    found = Searches(
        strangers=np.array([0.1, 0.6, 0.9, 0.95]),
        strangers_distance=np.array([4.0, 2.0, 1.0, 1.5]),
        enrolled=np.array([0.99, 0.7, -1.0]),
        enrolled_distance=np.array([0.5, 1.9, 0.1]),
    )
    assert found.rates(0.5, 9.0) == (0.75, pytest.approx(1 / 3))
    assert found.rates(0.8, 9.0) == (0.5, pytest.approx(2 / 3))
    assert found.rates(0.8, 1.0) == (0.25, pytest.approx(2 / 3))


def test_people_on_a_line_are_told_apart():
    # Person p's three images lie at 10 p, 10 p + 1 and 10 p + 2.
    identities = np.repeat(np.arange(30), 3)
    places = 10.0 * identities + np.tile(np.arange(3), 30)
    distances = np.abs(places[:, None] - places)
    found = search(distances, 1 / (1 + distances), identities, people=20, galleries=5)
    assert (len(found.strangers), len(found.enrolled)) == (50, 100)
    # A stranger's nearest is 8 away at least, and one's own photo 2 at most.
    assert found.strangers_distance.min() >= 8
    assert found.enrolled_distance.max() <= 2
    np.testing.assert_allclose(found.enrolled, 1 / (1 + found.enrolled_distance))
    assert found.rates(0.0, 2.0) == (0.0, 0.0)
    two = search(distances, 1 / (1 + distances), identities, 20, 5, photos=2)
    # The mean distance to one's other two photos: 1.5 of the outer ones, 1 of the middle one.
    assert set(two.enrolled_distance.tolist()) <= {1.0, 1.5}
    with pytest.raises(ValueError, match="30 of 30 people"):
        search(distances, distances, identities, 30, 1)


def test_the_table_is_looked_up_as_the_model_does():
    table = np.array([[0.1, 0.01], [0.2, 0.02], [0.3, 1.0]])
    assert [look_up(table, rate) for rate in (0.001, 0.01, 0.0199, 0.5, 1)] == [
        (0.1, 0.01),
        (0.1, 0.01),
        (0.1, 0.01),
        (0.2, 0.02),
        (0.3, 1.0),
    ]
