"""The ten-fold protocol, by hand and against scikit-learn's folds."""

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut

from components.pair_scorer.folds import FoldResult, ten_fold_accuracy


def test_two_folds_by_hand():
    # Fold 0 is split at 1.5, fold 1 at 3.5. At 1.5 fold 1 has one of two right (3 is refused); at
    # 3.5 fold 0 has one of two right (2 is accepted).
    found = ten_fold_accuracy([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 0], [0, 0, 1, 1])
    assert found.folds == (FoldResult(0, 3.5, 0.5, 2), FoldResult(1, 1.5, 0.5, 2))
    assert (found.mean, found.standard_error) == (0.5, 0.0)


def test_folds_count_once_each_and_the_error_is_that_of_the_mean():
    found = ten_fold_accuracy([1.0, 1.0, 5.0, 9.0, 5.0], [1, 1, 0, 1, 0], list("aaabb"))
    # "a" is right throughout: "b" alone is half right if all are refused or all accepted, and the
    # lower threshold is just below 5. "b" is half right: "a" puts the threshold at 3.
    assert [(fold.fold, fold.accuracy) for fold in found.folds] == [("a", 1.0), ("b", 0.5)]
    assert found.mean == 0.75
    # The deviation of two values 1/2 apart is 1/2 / sqrt(2); divided by sqrt(2) folds.
    assert found.standard_error == pytest.approx(0.25)


def test_ten_folds_hold_out_what_scikit_learn_holds_out():
    random = np.random.default_rng(0)
    labels = np.tile([1, 0], 300)
    distances = np.abs(random.normal(1.2 - 0.6 * labels, 0.3)).astype(np.float32)
    folds = random.permutation(np.repeat(np.arange(10), 60))
    accuracies = []
    for train, test in LeaveOneGroupOut().split(distances, labels, folds):
        # Any threshold of the best accuracy on nine folds is right; take the one that was chosen,
        # and check that no other does better there.
        threshold = ten_fold_accuracy(distances, labels, folds).folds[len(accuracies)].threshold
        at = ((distances[train] <= threshold) == labels[train]).mean()
        every = (distances[train][:, None] <= distances[None, :]) == labels[train][:, None]
        assert at == every.mean(0).max()
        accuracies.append(((distances[test] <= threshold) == labels[test]).mean())
    found = ten_fold_accuracy(distances, labels, folds)
    assert found.mean == pytest.approx(np.mean(accuracies))
    assert found.standard_error == pytest.approx(np.std(accuracies, ddof=1) / np.sqrt(10))


def test_bad_folds_are_named():
    with pytest.raises(ValueError, match="there is 1 fold, 7"):
        ten_fold_accuracy([1.0, 2.0], [1, 0], [7, 7])
    with pytest.raises(ValueError, match=r"shape \(1,\) for 2 pairs"):
        ten_fold_accuracy([1.0, 2.0], [1, 0], [7])
