"""The choice of the threshold and the score around it, by hand and against scikit-learn."""

import itertools

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn import metrics as sklearn_metrics
from sklearn.linear_model import LogisticRegression

from components.metrics import decision
from components.metrics.decision import DecisionConfig, choose_threshold

# (FMR, FNMR) along the sweep: 0,1  0,3/4  0,1/2  1/4,1/2  1/4,1/4  1/2,1/4  3/4,1/4  3/4,0  1,0
DISTANCES = np.array([1, 2, 3, 4, 5, 6, 7, 8], np.float32)
LABELS = np.array([1, 1, 0, 1, 0, 0, 1, 0])


def random_pairs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = (random.random(400) < 0.4).astype(np.int64)
    return np.abs(random.normal(1.2 - 0.6 * labels, 0.3)).round(2).astype(np.float32), labels


COST = {"false_accept_cost": 10.0, "false_reject_cost": 1.0, "same_prior": 0.5}


@pytest.mark.parametrize(
    ("config", "threshold", "value"),
    [
        # Six of eight are right at 2 and at 4; at 4 FMR = FNMR.
        ({"objective": "accuracy"}, 4.5, 6 / 8),
        ({"objective": "eer"}, 4.5, 0.0),
        ({"objective": "max_far", "max_far": 0.25}, 4.5, 3 / 4),
        # All genuine pairs are accepted at 7; a FAR of 1 would be allowed, but is not needed.
        ({"objective": "max_far", "max_far": 1.0}, 7.5, 1.0),
        ({"objective": "min_recall", "min_recall": 0.5}, 2.5, 0.0),
        ({"objective": "min_recall", "min_recall": 0.51}, 4.5, 1 / 4),
        ({"objective": "min_recall", "min_recall": 1.0}, 7.5, 3 / 4),
        # F1 2tp / (2tp + fn + fp): 4/6 at 2, 6/8 at 4, 8/11 at 7.
        ({"objective": "f_beta", "beta": 1.0}, 4.5, 6 / 8),
        # F2 5tp / (5tp + 4fn + fp): 15/20 at 4, 20/23 at 7.
        ({"objective": "f_beta", "beta": 2.0}, 7.5, 20 / 23),
        # A false accept costs ten: 1/2 * 1/2 at 2, against 1/2 * 1/4 + 10 * 1/2 * 1/4 at 4.
        ({"objective": "expected_cost", **COST}, 2.5, 0.25),
    ],
)
def test_objectives_by_hand(config, threshold, value):
    found = choose_threshold(DISTANCES, LABELS, DecisionConfig(**config))
    assert found.threshold == threshold
    assert found.value == pytest.approx(value, abs=1e-15)
    same = threshold >= DISTANCES
    tn, fp, fn, tp = sklearn_metrics.confusion_matrix(LABELS, same).ravel()
    assert (found.tp, found.fp, found.fn, found.tn) == (tp, fp, fn, tn)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("config", "score"),
    [
        ({"objective": "accuracy"}, sklearn_metrics.accuracy_score),
        (
            {"objective": "f_beta", "beta": 0.5},
            lambda labels, same: sklearn_metrics.fbeta_score(labels, same, beta=0.5),
        ),
    ],
    ids=["accuracy", "f_beta"],
)
def test_no_other_threshold_is_better(seed, config, score):
    distances, labels = random_pairs(seed)
    found = choose_threshold(distances, labels, DecisionConfig(**config))
    assert score(labels, distances <= found.threshold) == pytest.approx(found.value, abs=1e-12)
    best = max(score(labels, distances <= each) for each in np.unique(distances))
    assert found.value == pytest.approx(best, abs=1e-12)


def test_equally_good_thresholds_are_settled_by_the_gap_of_the_rates_then_the_lower():
    # Accuracy 2/3 after 1 (gap |0 - 1/2|) and after 3 (gap |1 - 0|): the first.
    assert choose_threshold([1.0, 2.0, 3.0], [1, 0, 1], DecisionConfig()).threshold == 1.5
    # Accuracy 1/2 before 1 and after 2, gap 1 either way: the lower.
    assert choose_threshold([1.0, 2.0], [0, 1], DecisionConfig()).threshold < 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"objective": "max_far"}, "'max_far' needs max_far"),
        ({"objective": "expected_cost", "same_prior": 0.5}, "needs false_accept_cost"),
        ({"max_far": 0.01}, "max_far has no meaning with objective 'accuracy'"),
        ({"objective": "max_far", "max_far": 0.0}, "greater than 0"),
        ({"objective": "f_beta", "beta": float("inf")}, "finite"),
        ({"objective": "loss"}, "objective"),
        ({"treshold": 1}, "treshold"),
    ],
)
def test_a_wrong_config_is_named(config, message):
    with pytest.raises(ValidationError, match=message):
        DecisionConfig(**config)


