"""The report: one HTML page that holds all it needs."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from markupsafe import Markup

from components.metrics import calibration, roc
from components.metrics.bootstrap import Interval
from components.metrics.decision import reference_sweep
from components.report import charts, measures
from components.report.face_pairs import WorstPair
from components.report.scored_pairs import ScoredPairs
from components.report.templates import render

# What ``make report`` replaces: only after a run is it known how long its components took.
TIMES_BEGIN, TIMES_END = "<!-- times -->", "<!-- /times -->"

FARS = (0.1, 0.01, 0.001)


@dataclass(frozen=True)
class RunContent:
    """All that the pages of one run are made from.

    Attributes:
      name: The pipeline's.
      created: When, for people.
      summary: ``summary.json``.
      decision: The model's ``decision.json``.
      pairs: The scored test pairs.
      intervals: 95 % intervals over all test pairs, from ``bootstrap``.
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
    intervals: dict[str, Interval]
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
        scores = self.pairs.baseline_scores
        if scores is None:
            return None
        return roc.sweep(1 - scores.astype(np.float64), self.pairs.labels)


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


def _rate(errors: int, total: int) -> float | None:
    return errors / total if total else None


def error_rates(group: dict[str, Any]) -> dict[str, float | None]:
    """FMR and FNMR of a group of the summary."""
    found = group["confusion"]
    return {
        "fmr": _rate(found["fp"], found["fp"] + found["tn"]),
        "fnmr": _rate(found["fn"], found["fn"] + found["tp"]),
    }


def headlines(content: RunContent) -> list[Headline]:
    """The numbers that a person asks for first, each with interval and baseline."""
    overall, baseline = content.overall, content.summary["baseline"]
    curve, before = content.curve, content.baseline_curve
    rows = []

    def add(key: str, name: str, value: float | None, old: float | None, **more: Any) -> None:
        interval = content.intervals.get("fnmr" if key == "recall" else key)
        low = high = None
        if interval is not None and interval.replicates:
            low, high = interval.low, interval.high
            if key == "recall":
                low, high = 1 - high, 1 - low
        rows.append(Headline(key, name, value, low, high, old, **more))

    def from_summary(key: str, name: str) -> None:
        add(key, name, overall[key], baseline[key] if baseline else None)

    rates = error_rates(overall)
    old_rates = error_rates(baseline) if baseline else {"fmr": None, "fnmr": None}
    from_summary("accuracy", "Accuracy")
    both = curve.genuine and curve.impostors
    if both:
        add(
            "eer",
            "Equal error rate (EER)",
            roc.eer(curve).rate,
            roc.eer(before).rate if before else None,
            lower_is_better=True,
        )
        from_summary("auc", "ROC AUC")
        for far in FARS:
            found = roc.tar_at_far(curve, far)
            note = (
                ""
                if found.resolved
                else f"not resolved: {curve.impostors} impostor pairs cannot show a FAR of {far:g}"
            )
            add(
                f"tar_at_far_{far:g}",
                f"TAR at FAR {100 * far:g} %",
                found.tar if found.resolved else None,
                roc.tar_at_far(before, far).tar if before and found.resolved else None,
                note=note,
            )
    more: dict[str, Any] = {"lower_is_better": True}
    add("fmr", "False match rate (FMR)", rates["fmr"], old_rates["fmr"], **more)
    add("fnmr", "False non-match rate (FNMR)", rates["fnmr"], old_rates["fnmr"], **more)
    from_summary("precision", "Precision")
    from_summary("recall", "Recall")
    return rows


def slice_rows(groups: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups of the summary as rows of a table."""
    return [{"name": name, **group, **error_rates(group)} for name, group in groups.items()]


def _charts(content: RunContent) -> dict[str, Markup]:
    pairs, curve = content.pairs, content.curve
    scores = pairs.scores.astype(np.float64)
    found = {
        "histograms": charts.histograms(scores, pairs.labels),
        "calibration": charts.calibration(measures.reliability(scores, pairs.labels)),
    }
    rates = error_rates(content.overall)
    fmr, fnmr = rates["fmr"], rates["fnmr"]
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
    scores = pairs.scores.astype(np.float64)
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
        pair_sets=slice_rows(sets) if len(sets) > 1 else [],
        slices=slice_rows(content.summary["slices"]),
        charts=_charts(content),
        brier=calibration.brier_score(scores, pairs.labels),
        calibration_error=calibration.expected_calibration_error(scores, pairs.labels),
        reference=reference_sweep(pairs.distances, pairs.labels) if both else [],
        operating=reference_sweep(pairs.distances, pairs.labels, [threshold])[0] if both else None,
        # In an attribute, where Jinja escapes the quotes.
        slider=(json.dumps(measures.slider_steps(curve, threshold, accepted)) if both else None),
        times=no_times(),
    )


def no_times() -> Markup:
    """What stands for the times until the run has ended."""
    return Markup("{}<p class='note'>{}</p>{}").format(
        Markup(TIMES_BEGIN),
        "A component cannot see how long the run it is part of takes: make report adds the times "
        "to a copy of this page after the run.",
        Markup(TIMES_END),
    )


def with_times(page: str, executions: list[dict[str, Any]], started: str, total: float) -> str:
    """A page with how long each component took.

    Args:
      page: From ``report_page``.
      executions: ``node``, ``state``, ``seconds`` (or None) and ``artifacts`` (what it made, for
        people) of each component, in their order.
      started: When the run began, for people.
      total: Seconds from the beginning of the first component to the end of the last.

    Raises:
      ValueError: The page has no place for them.
    """
    begin, end = page.find(TIMES_BEGIN), page.find(TIMES_END)
    if begin < 0 or end < begin:
        raise ValueError(f"the page has no {TIMES_BEGIN} before a {TIMES_END}; run Report again")
    longest = max((row["seconds"] or 0.0 for row in executions), default=0.0)
    table = render(
        "times.html.j2", executions=executions, started=started, total=total, longest=longest
    )
    return page[: begin + len(TIMES_BEGIN)] + table + page[end:]
