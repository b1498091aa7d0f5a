"""The report of a pipeline's newest run: ``faceauth report``.

The pages are copied out of the run's artifact into the folder of the runs, where the report also
gets how long each component took, which Report itself cannot know.
"""

import argparse
import os
import webbrowser
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from components.storage import read_file
from pipeline.config import load_config
from pipeline.errors import CommandError
from pipeline.launcher.costs import counted
from pipeline.launcher.events import kept_costs
from pipeline.launcher.records import RUN_SUMMARY, RunRecord, last_run
from pipeline.launcher.summary import short_path
from pipeline.run_folder import LOGS, REPORT

_REPORT: Final = "report.html"
_TFMA: Final = "tfma.html"
_OTHERS: Final = (_TFMA, "model_card.html", "model_card.md", "summary.json")


class NoReportError(CommandError):
    """There is nothing to show; the message says why and what to do."""


def assemble(run: RunRecord, target: Path) -> Path:
    """Copies the pages of a run and puts the times into its report.

    Args:
        run: From ``last_run``.
        target: The folder to put them in; events of the run are looked for beside it.

    Returns:
        The report.

    Raises:
        NoReportError: The run made no report, or an older release made it.
    """
    from components.report.times import ComponentTime, with_times
    from serving.whole_file import whole_file

    artifact = run.artifact(RUN_SUMMARY)
    source = artifact.uri if artifact else ""
    made = _page(source, _REPORT) if artifact else None
    if made is None:
        failed = f" ({', '.join(run.failed)} failed)" if run.failed else ""
        raise NoReportError(f"run {run.run_id} made no report{failed}; run the pipeline again")
    costs = kept_costs(target.parent / LOGS, run.run_id)
    components = [
        ComponentTime(
            each.node,
            each.state,
            each.ended - each.began,
            ", ".join(f"{output.type_name} {output.id}" for output in each.outputs),
            cost.cpu_s if cost else None,
            cost.peak_mib if cost else None,
            counted(cost.counters) if cost else "",
        )
        for each in run.executions
        for cost in [costs.get(each.node)]
    ]
    ended = max(each.ended for each in run.executions)
    started = f"{datetime.fromtimestamp(run.started):%Y-%m-%d %H:%M}"
    try:
        page = with_times(made.decode(), components, started, ended - run.started)
    except ValueError as error:
        raise NoReportError(f"{source}/{_REPORT}: {error}") from error
    report = target / _REPORT
    others = {name: content for name in _OTHERS if (content := _page(source, name)) is not None}
    for name, content in {_REPORT: page.encode(), **others}.items():
        with whole_file(target / name) as partial:
            partial.write_bytes(content)
    return report


def _page(source: str, name: str) -> bytes | None:
    try:
        return read_file(source, name)
    except FileNotFoundError:
        return None


def can_open(environment: Mapping[str, str]) -> bool:
    """Whether there is a screen to open a browser on."""
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def show(given: argparse.Namespace) -> int:
    """Opens the report of the newest run and TFMA's view of it, or prints where they are.

    Raises:
        NoReportError: There is none.
    """
    config = load_config(given.config)
    run = last_run(config.metadata_path)
    if run is None:
        raise NoReportError(f"there is no run in {config.metadata_path}; faceauth run makes one")
    report = assemble(run, config.root / REPORT)
    for name, path in (
        ("report", report),
        ("TFMA view", report.with_name(_TFMA)),
        ("model card", report.with_name("model_card.html")),
    ):
        print(f"{name:<10}  {short_path(path)}")
    if can_open(os.environ) and not given.print:
        webbrowser.open(report.as_uri())
        webbrowser.open(report.with_name(_TFMA).as_uri())
    return 0
