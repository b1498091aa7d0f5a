"""The ``tfx`` command line as a subprocess: its environment, its registry, its output, its end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

ENGINES: Final = ("local", "beam")
CONFIG_VARIABLE: Final = "FACEAUTH_CONFIG"

# How long the processes of a run get to end, in seconds, before the next, harder signal.
_PATIENCE: Final = ((signal.SIGINT, 5.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))


class TfxCliError(Exception):
    """The ``tfx`` command cannot be used as it is; the message says what to do."""


def runner_script(engine: str) -> Path:
    """The pipeline definition that ``--engine=<engine>`` runs."""
    return Path(__file__).resolve().with_name(f"{engine}_runner.py")


def find_tfx() -> Path:
    """The ``tfx`` command of the environment that this Python belongs to.

    Raises:
        TfxCliError: It is not installed there.
    """
    tfx = Path(sys.executable).with_name("tfx")
    if not tfx.is_file():
        raise TfxCliError(f"no tfx command at {tfx}; build the environment with `make setup`")
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
    on_line: Callable[[str], None],
    keep_open: Sequence[int] = (),
) -> int:
    """Run a command, with all it prints going to a log file and, line by line, to ``on_line``.

    The command leads a process group of its own. When a ``KeyboardInterrupt`` arrives, the whole
    group is ended before the exception goes on.

    Args:
        command: The program and its arguments.
        env: Its whole environment.
        log: The file its output is appended to.
        on_line: Called for each line, from another thread, without the line's end.
        keep_open: File descriptors that the command holds open as long as it lives.

    Returns:
        The command's exit code, negative when a signal ended it.
    """
    process = subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Universal newlines: a progress bar's carriage return ends a line too.
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        pass_fds=tuple(keep_open),
    )
    pump = _Pump(process.stdout or (), log, on_line)
    pump.start()
    try:
        code = process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise
    finally:
        # A stray grandchild may hold the pipe open, so the wait for its end has one itself.
        pump.join(timeout=5)
    if code != 0:
        _signal_group(process, signal.SIGKILL)
    if pump.error is not None:
        raise pump.error
    return code


class _Pump(threading.Thread):
    """Reads a pipe to its end, whatever ``on_line`` does: a full pipe would stop the command."""

    def __init__(
        self, pipe: IO[str] | Iterable[str], log: Path, on_line: Callable[[str], None]
    ) -> None:
        super().__init__(name="tfx output", daemon=True)
        self._pipe = pipe
        self._log = log
        self._on_line = on_line
        self.error: Exception | None = None

    def run(self) -> None:
        with self._log.open("a", encoding="utf-8") as sink:
            for line in self._pipe:
                sink.write(line)
                sink.flush()
                if self.error is None:
                    try:
                        self._on_line(line.rstrip("\n"))
                    except Exception as error:  # Raised again by call().
                        self.error = error


def _end(process: subprocess.Popen[str]) -> None:
    for number, patience in _PATIENCE:
        _signal_group(process, number)
        try:
            process.wait(patience)
            break
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue  # A second Ctrl-C means: faster.
    _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    # The group outlives its leader as long as one member lives, so its number is still ours.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
