"""The ten-fold protocol of Labeled Faces in the Wild (View 2)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.decision.config import DecisionConfig
from components.decision.threshold import choose_threshold
from components.metrics.roc import check_pairs


@dataclass(frozen=True)
class FoldResult:
    """One fold.

    Attributes:
      fold: Its number or name.
      threshold: Chosen for accuracy on the other folds.
      accuracy: On this fold.
      pairs: How many pairs the fold has.
    """

    fold: int | str
    threshold: float
    accuracy: float
    pairs: int


@dataclass(frozen=True)
class TenFold:
    """The result of the protocol.

    Attributes:
      mean: Mean accuracy of the folds, each counting once.
      standard_error: Of the mean: the standard deviation over the folds (with n - 1) by sqrt(n).
      folds: Each fold's result, by rising fold.
    """

    mean: float
    standard_error: float
    folds: tuple[FoldResult, ...]


def ten_fold_accuracy(
    distances: npt.ArrayLike, labels: npt.ArrayLike, folds: npt.ArrayLike
) -> TenFold:
    """Mean accuracy over folds, with the threshold of each chosen on all the others.

    See Huang, Ramesh, Berg and Learned-Miller, "Labeled Faces in the Wild", UMass Amherst TR 07-49
    (2007), View 2: there are ten folds of 600 pairs there. The folds share no identity; that is for
    whoever made them to ensure. The standard error treats the folds as independent.

    Args:
      distances: [N], smaller is more alike.
      labels: [N], 1 same and 0 different.
      folds: [N], the fold of each pair: integers or strings, two different ones at least.

    Raises:
      ValueError: As ``check_pairs``; or there are fewer than two folds; or the folds but one lack a
        class.
    """
    found, marks = check_pairs(distances, labels)
    parts = np.asarray(folds)
    if parts.shape != found.shape:
        raise ValueError(f"folds have shape {parts.shape} for {found.size} pairs; give one a pair")
    names = np.unique(parts)
    if names.size < 2:
        raise ValueError(f"there is 1 fold, {names.item(0)!r}; the threshold needs another one")
    results = []
    for name in names:
        held_out = parts == name
        decision = choose_threshold(found[~held_out], marks[~held_out], DecisionConfig())
        right = (found[held_out] <= decision.threshold) == (marks[held_out] == 1)
        results.append(
            FoldResult(name.item(), decision.threshold, float(right.mean()), int(held_out.sum()))
        )
    accuracies = np.array([result.accuracy for result in results])
    error = accuracies.std(ddof=1) / np.sqrt(accuracies.size)
    return TenFold(float(accuracies.mean()), float(error), tuple(results))
