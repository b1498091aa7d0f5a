"""Brier score and expected calibration error, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from components.metrics.calibration import brier_score, expected_calibration_error, reliability


def test_by_hand():
    scores, labels = [0.25, 0.25, 1.0, 0.5], [0, 1, 1, 1]
    # 1/16 + 9/16 + 0 + 1/4, over four.
    assert brier_score(scores, labels) == 0.21875
    # Two bins, 0.5 in the lower: three pairs of mean score 1/3 and mean label 2/3, and one right.
    assert expected_calibration_error(scores, labels, bins=2) == pytest.approx(0.25)


def test_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    scores = random.random(1000)
    labels = (random.random(1000) < scores**2).astype(int)
    expected = sklearn_metrics.brier_score_loss(labels, scores)
    assert brier_score(scores, labels) == pytest.approx(expected, abs=1e-12)
    share, mean = calibration_curve(labels, scores, n_bins=15)
    pairs, _ = np.histogram(scores, bins=15, range=(0, 1))
    expected = (pairs * np.abs(share - mean)).sum() / 1000
    assert expected_calibration_error(scores, labels) == pytest.approx(expected, abs=1e-12)


def test_reliability_equals_scikit_learn():
    random = np.random.default_rng(0)
    scores = random.random(2000)
    labels = (random.random(2000) < scores**2).astype(int)
    found = reliability(scores, labels, bins=10)
    same, score = calibration_curve(labels, scores, n_bins=10)
    np.testing.assert_allclose([row["same"] for row in found], same, rtol=1e-12)
    np.testing.assert_allclose([row["score"] for row in found], score, rtol=1e-12)
    assert sum(row["pairs"] for row in found) == 2000


def test_reliability_leaves_empty_bins_out():
    assert reliability([0.05, 0.95, 1.0], [0, 1, 1], bins=10) == [
        {"score": 0.05, "same": 0.0, "pairs": 1},
        {"score": pytest.approx(0.975), "same": 1.0, "pairs": 2},
    ]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"0\.1 to 1\.1"):
        brier_score([0.1, 1.1], [0, 1])
    with pytest.raises(ValueError, match="bins is 0"):
        expected_calibration_error([0.1], [0], bins=0)
    with pytest.raises(ValueError, match="label of pair 0 is 2"):
        expected_calibration_error([0.1], [2])
