"""The table of false match rates, by hand."""

import itertools

import numpy as np
import pytest

from components.decision.fmr_table import fmr_table
from components.exported_model import FMR_ROWS
from components.val_scorer.calibration_pairs import CalibrationPairs


def strangers(people: int, **distances: np.ndarray) -> CalibrationPairs:
    """One image a person, and a pair of every two people; one pair of an image with itself."""
    a, b = np.array(list(itertools.combinations(range(people), 2))).T
    return CalibrationPairs(
        ids=np.array([f"i{person}" for person in range(people)]),
        identities=np.array([f"p{person}" for person in range(people)]),
        a=np.append(a, 0),
        b=np.append(b, 0),
        labels=np.append(np.zeros(len(a), np.int64), 1),
        added=np.arange(len(a) + 1) % 2 == 0,
        distances={
            kind: np.append(values, 0).astype(np.float32) for kind, values in distances.items()
        },
    )


def test_the_rates_are_those_of_the_different_pairs():
    # 25 people make 300 couples, which show .01 and no less; they lie at 1, 2, ... 300.
    far = np.random.default_rng(0).permutation(np.arange(1.0, 301))
    table = np.array(fmr_table(strangers(25, plain=far), ["plain"], 5.0))
    assert table.shape == (FMR_ROWS, 2)
    np.testing.assert_allclose(table[:, 1], 0.01 ** (1 - np.arange(FMR_ROWS) / 64), rtol=1e-6)
    # The smallest accepts nobody, though 3 of 300 would be .01.
    assert table[0, 0] == np.nextafter(np.float32(1), np.float32(0))
    assert table[-1, 0] == 300
    accepted = (far[None] <= table[1:, :1]).mean(axis=1)
    assert (accepted <= table[1:, 1] + 1e-6).all()
    # And one more would be too many.
    assert (accepted[:-1] + 1 / 300 > table[1:-1, 1] - 1e-6).all()
    assert (np.diff(table, axis=0) >= 0).all()


def test_the_kind_of_images_where_strangers_come_nearest_counts():
    far = np.arange(1.0, 301)
    pairs = strangers(25, plain=far, blur=far / 2, noise=far * 2)
    plain = np.array(fmr_table(pairs, ["plain", "noise"], 5.0))
    blurred = np.array(fmr_table(pairs, ["plain", "noise", "blur"], 5.0))
    np.testing.assert_allclose(blurred[:, 0], plain[:, 0] / 2, rtol=1e-6)


def test_strangers_who_look_the_same_are_refused_by_refusing_everybody():
    table = fmr_table(strangers(25, plain=np.zeros(300)), ["plain"], 5.0)
    assert [distance for distance, _ in table[:-1]] == [-1.0] * 64
    assert table[-1] == [0.0, 1.0]


@pytest.mark.parametrize("people", [2, 3])
def test_a_handful_of_people_shows_nothing(people):
    far = np.arange(people * (people - 1) / 2)
    assert fmr_table(strangers(people, plain=far), ["plain"], 5.0) == [[5.0, 1.0]] * FMR_ROWS
