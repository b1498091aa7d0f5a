"""Says in plain lines what a run found out: how well it verifies, what was pushed, where."""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from components.metrics.table import shown_in
from components.serving_check.result import RESULT_FILE
from components.storage import read_file
from pipeline.launcher.records import RunRecord
from serving.versions import versions_in

_COUNTS: Final = ("tp", "fn", "fp", "tn")
_SLICES_SHOWN: Final = 10

_PLACES: Final = (
    ("model", "Model"),
    ("TensorBoard logs", "ModelRun"),
    ("evaluation", "ModelEvaluation"),
    ("report", "RunSummary"),
)


def outcome_lines(run: RunRecord) -> list[str]:
    """Everything a person wants to know after a run that succeeded.

    Raises:
        ValueError: The run's summary cannot be read.
    """
    summary = run.summary()
    if summary is None:
        lines = ["This pipeline wrote no summary of its evaluation (no Report component ran)."]
    else:
        lines = [*verification_lines(summary), "", *blessing_lines(summary)]
    return [*lines, *push_lines(run, summary), "", *place_lines(run)]


def verification_lines(summary: Mapping[str, Any]) -> list[str]:
    """Rates and confusion counts of the pair sets, of the slices and of the baseline."""
    pair_sets = dict(summary.get("pair_sets") or {})
    rows = [("overall", pair_sets.pop("overall", None)), *pair_sets.items()]
    if baseline := summary.get("baseline"):
        rows.insert(1, ("overall, blessed before", baseline))
    slices = list((summary.get("slices") or {}).items())
    # A data set with no pair list has one pair set, which is the overall one again.
    if len(pair_sets) == 1:
        rows = [row for row in rows if row[0] not in pair_sets]
    rows += slices[:_SLICES_SHOWN]
    names = [metric.name for metric in shown_in("columns")]
    table: list[tuple[str, ...]] = [("", "pairs", *names, *_COUNTS)]
    table += [_row(name, values, names) for name, values in rows if values]
    lines = ["Verification on the test pairs", *_aligned(table)]
    if len(slices) > _SLICES_SHOWN:
        lines.append(f"  {len(slices) - _SLICES_SHOWN} slices more are in the report.")
    lines.append(
        "  tp, fn: one person, recognised or not. fp, tn: two people, taken for one or told apart."
    )
    lines += interval_lines((summary.get("pair_sets") or {}).get("overall") or {})
    lines += fairness_lines(summary.get("fairness") or {})
    return lines + decision_lines(summary.get("threshold") or {})


def decision_lines(threshold: Mapping[str, Any]) -> list[str]:
    """The threshold, what it rests on, and whether the test pairs bear it out."""
    if not threshold:
        return []
    line = f"  Decision: same person up to distance {_number(threshold.get('distance'))}, "
    if threshold.get("value") is None:
        line += f"{threshold.get('basis')}."
    else:
        line += (
            f"chosen for {threshold.get('objective')} on {_count(threshold.get('people'))} people "
            f"of the {threshold.get('basis')} ({_number(threshold.get('value'))} there)."
        )
    lines = [line]
    if threshold.get("strictest") not in (None, "plain"):
        lines.append(
            f"    The strictest of all were copies of the images with {threshold['strictest']}."
        )
    if (asked := threshold.get("asked_fmr")) is not None:
        granted, found = threshold.get("granted_fmr"), threshold.get("test_fmr")
        line = f"    FMR asked for: {_percent(asked)}"
        if granted != asked:
            line += f"; shown by the pairs: {_percent(granted)}"
        if found:
            value, low, high = map(_percent, found)
            line += f"; on the test pairs: {value} (95 %: {low} to {high})"
        lines.append(line)
    return lines + [f"    Note: {warning}." for warning in threshold.get("warnings") or ()]


def interval_lines(overall: Mapping[str, Any]) -> list[str]:
    """What is known of the model as a whole, with how far chance may have moved it."""
    intervals = overall.get("intervals") or {}
    table = []
    for metric in shown_in("intervals"):
        name = metric.name
        if interval := intervals.get(name):
            low, high = map(_number, interval)
            table.append((name, _number(overall.get(name)), f"{low} to {high}"))
        elif name in (overall.get("unresolved") or ()):
            table.append((name, "-", "too few pairs of two people to show it"))
    if not table:
        return []
    return ["  Overall, with the 95 % interval over people:", *_aligned(table, "    ", str.ljust)]


