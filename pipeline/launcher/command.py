"""``faceauth run``, ``outcome`` and ``artifact``."""

import argparse
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from pipeline.config import (
    CONFIG_VARIABLE,
    DEFAULT_CONFIG,
    PipelineConfig,
    ensure_data,
    load_config,
)
from pipeline.launcher.once import RunError, run_pipeline, show_last
from pipeline.launcher.records import last_run
from pipeline.launcher.tfx_cli import find_tfx


class Stopped(KeyboardInterrupt):
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(given: argparse.Namespace) -> int:
    """Runs the pipeline to its end, blessed or not.

    Raises:
        CommandError: It was not started, or did not come to its end.
        Stopped: A signal other than Ctrl-C's ended it.
    """
    config = load_config(given.config)
    if given.last:
        return outcome(given)
    if given.data_only:
        _make_data(config)
        return 0
    path = Path(given.config or os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)
    with _stopped_by_signals():
        run_pipeline(config, path, given.engine, find_tfx(), _console(), lambda: _make_data(config))
    return 0


def outcome(given: argparse.Namespace) -> int:
    """Prints the outcome of the last run again."""
    show_last(load_config(given.config), _console())
    return 0


def artifact(given: argparse.Namespace) -> int:
    """Prints the folder of the newest run's artifact of a type."""
    path = load_config(given.config).metadata_path
    run = last_run(path)
    if run is None:
        raise RunError(f"there is no run in {path}; faceauth run makes one")
    found = run.artifact(given.type)
    if found is None:
        raise RunError(f"the last run in {path} made no {given.type}")
    print(found.uri)
    return 0


def _console() -> Console:
    return Console(highlight=False)


def _make_data(config: PipelineConfig) -> None:
    try:
        ensure_data(config)
    except (OSError, ValueError) as error:
        raise RunError(f"the data cannot be made: {error}") from error


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise Stopped(number)

    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # As nohup leaves it.
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
