"""One run of a pipeline, from the data to the outcome, with a step on the screen for each part."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from pipeline.kept_runs.clean import clean
from pipeline.kept_runs.forgotten import is_marked
from pipeline.launcher import tfx_cli
from pipeline.launcher.checksums import keep_checksums, set_aside_newest, set_aside_used
from pipeline.launcher.costs import Meter, cost_lines, data_counters
from pipeline.launcher.display import duration, make_display
from pipeline.launcher.events import Events, cost_facts
from pipeline.launcher.failure import last_error
from pipeline.launcher.lock import RunError, only_run, wait_until_free
from pipeline.launcher.records import RunRecord, Watch, last_run, newest_run_number
from pipeline.launcher.report import NoReportError, assemble
from pipeline.launcher.steps import START, State, Step, Steps
from pipeline.launcher.summary import outcome_lines, short_path
from pipeline.run_folder import LOGS, REPORT

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig

_REGISTER: Final = "tfx pipeline create"
_LAST_LINES: Final = 8
_ROOM_FOR_A_LOG: Final = 2**16  # Bytes.


def run_pipeline(
    config: "PipelineConfig",
    config_path: Path,
    engine: str,
    tfx: Path,
    console: Console,
    prepare: Callable[[], object] = lambda: None,
) -> None:
    """Run a pipeline once and print its outcome.

    Args:
        config: The loaded config.
        config_path: The file it came from; the definition loads it again in its own process.
        engine: ``local`` or ``beam``.
        tfx: The ``tfx`` command.
        console: Where to show progress and outcome.
        prepare: Makes the data when there is none.

    Raises:
        RunError: A component failed, or another run of this pipeline is going on.
    """
    began = time.monotonic()
    say = partial(_say, console)
    with only_run(config.name, config.root) as lock:
        wait_until_free(config.metadata_path, say)
        for sentence in set_aside_newest(config.root):
            say(sentence)
        log = config.root / LOGS / f"{datetime.now():%Y%m%d-%H%M%S}.log"
        # Logs name people.
        log.parent.mkdir(exist_ok=True, mode=0o700)
        log.touch(mode=0o600)
        span = "" if config.data.span is None else f", span {config.data.span}"
        name = f"{config.name}: {short_path(config_path)}{span}"
        say(f"{name}, engine {engine}, log {short_path(log)}")
        display = make_display(console)
        events, meter = Events(log), Meter()

        def show(step: Step) -> None:
            display.update(step)
            events.step(step, meter.costs.get(step.name))

        steps = Steps(show)
        events.write("run_began", pipeline=config.name, config=str(config_path), engine=engine)
        try:
            with display:
                try:
                    steps.begin("data")
                    prepare()
                    record = _run(config, config_path, engine, tfx, steps, meter, log, lock)
                except BaseException as error:
                    stopped = isinstance(error, KeyboardInterrupt)
                    state = State.STOPPED if stopped else State.FAILED
                    steps.end(state)
                    took = time.monotonic() - began
                    events.write("run_ended", state=state.value, seconds=round(took, 3))
                    raise
                finally:
                    _keep_checksums(config)
        except KeyboardInterrupt:
            say(
                f"Stopped after {duration(time.monotonic() - began)}. What finished is kept: the "
                f"same command goes on from there. Log: {short_path(log)}"
            )
            raise
        if config.keep_runs is not None:
            clean(config.root, config.keep_runs, say)
        took = time.monotonic() - began
        ran = {e.node: e.ended - e.began for e in record.executions if e.state == "COMPLETE"}
        costs = meter.of(ran, data_counters(record))
        events.write(
            "run_ended",
            state="done",
            run_id=record.run_id,
            seconds=round(took, 3),
            costs={name: cost_facts(cost) for name, cost in costs.items()},
        )
    for line in (f"Total {duration(took)}", *cost_lines(costs, ran), ""):
        say(line)
    _say_outcome(record, config.root, console)
    # A copy of the report, with what each component took, where it is easily found.
    with contextlib.suppress(NoReportError):
        report = assemble(record, config.root / REPORT)
        say(f"Report: {short_path(report)}")


def show_last(config: "PipelineConfig", console: Console) -> None:
    """Print the outcome of the newest run again, without running anything.

    Raises:
        RunError: There is no run, or its newest one failed.
    """
    wait_until_free(config.metadata_path, partial(_say, console))
    record = last_run(config.metadata_path)
    if record is None:
        raise RunError(f"{config.name} has not been run: there is no run in {config.metadata_path}")
    _say(console, f"{config.name}: run of {datetime.fromtimestamp(record.started):%Y-%m-%d %H:%M}")
    if record.unfinished:
        raise RunError(f"the run did not finish: {', '.join(record.unfinished)}")
    _say_outcome(record, config.root, console)


def _run(
    config: "PipelineConfig",
    config_path: Path,
    engine: str,
    tfx: Path,
    steps: Steps,
    meter: Meter,
    log: Path,
    lock: int,
) -> RunRecord:
    """Registers the pipeline where that is needed, runs it, and shows what its components do."""
    home = config.root.parent / "tfx_home" / engine
    env = tfx_cli.environment(engine, config_path, home, os.environ)
    script = tfx_cli.runner_script(engine)
    arguments = tfx_cli.registration(engine, config.name, home, script)
    if arguments is not None:
        steps.end()
        steps.begin(_REGISTER)
        if tfx_cli.call([tfx, *arguments], env, log, keep_open=(lock,)):
            raise _failure([_REGISTER], log)
    steps.end()
    steps.begin(START)
    after = newest_run_number(config.metadata_path)
    components = Watch(config.metadata_path, after)
    with tfx_cli.LiveLines(log) as said:

        def look() -> None:
            for message in said.new():
                # Who speaks has begun, though perhaps only since the last look.
                if not steps.say(message):
                    steps.take(components())
                    steps.say(message)
                meter.hear(_names(steps), message)
            meter.look(_names(steps))
            steps.take(components())

        command: list[str | Path] = [tfx, *tfx_cli.run_arguments(engine, config.name)]
        code = tfx_cli.call(command, env, log, look, keep_open=(lock,))
    record = last_run(config.metadata_path, after)
    if record is not None:
        steps.take(record.executions)
    # What merely ran beside a component that failed, on a parallel engine, did not fail.
    failed = (record.failed if record else []) or [step.name for step in steps.running]
    if record is None and code == 0:
        raise RunError(
            f"tfx ended well but recorded no run in {config.metadata_path}; log: {short_path(log)}"
        )
    if record is None or code or failed:
        damaged = set_aside_used(record, config.root) if record else []
        raise _failure(failed, log, damaged)
    return record


def _names(steps: Steps) -> list[str]:
    return [step.name for step in steps.running if step.is_component]


def _keep_checksums(config: "PipelineConfig") -> None:
    # Of a run that failed, too: what it finished, the next one takes from the cache.
    with contextlib.suppress(OSError):
        if record := last_run(config.metadata_path):
            keep_checksums(record, config.root)


def _failure(names: Sequence[str], log: Path, damaged: Sequence[str] = ()) -> RunError:
    with log.open(encoding="utf-8", errors="replace") as lines:
        error = last_error(lines)
    who = ", ".join(names) or "the pipeline"
    if shutil.disk_usage(log.parent).free < _ROOM_FOR_A_LOG:
        why = f"\n{who} failed. No space is left for its log in {log.parent}: make room there."
        error = error[-1:]
    elif error:
        why = f"\n{who} failed:"
    else:
        error = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        why = (
            f"\n{who} failed and gave no reason, as when the system kills it for lack of memory. "
            "The end of its log:"
        )
    return RunError(
        "\n".join([why, *(f"  {line}" for line in error), *damaged])
        + f"\nThe whole log: {short_path(log)}"
        + "\nWhat finished is kept: the same command goes on from there."
    )


def _say_outcome(record: RunRecord, root: Path, console: Console) -> None:
    try:
        lines = outcome_lines(record)
    except ValueError as error:
        raise RunError(str(error)) from error
    for line in lines:
        _say(console, line)
    model = record.artifact("Model")
    if model and is_marked(root, model.uri):
        _say(
            console,
            "Note: somebody who was forgotten since had a part in this model; train one without.",
        )


def _say(console: Console, text: str) -> None:
    # Rich would break a long path in two and colour what looks like markup.
    console.print(text, markup=False, soft_wrap=True)