def fairness_lines(fairness: Mapping[str, Any]) -> list[str]:
    """How unequally the groups of each attribute are served, or why that is not known."""
    lines, unknown = [], []
    for attribute, found in fairness.items():
        for rate in ("fmr", "fnmr"):
            ratio, what = found[rate], f"{attribute} {rate.upper()}"
            if ratio["ratio"] is not None:
                times = f"{ratio['ratio']:.2f} times as high for {ratio['worst']}"
                lines.append(f"  {what}: {times} as for {ratio['best']}")
            elif ratio["at_least"] is not None:
                lines.append(f"  {what}: {ratio['note']}")
            elif ratio["max"] is not None:
                lines.append(f"  {what}: {ratio['note']}, so the bound on it blocks nothing")
            else:
                unknown.append(what)
    if unknown:
        lines.append(f"  Groups not compared, for want of pairs or errors: {', '.join(unknown)}")
    return lines


def blessing_lines(summary: Mapping[str, Any]) -> list[str]:
    """Whether the evaluation let the model through, and what it missed."""
    if summary.get("blessed"):
        return ["Blessed: every threshold of the evaluation holds."]
    reasons = summary.get("reasons") or ["the evaluation gives no reason; see its validation file"]
    return ["Not blessed:", *(f"  {reason}" for reason in reasons)]


def push_lines(run: RunRecord, summary: Mapping[str, Any] | None) -> list[str]:
    """Which version this run stands for, or why it pushed none; and what is served if not that."""
    pushed = run.artifact("PushedModel")
    if pushed is None:
        return ["Nothing pushed: no Pusher ran."]
    if not pushed.properties.get("pushed"):
        lines = not_pushed_lines(run, summary)
        if folder := pushed.properties.get("serving_dir"):
            newest = _newest(Path(str(folder)))
            lines.append(f"Served as before: {short_path(newest) if newest else 'nothing yet'}")
        return lines
    where = Path(str(pushed.properties.get("pushed_destination") or pushed.uri))
    cached = run.producer_state("PushedModel") == "CACHED"
    newest = _newest(where.parent) if "pushed_destination" in pushed.properties else None
    if newest is None or newest == where:
        what = "Already pushed, nothing changed since" if cached else "Pushed"
        return [f"{what}: {short_path(where)}"]
    gone = "" if where.is_dir() else ", which is no longer there"
    return [
        f"Pushed: {short_path(where)}{gone}",
        f"Not the newest version: a server takes {short_path(newest)}, unless told otherwise.",
    ]


def not_pushed_lines(run: RunRecord, summary: Mapping[str, Any] | None) -> list[str]:
    """Why a run pushed nothing."""
    if summary is None or not summary.get("blessed"):
        return ["Nothing pushed: the model is not blessed."]
    check = run.artifact("InfraBlessing")
    if check is None or check.properties.get("blessed"):
        return ["Nothing pushed: see the log."]
    try:
        result = json.loads(read_file(check.uri, RESULT_FILE))
    except (OSError, ValueError):
        # TFX's InfraValidator gives no reason but in the log, nor does it tell the two apart.
        return ["Nothing pushed: the model cannot be served, or Docker not used; see the log."]
    return [
        "Nothing pushed: the model does not serve as it was trained:",
        *(f"  {reason}" for reason in result["reasons"]),
    ]


def _newest(base: Path) -> Path | None:
    versions = versions_in(base)
    return base / str(versions[-1]) if versions else None


def place_lines(run: RunRecord) -> list[str]:
    """Where the run's artifacts lie."""
    found = [
        (name, short_path(artifact.uri))
        for name, type_name in _PLACES
        if (artifact := run.artifact(type_name)) is not None
    ]
    width = max((len(name) for name, _ in found), default=0)
    return [f"{name:<{width}}  {path}" for name, path in found]


def short_path(path: str | Path) -> str:
    """The path from here when it lies below the working folder, else as it is."""
    text = os.fspath(path)
    here = os.getcwd() + os.sep
    return text[len(here) :] if text.startswith(here) else text


def _row(name: str, values: Mapping[str, Any], metrics: Sequence[str]) -> tuple[str, ...]:
    confusion = values.get("confusion") or {}
    return (
        name,
        _count(values.get("pairs")),
        *(_number(values.get(metric)) for metric in metrics),
        *(_count(confusion.get(count)) for count in _COUNTS),
    )


def _number(value: float | None) -> str:
    # Precision is undefined when no pair was called the same person.
    return "-" if value is None or math.isnan(value) else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.3g} %"


def _count(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.0f}"


def _aligned(
    table: Sequence[Sequence[str]],
    indent: str = "  ",
    side: Callable[[str, int], str] = str.rjust,
) -> list[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        indent
        + "  ".join(
            [row[0].ljust(widths[0])]
            + [side(cell, width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in table
    ]
