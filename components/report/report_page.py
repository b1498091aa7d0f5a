"""The report: one HTML page that holds all it needs."""

import json
from typing import Any

import numpy as np
from markupsafe import Markup

from components import features
from components.decision.reference import reference_sweep
from components.metrics.calibration import reliability
from components.metrics.roc import Sweep
from components.metrics.table import shown_in
from components.report import charts, decision_facts
from components.report.content import RunContent, group_rows, headlines
from components.report.templates import render
from components.report.times import no_times


def slider_steps(curve: Sweep, threshold: float, accepted: int, steps: int = 200) -> dict[str, Any]:
    """The operating points that the page's slider offers, the decision's among them.

    They are spread evenly over the ranks of the pairs, so that there are many where many pairs are.

    Args:
      curve: Over the test pairs.
      threshold: The decision's, in the unit of the distances.
      accepted: How many pairs it accepts: the curve's own thresholds lie between distances, where
        this one need not be on the same side of them.
      steps: About how many.

    Returns:
      ``threshold``, ``tp`` and ``fp`` as lists, the totals ``same`` and ``different``, and
      ``chosen``: the index of the decision.
    """
    ranks = curve.tp + curve.fp
    decided = int(np.searchsorted(ranks, accepted))
    even = np.searchsorted(ranks, np.linspace(0, ranks[-1], steps))
    rows = np.unique(np.append(even, decided))
    at = curve.thresholds[rows]
    chosen = int(np.searchsorted(rows, decided))
    at[chosen] = threshold
    return {
        "threshold": [float(f"{value:.6g}") for value in at],
        "tp": curve.tp[rows].tolist(),
        "fp": curve.fp[rows].tolist(),
        "same": curve.genuine,
        "different": curve.impostors,
        "chosen": chosen,
    }


def _charts(content: RunContent) -> dict[str, Markup]:
    pairs, curve = content.pairs, content.curve
    scores = pairs.scores.astype(np.float64)
    found = {
        "histograms": charts.histograms(scores, pairs.labels),
        "calibration": charts.calibration(reliability(scores, pairs.labels)),
    }
    fmr, fnmr = content.overall["fmr"], content.overall["fnmr"]
    if fmr is not None and fnmr is not None:
        auc = content.overall["auc"]
        found["roc"] = charts.roc(curve, content.baseline_curve, (fmr, fnmr), auc)
        found["det"] = charts.det(curve, content.baseline_curve, (fmr, fnmr))
        found["sweep"] = charts.threshold_sweep(curve, content.decision["threshold"])
    history = content.training.get("history", {})
    best = content.training.get("best_epoch", 0)
    losses = {key: values for key, values in history.items() if key in ("loss", "val_loss")}
    if losses:
        found["loss"] = charts.learning_curve("loss", losses, best, unit=False)
    named = {"val_accuracy": "accuracy", "val_auc": "ROC AUC", "val_eer": "EER"}
    validation = {name: history[key] for key, name in named.items() if key in history}
    if validation:
        found["validation"] = charts.learning_curve(
            "on validation pairs", validation, best, unit=True
        )
    return found


def report_page(content: RunContent) -> str:
    """The page.

    Args:
      content: Of one run.
    """
    pairs, curve = content.pairs, content.curve
    threshold = content.decision["threshold"]
    both = bool(curve.genuine and curve.impostors)
    confusion = content.overall["confusion"]
    accepted = confusion["tp"] + confusion["fp"]
    sets = {
        name: group
        for name, group in content.summary["pair_sets"].items()
        if name != features.OVERALL
    }
    return render(
        "report.html.j2",
        content=content,
        summary=content.summary,
        overall=content.overall,
        headlines=headlines(content),
        columns=shown_in("groups"),
        pair_sets=group_rows(sets) if len(sets) > 1 else [],
        slices=group_rows(content.summary["slices"]),
        charts=_charts(content),
        reference=reference_sweep(pairs.distances, pairs.labels) if both else [],
        decision_rows=decision_facts.image_rows(content.decision),
        operating=reference_sweep(pairs.distances, pairs.labels, [threshold])[0] if both else None,
        # In an attribute, where Jinja escapes the quotes.
        slider=(json.dumps(slider_steps(curve, threshold, accepted)) if both else None),
        times=no_times(),
    )
