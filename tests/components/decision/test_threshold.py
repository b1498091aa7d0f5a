"""The choice of the threshold, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.decision.config import DecisionConfig
from components.decision.threshold import choose_threshold

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


def test_a_missing_class_is_refused():
    with pytest.raises(ValueError, match="2 genuine and 0 impostor"):
        choose_threshold([1.0, 2.0], [1, 1], DecisionConfig())
