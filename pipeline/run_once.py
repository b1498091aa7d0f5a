"""One run of a pipeline, from the data to the outcome, with a step on the screen for each part."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn, Protocol

from rich.console import Console

from pipeline import tfx_cli
from pipeline.run_display import Display, duration, make_display
from pipeline.run_progress import START, Progress, State, Step, last_error
from pipeline.run_records import RunRecord, last_run
from pipeline.run_summary import outcome_lines, short_path
from pipeline.show_report import REPORT_FOLDER, NoReportError, assemble

_REGISTER: Final = "tfx pipeline create"
_LAST_LINES: Final = 8


class RunConfig(Protocol):
    """The parts of the pipeline's config that a run is started from."""

    @property
    def name(self) -> str:
        """The pipeline's name."""

    @property
    def root(self) -> Path:
        """The folder of everything this pipeline writes but the pushed models."""

    @property
    def metadata_path(self) -> Path:
        """ML Metadata's SQLite file."""


class RunError(Exception):
    """The run did not come to its end; the message is ready for the person."""


def run_pipeline(
    config: RunConfig,
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
    began, wall_clock = time.monotonic(), time.time()
    with _only_run(config) as lock:
        log = config.root / "logs" / f"{datetime.now():%Y%m%d-%H%M%S}.log"
        log.parent.mkdir(exist_ok=True)
        log.touch()
        _say(
            console,
            f"{config.name}: {short_path(config_path)}, engine {engine}, log {short_path(log)}",
        )
        progress = Progress()
        display = make_display(console, progress)
        stages = _Stages(progress, display, log, (lock,))
        try:
            with display:
                try:
                    stages.run(config, config_path, engine, tfx, prepare)
                except KeyboardInterrupt:
                    stages.settle(stopped=True)
                    raise
                except Exception:
                    stages.settle()
                    raise
        except KeyboardInterrupt:
            _say(
                console,
                f"Stopped after {duration(time.monotonic() - began)}. What finished is kept: the "
                f"same command goes on from there. Log: {short_path(log)}",
            )
            raise
        record = last_run(config.metadata_path, since=wall_clock)
    if record is None:
        raise RunError(
            f"tfx ended well but recorded no run in {config.metadata_path}; log: {short_path(log)}"
        )
    if record.failed:
        _fail(record.failed, log)
    _say(console, f"Total {duration(time.monotonic() - began)}\n")
    for line in _outcome(record):
        _say(console, line)
    _add_times(config, record, console)


def show_last(config: RunConfig, console: Console) -> None:
    """Print the outcome of the newest run again, without running anything.

    Raises:
        RunError: There is no run, or its newest one failed.
    """
    record = last_run(config.metadata_path)
    if record is None:
        raise RunError(f"{config.name} has not been run: there is no run in {config.metadata_path}")
    _say(console, f"{config.name}: run of {datetime.fromtimestamp(record.started):%Y-%m-%d %H:%M}")
    unfinished = [each.node for each in record.executions if each.state in ("FAILED", "RUNNING")]
    if unfinished:
        raise RunError(f"the run did not finish: {', '.join(unfinished)}")
    for line in _outcome(record):
        _say(console, line)


class _Stages:
    """What a run does one after the other, each shown as a step."""

    def __init__(
        self, progress: Progress, display: Display, log: Path, keep_open: tuple[int, ...]
    ) -> None:
        self._progress = progress
        self._display = display
        self._log = log
        self._keep_open = keep_open

    def run(
        self,
        config: RunConfig,
        config_path: Path,
        engine: str,
        tfx: Path,
        prepare: Callable[[], object],
    ) -> None:
        """Make the data, register the pipeline, run it.

        Raises:
            RunError: One of the ``tfx`` commands failed.
        """
        home = config.root.parent / "tfx_home" / engine
        script = tfx_cli.runner_script(engine)
        env = tfx_cli.environment(engine, config_path, home, os.environ)

        self._begin("data")
        prepare()
        self._end()

        arguments = tfx_cli.registration(engine, config.name, home, script)
        if arguments is not None:
            self._begin(_REGISTER)
            self._call([str(tfx), *arguments], env, config.metadata_path)
            self._end()

        self._begin(START)
        command = [str(tfx), *tfx_cli.run_arguments(engine, config.name)]
        self._call(command, env, config.metadata_path)
        self._end()

    def settle(self, stopped: bool = False) -> None:
        """Close what still runs, as stopped or failed."""
        self._show(
            self._progress.finish(State.STOPPED if stopped else State.FAILED, time.monotonic())
        )

    def _begin(self, name: str) -> None:
        self._display.update(self._progress.begin(name, time.monotonic()))

    def _end(self) -> None:
        self._show(self._progress.finish(State.DONE, time.monotonic()))

    def _show(self, steps: list[Step]) -> None:
        for step in steps:
            self._display.update(step)

    def _call(self, command: list[str], env: dict[str, str], metadata_path: Path) -> None:
        wall_clock = time.time()
        code = tfx_cli.call(
            command,
            env,
            self._log,
            lambda line: self._show(self._progress.feed(line, time.monotonic())),
            self._keep_open,
        )
        if code != 0:
            # Metadata names what failed; what merely ran beside it on a parallel engine did not.
            record = last_run(metadata_path, since=wall_clock)
            failed = record.failed if record else []
            _fail(failed or [step.name for step in self._progress.running], self._log)


def _fail(names: list[str], log: Path) -> NoReturn:
    with log.open(encoding="utf-8", errors="replace") as lines:
        error = last_error(lines)
    who = ", ".join(names) or "the pipeline"
    if error:
        text = "\n".join(f"  {line}" for line in error)
        message = f"\n{who} failed:\n{text}"
    else:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        text = "\n".join(f"  {line}" for line in tail)
        message = (
            f"\n{who} failed and gave no reason, as when the system kills it for lack of memory. "
            f"The end of its log:\n{text}"
        )
    raise RunError(
        f"{message}\nThe whole log: {short_path(log)}\n"
        "What finished is kept: the same command goes on from there."
    )


def _outcome(record: RunRecord) -> list[str]:
    try:
        return outcome_lines(record)
    except ValueError as error:
        raise RunError(str(error)) from error


def _add_times(config: RunConfig, record: RunRecord, console: Console) -> None:
    """Puts a copy of the report, with what each component took, where it is easily found."""
    try:
        report = assemble(record, config.root / REPORT_FOLDER)
    except NoReportError:
        return
    _say(console, f"Report: {short_path(report)}")


def _say(console: Console, text: str) -> None:
    # Rich would break a long path in two and colour what looks like markup.
    console.print(text, markup=False, soft_wrap=True)


@contextlib.contextmanager
def _only_run(config: RunConfig) -> Iterator[int]:
    config.root.mkdir(parents=True, exist_ok=True)
    path = config.root / "run.lock"
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"another run of {config.name} is going on (it holds {path}); wait for its end"
            ) from None
        yield lock.fileno()
