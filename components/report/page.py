"""The report: one HTML page that holds all it needs."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from markupsafe import Markup

from components.decision.reference import reference_sweep
from components.metrics import roc
from components.report import charts, decision_facts, measures
from components.report.face_pairs import WorstPair
from components.report.scored_pairs import ScoredPairs
from components.report.templates import render
from components.report.times import no_times

# What a person asks for first: the summary's name, a name for people, and whether it is an error.
_HEADLINES = (
    ("accuracy", "Accuracy", False),
    ("eer", "Equal error rate (EER)", True),
    ("auc", "ROC AUC", False),
    ("tar_at_far_0.1", "TAR at FAR 10 %", False),
    ("tar_at_far_0.01", "TAR at FAR 1 %", False),
    ("tar_at_far_0.001", "TAR at FAR 0.1 %", False),
    ("fmr", "False match rate (FMR)", True),
    ("fnmr", "False non-match rate (FNMR)", True),
    ("precision", "Precision", False),
    ("recall", "Recall", False),
    ("f1", "F1", False),
    ("auc_precision_recall", "PR AUC", False),
    ("brier_score", "Brier score", True),
    ("expected_calibration_error", "Expected calibration error", True),
)


@dataclass(frozen=True)
class RunContent:
    """All that the pages of one run are made from.

    Attributes:
      name: The pipeline's.
      created: When, for people.
      summary: ``summary.json``.
      decision: The model's ``decision.json``.
      pairs: The scored test pairs.
      training: Trainer's ``training.json``.
      data: From ``data_facts``: ``counts``, ``findings`` and ``statistics``.
      false_accepts: The worst ones.
      false_rejects: Likewise.
      faces: Whether faces are shown.
      lineage: From ``lineage.describe``.
    """

    name: str
    created: str
    summary: dict[str, Any]
    decision: dict[str, Any]
    pairs: ScoredPairs
    training: dict[str, Any]
    data: dict[str, Any]
    false_accepts: list[WorstPair]
    false_rejects: list[WorstPair]
    faces: bool
    lineage: dict[str, Any]

    @property
    def overall(self) -> dict[str, Any]:
        """The summary of all test pairs."""
        return self.summary["pair_sets"]["overall"]

    @cached_property
    def curve(self) -> roc.Sweep:
        """The candidate over the test pairs."""
        return roc.sweep(self.pairs.distances, self.pairs.labels)

    @cached_property
    def baseline_curve(self) -> roc.Sweep | None:
        """The baseline over the test pairs."""
        distances = self.pairs.baseline_distances
        return None if distances is None else roc.sweep(distances, self.pairs.labels)


@dataclass(frozen=True)
class Headline:
    """One number of the run.

    Attributes:
      key: A short name without spaces.
      name: For people.
      value: Of the candidate, or None.
      low: Of the 95 % interval, or None.
      high: Likewise.
      baseline: Of the baseline, or None.
      lower_is_better: Whether it is an error.
      note: What limits the number; may be empty.
    """

    key: str
    name: str
    value: float | None
    low: float | None
    high: float | None
    baseline: float | None
    lower_is_better: bool = False
    note: str = ""

    @property
    def change(self) -> float | None:
        """Candidate minus baseline."""
        if self.value is None or self.baseline is None:
            return None
        return self.value - self.baseline

    @property
    def better(self) -> bool | None:
        """Whether the change is for the better; None where there is none."""
        if not self.change:
            return None
        return (self.change < 0) == self.lower_is_better


def headlines(content: RunContent) -> list[Headline]:
    """The numbers that a person asks for first, each with interval and baseline."""
    overall, baseline = content.overall, content.summary["baseline"]
    rows = []
    for key, name, lower_is_better in _HEADLINES:
        low, high = overall["intervals"].get(key) or (None, None)
        note = ""
        if key in overall["unresolved"]:
            note = f"not resolved: {content.curve.impostors} different pairs are too few to show it"
        rows.append(
            Headline(
                key=key,
                name=name,
                value=overall[key],
                low=low,
                high=high,
                baseline=baseline[key] if baseline else None,
                lower_is_better=lower_is_better,
                note=note,
            )
        )
    return rows


def group_rows(groups: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups of the summary as rows of a table."""
    return [{"name": name, **group} for name, group in groups.items()]


def _charts(content: RunContent) -> dict[str, Markup]:
    pairs, curve = content.pairs, content.curve
    scores = pairs.scores.astype(np.float64)
    found = {
        "histograms": charts.histograms(scores, pairs.labels),
        "calibration": charts.calibration(measures.reliability(scores, pairs.labels)),
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
    sets = {key: value for key, value in content.summary["pair_sets"].items() if key != "overall"}
    return render(
        "report.html.j2",
        content=content,
        summary=content.summary,
        overall=content.overall,
        headlines=headlines(content),
        pair_sets=group_rows(sets) if len(sets) > 1 else [],
        slices=group_rows(content.summary["slices"]),
        charts=_charts(content),
        reference=reference_sweep(pairs.distances, pairs.labels) if both else [],
        decision_rows=decision_facts.image_rows(content.decision),
        operating=reference_sweep(pairs.distances, pairs.labels, [threshold])[0] if both else None,
        # In an attribute, where Jinja escapes the quotes.
        slider=(json.dumps(measures.slider_steps(curve, threshold, accepted)) if both else None),
        times=no_times(),
    )
