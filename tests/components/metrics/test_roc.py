"""The exact sweep and what is read off it, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.metrics import roc

# By rising distance: genuine, genuine, impostor, genuine | impostor, impostor.
DISTANCES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], np.float32)
LABELS = np.array([1, 1, 0, 1, 0, 0])


def random_pairs(seed: int, count: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping classes, one genuine in three, with ties: distances are cut to two decimals."""
    random = np.random.default_rng(seed)
    labels = (random.random(count) < 1 / 3).astype(np.int64)
    distances = np.abs(random.normal(1.2 - 0.6 * labels, 0.3)).round(2).astype(np.float32)
    return distances, labels


def test_sweep_counts_by_hand():
    curve = roc.sweep(DISTANCES, LABELS)
    assert curve.tp.tolist() == [0, 1, 2, 2, 3, 3, 3]
    assert curve.fp.tolist() == [0, 0, 0, 1, 1, 2, 3]
    assert curve.fn.tolist() == [3, 2, 1, 1, 0, 0, 0]
    assert curve.tn.tolist() == [3, 3, 3, 2, 2, 1, 0]
    assert curve.accuracy.tolist() == [3 / 6, 4 / 6, 5 / 6, 4 / 6, 5 / 6, 4 / 6, 3 / 6]
    assert np.isnan(curve.precision[0])
    assert curve.precision[1:].tolist() == [1, 1, 2 / 3, 3 / 4, 3 / 5, 1 / 2]
    assert curve.fmr.tolist() == [0, 0, 0, 1 / 3, 1 / 3, 2 / 3, 1]
    assert curve.fnmr.tolist() == [1, 2 / 3, 1 / 3, 1 / 3, 0, 0, 0]
    assert all(counts.dtype == np.int64 for counts in (curve.tp, curve.fp, curve.fn, curve.tn))


def test_tied_pairs_are_decided_together():
    curve = roc.sweep([0.5, 0.5, 0.5, 0.25], [1, 0, 0, 1])
    assert curve.thresholds.tolist()[1:] == [0.375, 0.5]
    assert curve.tp.tolist() == [0, 1, 2]
    assert curve.fp.tolist() == [0, 0, 2]


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_the_rule_distance_at_most_threshold(seed):
    distances, labels = random_pairs(seed)
    curve = roc.sweep(distances, labels)
    same = distances[:, None] <= curve.thresholds[None, :]
    assert np.array_equal(curve.tp, (same & (labels == 1)[:, None]).sum(0))
    assert np.array_equal(curve.fp, (same & (labels == 0)[:, None]).sum(0))
    fixed = roc.counts_at(distances, labels, curve.thresholds[::-1])
    assert np.array_equal(fixed.tp, curve.tp[::-1])
    assert np.array_equal(fixed.tn, curve.tn[::-1])


