"""A server in a process of its own, for as long as it is needed.

``python -m serving.server_process COMMAND...`` runs a command that ends when whoever started it
does, even by a kill: by itself, or when this process's standard input is closed, which the system
does for a parent that is killed.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from serving.client.client import Transport

_GRACE_S: Final = 10.0
_POLL_S: Final = 0.2
_STATUS_TIMEOUT_S: Final = 10.0
_LAST_LINES: Final = 15
_NOT_STARTED: Final = 127


class NotServing(RuntimeError):
    """The server cannot be used; the message ends with what it printed last."""


class ModelNotLoaded(RuntimeError):
    """The server answers that it does not load the model."""


def free_port() -> int:
    """Returns a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command while the block lasts; it is ended however the block, or this process, ends.

    Args:
        command: Program and arguments.
        log: Gets what it prints.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.server_process", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": _search_path(), "PYTHONUNBUFFERED": "1"},
            # Ctrl-C is for this process, which then ends that one.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_GRACE_S + 5)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_available(
    transport: "Transport", process: subprocess.Popen[bytes], log: Path, timeout_s: float
) -> None:
    """Returns when the server has loaded the model.

    Args:
        transport: Asks for the model.
        process: The server's.
        log: What it prints.
        timeout_s: For how long to wait.

    Raises:
        ModelNotLoaded: The server cannot load it.
        NotServing: The server ended, or took too long.
    """
    deadline = time.monotonic() + timeout_s
    while not _is_available(transport):
        if process.poll() is not None:
            raise NotServing(
                f"the server ended with code {process.returncode} instead of serving the model:\n"
                f"{_last_lines(log)}"
            )
        if time.monotonic() > deadline:
            raise NotServing(
                f"the model was not available after {timeout_s:g} s. The server says:\n"
                f"{_last_lines(log)}"
            )
        time.sleep(_POLL_S)


def _is_available(transport: "Transport") -> bool:
    from serving.client.calls import AVAILABLE
    from serving.client.errors import ServingError

    try:
        versions = transport.status(_STATUS_TIMEOUT_S)
    except ServingError:  # It does not listen yet, or does not know the model yet.
        return False
    for version in versions:
        if version.message:
            raise ModelNotLoaded(version.message)
    return any(version.state == AVAILABLE for version in versions)


def _search_path() -> str:
    # This package may not be installed, but found from where the program was started.
    root = str(Path(__file__).resolve().parents[1])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"


def main(command: Sequence[str]) -> int:
    """Runs the command; returns its exit code, or 128 + n when signal n ended it."""
    # Ended by a signal, this process would leave the command behind; it goes by its standard input.
    # Not SIG_IGN, which the command would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return _NOT_STARTED
    threading.Thread(target=_end_with_input, args=(child,), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _end_with_input(child: subprocess.Popen[bytes]) -> None:
    # Not through sys.stdin, whose lock would be held when this process ends.
    while os.read(0, 4096):
        pass
    child.terminate()
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
