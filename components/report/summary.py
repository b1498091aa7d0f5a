"""The numbers of a run: ``summary.json``."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from components import features
from components.metrics.bootstrap import bootstrap
from components.metrics.fairness import FairnessConfig, Ratio, compare_groups
from components.metrics.table import METRICS, PairSample
from components.report import decision_facts
from components.report.scored_pairs import ScoredPairs


def measure(labels: np.ndarray, scores: np.ndarray, distances: np.ndarray) -> dict[str, Any]:
    """The metrics of one group of pairs, by the names that thresholds use.

    A value that the group cannot have (precision when nothing was accepted, precision and recall
    without same pairs) is None; so is TAR at a FAR that its impostor pairs are too few to show, and
    that metric is named in ``unresolved``.

    Args:
      labels: int ``[P]``, 1 same.
      scores: float ``[P]``, 0 to 1.
      distances: float ``[P]``.
    """
    sample = PairSample.of(labels, scores, distances)
    found: dict[str, Any] = {
        "pairs": len(labels),
        "confusion": {"tp": sample.tp, "fp": sample.fp, "fn": sample.fn, "tn": sample.tn},
        "unresolved": [],
    }
    for name, metric in METRICS.items():
        value = metric(sample)
        found[name] = None if math.isnan(value) else value
        if metric.defined(sample) and not metric.resolved(sample):
            found["unresolved"].append(name)
    return found


def _ratio(ratio: Ratio, bound: float | None) -> dict[str, Any]:
    found = asdict(ratio)
    # JSON has no infinity; ``at_least`` and the note say what is known.
    if ratio.ratio is not None and math.isinf(ratio.ratio):
        found["ratio"] = None
    kept = None if bound is None or ratio.at_least is None else ratio.at_least <= bound
    return found | {"max": bound, "kept": kept}


def fairness(pairs: ScoredPairs, attribute: str, config: FairnessConfig) -> dict[str, Any]:
    """How the groups of an attribute compare at the operating point.

    Args:
      pairs: The scored test pairs.
      attribute: A column of the data set.
      config: How many pairs a group needs to be compared, and the bounds.

    Returns:
      The groups with their counts and rates, those that are too small, and for ``fmr`` and ``fnmr``
      the largest ratio between two groups, its bound, and whether it was kept: None where there is
      no bound or nothing to compare.
    """
    found = compare_groups(
        attribute,
        pairs.slices[attribute],
        pairs.labels,
        pairs.scores,
        min_pairs=config.min_pairs,
    )
    return {
        "min_pairs": config.min_pairs,
        "groups": [
            asdict(group) | {"fmr": group.fmr, "fnmr": group.fnmr} for group in found.groups
        ],
        "too_small": list(found.too_small),
        "fmr": _ratio(found.fmr, config.max_fmr_ratio),
        "fnmr": _ratio(found.fnmr, config.max_fnmr_ratio),
    }


def summarize(
    pairs: ScoredPairs,
    decision: dict[str, Any],
    blessed: bool,
    reasons: Sequence[str],
    fairness_config: FairnessConfig | None = None,
) -> dict[str, Any]:
    """All that a person wants to know first.

    Args:
      pairs: The scored test pairs.
      decision: The model's ``decision.json``.
      blessed: Whether Evaluator blessed the model.
      reasons: Why not, a sentence each.
      fairness_config: What Evaluator was asked to bound; the default bounds nothing.

    Returns:
      What ``measure`` gives, with ``intervals``, for each pair set and slice (names like
      ``gender:female``), without intervals for the baseline, and what was decided.
    """
    overall = _group(pairs, slice(None), decision["threshold"])

    def by(column: str, prefix: bool) -> dict[str, Any]:
        found = {}
        for value in np.unique(pairs.slices[column]):
            rows = pairs.slices[column] == value
            name = f"{column}:{value.decode()}" if prefix else value.decode()
            found[name] = overall if rows.all() else _group(pairs, rows, decision["threshold"])
        return found

    attributes = [column for column in pairs.slices if column != features.PAIR_SET]
    slices: dict[str, Any] = {}
    for column in attributes:
        slices |= by(column, prefix=True)
    baseline = None
    if pairs.baseline_scores is not None and pairs.baseline_distances is not None:
        baseline = measure(pairs.labels, pairs.baseline_scores, pairs.baseline_distances)
    config = fairness_config or FairnessConfig()
    return {
        "pair_sets": {features.OVERALL: overall} | by(features.PAIR_SET, prefix=False),
        "slices": slices,
        "baseline": baseline,
        "fairness": {column: fairness(pairs, column, config) for column in attributes},
        "blessed": blessed,
        "reasons": list(reasons),
        "threshold": decision_facts.describe(
            decision, pairs, overall["fmr"], overall["intervals"]["fmr"]
        ),
    }


def _group(pairs: ScoredPairs, rows: np.ndarray | slice, threshold: float) -> dict[str, Any]:
    """The metrics of some pairs, with 95 % intervals by the bootstrap over identities."""
    found = bootstrap(
        pairs.distances[rows],
        pairs.labels[rows],
        pairs.identities_a[rows],
        pairs.identities_b[rows],
        threshold,
    )
    intervals = {
        name: [interval.low, interval.high] if interval.replicates else None
        for name, interval in found.items()
    }
    measured = measure(pairs.labels[rows], pairs.scores[rows], pairs.distances[rows])
    return measured | {"intervals": intervals}