def test_config_survives_a_round_trip_and_reads_well():
    config = DecisionConfig(objective="max_far", max_far=0.001)
    assert DecisionConfig.model_validate(config.model_dump()) == config
    assert str(config) == "max_far(max_far=0.001)"
    assert str(DecisionConfig()) == "accuracy"


def test_a_far_that_the_pairs_cannot_show_is_refused_with_the_number_needed():
    config = DecisionConfig(objective="max_far", max_far=0.0001)
    with pytest.raises(ValueError, match="by 100 impostor pairs; it needs at least 10000"):
        choose_threshold(np.arange(101.0), [1] + [0] * 100, config)
    decision.check_reachable(1, 10_000, config)
    with pytest.raises(ValueError, match="9999 impostor pairs"):
        decision.check_reachable(1, 9_999, config)


def test_a_missing_class_is_refused():
    with pytest.raises(ValueError, match="2 genuine and 0 impostor"):
        choose_threshold([1.0, 2.0], [1, 1], DecisionConfig())


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
    slope = decision.fit_slope([1.0, 1.0, 3.0, 1.0], [1, 1, 0, 0], 2.0)
    assert slope == pytest.approx(np.log(3), rel=1e-6)


def test_slope_of_separated_pairs_is_capped_and_of_swapped_ones_stays_above_zero():
    # The mean distance from the threshold is 2: 15 and 0.1 logits over 2.
    assert decision.fit_slope([1.0, 5.0], [1, 0], 3.0) == 7.5
    assert decision.fit_slope([1.0, 5.0], [0, 1], 3.0) == pytest.approx(0.05, rel=1e-6)
    assert decision.fit_slope([3.0, 3.0], [0, 1], 3.0) > 0


@pytest.mark.parametrize("threshold", [1e-3, 0.37, 1.0, 17.3])
@pytest.mark.parametrize("slope", [0.01, 1.0, 400.0])
def test_score_is_at_least_half_exactly_when_same(threshold, slope):
    at = np.float32(threshold)
    above, below = np.nextafter(at, np.float32(99)), np.nextafter(at, np.float32(-99))
    distances = np.array([0, below, at, above, 2 * at, 99], np.float32)
    score = decision.logistic_score(distances, float(at), slope)
    assert score.dtype == np.float32
    assert (score >= 0.5).tolist() == [True, True, True, False, False, False]
    assert score[2] == 0.5
    assert np.all((score >= 0) & (score <= 1))
    # Never rises with the distance.
    assert all(nearer >= further for nearer, further in itertools.pairwise(score))


def test_score_is_logistic_and_symmetric():
    score = decision.logistic_score([1.5, 2.5], 2.0, 3.0)
    assert score[1] == pytest.approx(1 / (1 + np.exp(1.5)), rel=1e-6)
    assert score[0] == pytest.approx(1 - score[1], rel=1e-6)


def test_reference_sweep_by_hand():
    rows = decision.reference_sweep([0.05, 0.35, 0.55, 2.0], [1, 1, 0, 0])
    assert [row.threshold for row in rows] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert [row.accuracy for row in rows] == [0.75] * 3 + [1.0] * 2 + [0.75] * 4
    assert [row.recall for row in rows] == [0.5] * 3 + [1.0] * 6
    assert [row.precision for row in rows] == [1.0] * 5 + [2 / 3] * 4
    assert [row.fmr for row in rows] == [0.0] * 5 + [0.5] * 4


def test_reference_table_shows_the_choice_beside_the_grid():
    distances, labels = [1.0, 2.0, 3.0], [1, 0, 0]
    rows = decision.reference_sweep(distances, labels, thresholds=(0.5, 2.0))
    chosen = choose_threshold(distances, labels, DecisionConfig())
    assert decision.format_reference_table(rows, chosen).splitlines() == [
        "threshold  accuracy  precision  recall     FMR",
        "   0.5000    0.6667          -  0.0000  0.0000",
        "   2.0000    0.6667     0.5000  1.0000  0.5000",
        "   1.5000    1.0000     1.0000  1.0000  0.0000  <- accuracy",
    ]
