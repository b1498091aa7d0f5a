"""The score around the threshold, by hand and against scikit-learn."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from components.decision.config import DecisionConfig
from components.decision.slope import fit_slope, logistic_score
from components.decision.threshold import choose_threshold


def random_pairs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = (random.random(400) < 0.4).astype(np.int64)
    return np.abs(random.normal(1.2 - 0.6 * labels, 0.3)).round(2).astype(np.float32), labels


@pytest.mark.parametrize("seed", range(3))
def test_slope_is_that_of_a_logistic_regression_through_the_threshold(seed):
    distances, labels = random_pairs(seed)
    found = choose_threshold(distances, labels, DecisionConfig())
    away = (found.threshold - distances.astype(np.float64))[:, None]
    model = LogisticRegression(penalty=None, fit_intercept=False, tol=1e-10, max_iter=1000)
    expected = model.fit(away, labels).coef_[0, 0]
    assert found.slope == pytest.approx(expected, rel=1e-5)


def test_slope_by_hand():
    # Three of four pairs lie rightly, all one unit away: sigmoid(slope) = 3/4, so slope = ln 3.
    slope = fit_slope([1.0, 1.0, 3.0, 1.0], [1, 1, 0, 0], 2.0)
    assert slope == pytest.approx(np.log(3), rel=1e-6)


def test_slope_of_separated_pairs_is_capped_and_of_swapped_ones_stays_above_zero():
    # The mean distance from the threshold is 2: 15 and 0.1 logits over 2.
    assert fit_slope([1.0, 5.0], [1, 0], 3.0) == 7.5
    assert fit_slope([1.0, 5.0], [0, 1], 3.0) == pytest.approx(0.05, rel=1e-6)
    assert fit_slope([3.0, 3.0], [0, 1], 3.0) > 0


@pytest.mark.parametrize("threshold", [1e-3, 0.37, 1.0, 17.3])
@pytest.mark.parametrize("slope", [0.01, 1.0, 400.0])
def test_score_is_at_least_half_exactly_when_same(threshold, slope):
    at = np.float32(threshold)
    above, below = np.nextafter(at, np.float32(99)), np.nextafter(at, np.float32(-99))
    distances = np.array([0, below, at, above, 2 * at, 99], np.float32)
    score = logistic_score(distances, float(at), slope)
    assert score.dtype == np.float32
    assert (score >= 0.5).tolist() == [True, True, True, False, False, False]
    assert score[2] == 0.5
    assert np.all((score >= 0) & (score <= 1))
    # Never rises with the distance.
    assert all(nearer >= further for nearer, further in itertools.pairwise(score))


def test_score_is_logistic_and_symmetric():
    score = logistic_score([1.5, 2.5], 2.0, 3.0)
    assert score[1] == pytest.approx(1 / (1 + np.exp(1.5)), rel=1e-6)
    assert score[0] == pytest.approx(1 - score[1], rel=1e-6)
