"""The ``tfx`` command line as a subprocess: its environment, its registry, its output, its end."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from components.progress import MARK
from pipeline.config import CONFIG_VARIABLE
from pipeline.errors import CommandError

# Seconds between two looks at what a command has come to.
_INTERVAL_S: Final = 0.25

# How long the processes of a run get to end, in seconds, before the next, harder signal.
_PATIENCE: Final = ((signal.SIGINT, 5.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))


def runner_script(engine: str) -> Path:
    """The pipeline definition that ``--engine=<engine>`` runs."""
    return Path(__file__).resolve().parents[1] / f"{engine}_runner.py"


def find_tfx() -> Path:
    """The ``tfx`` command of the environment that this Python belongs to.

    Raises:
        CommandError: It is not installed there.
    """
    tfx = Path(sys.executable).with_name("tfx")
    if not tfx.is_file():
        raise CommandError(f"no tfx command at {tfx}; build the environment with `make setup`")
    return tfx


def environment(
    engine: str, config: Path, home: Path, inherited: Mapping[str, str]
) -> dict[str, str]:
    """The variables under which the ``tfx`` command and the pipeline definition run.

    Args:
        engine: ``local`` or ``beam``.
        config: The config file, which the definition reads from ``FACEAUTH_CONFIG``.
        home: Where the command keeps what it knows of this engine's pipelines.
        inherited: The caller's environment; ``FACEAUTH__SECTION__KEY`` overrides pass through.
    """
    bin_folder = str(Path(sys.executable).parent)
    return {
        "TF_CPP_MIN_LOG_LEVEL": "1",
        "GRPC_VERBOSITY": "ERROR",
        **inherited,
        "PATH": os.pathsep.join(filter(None, (bin_folder, inherited.get("PATH")))),
        "PYTHONUNBUFFERED": "1",
        CONFIG_VARIABLE: str(config.resolve()),
        f"{engine.upper()}_HOME": str(home.resolve()),
    }


def registration(engine: str, name: str, home: Path, script: Path) -> list[str] | None:
    """The arguments that make ``tfx`` know this pipeline, or ``None`` when it does already.

    ``tfx pipeline create`` imports TFX and executes the definition, some 25 seconds, to store the
    path of the script under the pipeline's name. So the store is looked at first.
    """
    stored = home / name / "pipeline_args.json"
    verb = "update" if stored.parent.exists() else "create"
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(stored.read_text(encoding="utf-8"))
        if isinstance(known, dict) and known.get("pipeline_dsl_path") == str(script):
            return None
    return ["pipeline", verb, f"--engine={engine}", f"--pipeline_path={script}"]


def run_arguments(engine: str, name: str) -> list[str]:
    """The arguments that run a registered pipeline once."""
    return ["run", "create", f"--engine={engine}", f"--pipeline_name={name}"]


def call(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    log: Path,
    look: Callable[[], None] = lambda: None,
    keep_open: Sequence[int] = (),
) -> int:
    """Run a command, with all it prints going to a log file.

    The command leads a process group of its own. When a ``KeyboardInterrupt`` arrives, the whole
    group is ended before the exception goes on.

    Args:
        command: The program and its arguments.
        env: Its whole environment.
        log: The file its output is appended to.
        look: Called four times a second, and once after the end. When it fails, it is not called
            again, the command runs to its end, and only then is the error raised.
        keep_open: File descriptors that the command holds open as long as it lives.

    Returns:
        The command's exit code, negative when a signal ended it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    failure: Exception | None = None
    code: int | None = None
    try:
        while code is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_INTERVAL_S)
            if failure is None:
                try:
                    look()
                except Exception as error:
                    failure = error
    except KeyboardInterrupt:
        _end(process)
        raise
    if code != 0:
        _signal_group(process, signal.SIGKILL)
    if failure is not None:
        raise failure
    return code


class LiveLines:
    """What components say to the person, as it comes to the log.

    Args:
        log: What it holds already is passed over.
    """

    def __init__(self, log: Path) -> None:
        self._file = log.open("rb")
        self._file.seek(0, os.SEEK_END)
        self._rest = b""

    def __enter__(self) -> "LiveLines":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def new(self) -> list[str]:
        """The messages that have come since the last call."""
        # A progress bar's carriage return ends a line too.
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + self._file.read())
        texts = [line.decode("utf-8", "replace") for line in lines]
        return [text.removeprefix(MARK) for text in texts if text.startswith(MARK)]


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, patience in _PATIENCE:
        _signal_group(process, number)
        try:
            process.wait(patience)
            break
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue  # A second Ctrl-C means: faster.
    _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group outlives its leader as long as one member lives, so its number is still ours.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
