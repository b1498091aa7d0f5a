"""The headline numbers of a run."""

from typing import Any

import numpy as np

from components import features
from components.metrics import roc
from components.report.scored_pairs import ScoredPairs


def measure(labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """Accuracy, precision, recall, AUC and the confusion matrix of one group of pairs.

    A score of at least 0.5 is the decision "same". A value that the group cannot have (precision
    when nothing was accepted, recall without same pairs) is None.

    Args:
      labels: int ``[P]``, 1 same.
      scores: float ``[P]``, 0 to 1.
    """
    same, accepted = labels == 1, scores >= 0.5
    tp, fp = int((same & accepted).sum()), int((~same & accepted).sum())
    fn, tn = int((same & ~accepted).sum()), int((~same & ~accepted).sum())
    both = tp + fn > 0 and fp + tn > 0
    return {
        "pairs": len(labels),
        "accuracy": (tp + tn) / len(labels),
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn) if tp + fn else None,
        "auc": roc.auc(roc.sweep(1 - scores.astype(np.float64), labels)) if both else None,
        "confusion": {"tp": tp, "fp": fp, "fn": fn, "tn": tn},
    }


def summarize(
    pairs: ScoredPairs, decision: dict[str, Any], blessed: bool, reasons: list[str]
) -> dict[str, Any]:
    """All that a person wants to know first.

    Args:
      pairs: The scored test pairs.
      decision: The model's ``decision.json``.
      blessed: Whether Evaluator blessed the model.
      reasons: Why not, a sentence each.
    """

    def by(column: str, prefix: bool) -> dict[str, Any]:
        found = {}
        for value in np.unique(pairs.slices[column]):
            rows = pairs.slices[column] == value
            name = f"{column}:{value.decode()}" if prefix else value.decode()
            found[name] = measure(pairs.labels[rows], pairs.scores[rows])
        return found

    slices: dict[str, Any] = {}
    for column in pairs.slices:
        if column != features.PAIR_SET:
            slices |= by(column, prefix=True)
    baseline = pairs.baseline_scores
    return {
        "pair_sets": {"overall": measure(pairs.labels, pairs.scores)}
        | by(features.PAIR_SET, prefix=False),
        "slices": slices,
        "baseline": None if baseline is None else measure(pairs.labels, baseline),
        "blessed": blessed,
        "reasons": reasons,
        "threshold": {
            "distance": decision["threshold"],
            "objective": decision["objective"]["objective"],
            "value": decision["objective_value"],
        },
    }