@pytest.mark.parametrize("seed", range(3))
def test_rates_agree_with_scikit_learn(seed):
    distances, labels = random_pairs(seed)
    curve = roc.sweep(distances, labels)
    fpr, tpr, _ = sklearn_metrics.roc_curve(labels, -distances, drop_intermediate=False)
    np.testing.assert_array_equal(curve.fmr, fpr)
    np.testing.assert_array_equal(curve.tpr, tpr)
    for at in (1, len(fpr) // 3, len(fpr) // 2, len(fpr) - 1):
        same = distances <= curve.thresholds[at]
        assert curve.accuracy[at] == sklearn_metrics.accuracy_score(labels, same)
        assert curve.precision[at] == sklearn_metrics.precision_score(labels, same)
        assert curve.recall[at] == sklearn_metrics.recall_score(labels, same)


@pytest.mark.parametrize("seed", range(3))
def test_thresholds_survive_float32(seed):
    random = np.random.default_rng(seed)
    start = random.random(50, dtype=np.float32)
    # Each with the next float above it: nothing lies between the two.
    distances = np.concatenate([start, np.nextafter(start, np.float32(2))])
    curve = roc.sweep(distances, np.arange(100) % 2)
    single = curve.thresholds.astype(np.float32)
    assert np.array_equal(single.astype(np.float64), curve.thresholds)
    accepted = (distances[:, None] <= single[None, :]).sum(0)
    assert accepted.tolist() == list(range(101))


def test_float64_neighbours_closer_than_float32_are_still_separated():
    distances = np.array([1.0, 1.0 + 2**-52, 1.0 + 2**-51])
    curve = roc.sweep(distances, [1, 0, 1])
    assert (distances[:, None] <= curve.thresholds[None, :]).sum(0).tolist() == [0, 1, 2, 3]


def test_the_first_threshold_refuses_a_distance_of_zero_even_without_subnormals():
    curve = roc.sweep(np.zeros(2, np.float32), [1, 0])
    assert curve.thresholds[0] == -np.finfo(np.float32).tiny
    assert curve.thresholds[1] == 0


@pytest.mark.parametrize("seed", range(3))
def test_auc_agrees_with_scikit_learn(seed):
    distances, labels = random_pairs(seed)
    expected = sklearn_metrics.roc_auc_score(labels, -distances)
    assert roc.auc(roc.sweep(distances, labels)) == pytest.approx(expected, abs=1e-12)


def test_auc_by_hand():
    # Of 9 genuine-impostor couples, one is the wrong way round: 0.4 against 0.3.
    assert roc.auc(roc.sweep(DISTANCES, LABELS)) == 8 / 9
    # A tie counts half.
    assert roc.auc(roc.sweep([0.5, 0.5], [1, 0])) == 0.5


def test_average_precision_by_hand_and_by_scikit_learn():
    # Genuine pairs at ranks 1, 2 and 4: precisions 1/1, 2/2 and 3/4.
    assert roc.average_precision(roc.sweep(DISTANCES, LABELS)) == pytest.approx(2.75 / 3, abs=1e-15)
    # A threshold below which nobody is adds nothing.
    empty = roc.counts_at(DISTANCES, LABELS, [0.0, 0.05, *DISTANCES])
    assert roc.average_precision(empty) == pytest.approx(2.75 / 3, abs=1e-15)
    distances, labels = random_pairs(7)
    expected = sklearn_metrics.average_precision_score(labels, -distances)
    assert roc.average_precision(roc.sweep(distances, labels)) == pytest.approx(expected, abs=1e-12)


def test_eer_at_an_operating_point():
    # After 0.3: one of three impostors accepted, one of three genuine refused.
    found = roc.eer(roc.sweep(DISTANCES, LABELS))
    assert found.rate == 1 / 3
    assert DISTANCES[2] <= found.threshold < DISTANCES[3]


def test_eer_between_operating_points():
    # Points (FMR, FNMR): (0, 1) (0, 1/2) (1, 1/2) (1, 0). The segment from (0, 1/2) to (1, 1/2)
    # crosses FMR = FNMR at 1/2. Both its ends are 1/2 away: the lower threshold is taken.
    found = roc.eer(roc.sweep([1.0, 2.0, 3.0], [1, 0, 1]))
    assert found.rate == 0.5
    assert found.threshold == 1.5


def test_eer_of_separated_and_of_swapped_classes():
    assert roc.eer(roc.sweep([1.0, 2.0, 4.0], [1, 1, 0])) == roc.Eer(0.0, 3.0)
    assert roc.eer(roc.sweep([1.0, 2.0], [0, 1])).rate == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_eer_solves_for_the_crossing_of_scikit_learns_curve(seed):
    distances, labels = random_pairs(seed)
    fpr, tpr, _ = sklearn_metrics.roc_curve(labels, -distances)
    found = roc.eer(roc.sweep(distances, labels))
    # FPR = 1 - TPR where the two add up to 1, and their sum rises along the curve.
    assert found.rate == pytest.approx(np.interp(1, fpr + tpr, fpr), abs=1e-12)
    same = distances <= found.threshold
    at_threshold = abs(same[labels == 0].mean() - (~same[labels == 1]).mean())
    assert at_threshold == pytest.approx(np.abs(fpr + tpr - 1).min(), abs=1e-12)


def test_tar_at_far_by_hand():
    curve = roc.sweep(DISTANCES, LABELS)
    # FAR of 0 reaches a TAR of 2/3 at 0.2, FAR of 1/3 one of 1 at 0.4.
    assert roc.tar_at_far(curve, 0.1) == 2 / 3
    assert roc.tar_at_far(curve, 0.5) == roc.tar_at_far(curve, 1.0) == 1.0


def test_tar_at_far_limit_is_inclusive():
    # 29 of 100 impostors before the genuine pair, and 0.29 * 100 is less than 29 in floats.
    curve = roc.sweep(np.arange(101, dtype=np.float32), [0] * 29 + [1] + [0] * 71)
    assert roc.tar_at_far(curve, 0.29) == 1.0
    assert roc.tar_at_far(curve, 0.28) == 0.0


@pytest.mark.parametrize("far", [0.1, 0.01, 0.001])
def test_tar_at_far_is_the_best_of_scikit_learns_curve(far):
    distances, labels = random_pairs(7, count=3000)
    fpr, tpr, _ = sklearn_metrics.roc_curve(labels, -distances, drop_intermediate=False)
    assert roc.tar_at_far(roc.sweep(distances, labels), far) == tpr[fpr <= far].max()


@pytest.mark.parametrize(
    ("distances", "labels", "message"),
    [
        ([[0.1], [0.2]], [[0], [1]], r"\(2, 1\)"),
        ([0.1, 0.2], [0], r"\(2,\) and labels \(1,\)"),
        ([], [], "0 pairs"),
        ([0.1, np.nan, np.inf], [0, 1, 0], "2 of 3 distances are not finite.*nan of pair 1"),
        ([0.1, 0.2], [0, 2], "label of pair 1 is 2"),
        ([0.1, 0.2], [0.5, 1.0], "label of pair 0 is 0.5"),
    ],
)
def test_bad_pairs_are_named(distances, labels, message):
    with pytest.raises(ValueError, match=message):
        roc.sweep(distances, labels)


def test_a_missing_class_is_named_where_it_is_needed():
    genuine = roc.sweep([0.1, 0.2], [1, 1])
    assert genuine.fnmr.tolist() == [1, 0.5, 0]
    with pytest.raises(ValueError, match="FMR needs impostor pairs"):
        _ = genuine.fmr
    with pytest.raises(ValueError, match=r"AUC needs both.*2 and 0"):
        roc.auc(genuine)
    with pytest.raises(ValueError, match="EER needs both"):
        roc.eer(genuine)
    with pytest.raises(ValueError, match="genuine pairs"):
        _ = roc.sweep([0.1], [0]).tpr


@pytest.mark.parametrize("far", [0, -0.1, 1.1, float("nan")])
def test_a_far_out_of_range_is_refused(far):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        roc.tar_at_far(roc.sweep(DISTANCES, LABELS), far)
