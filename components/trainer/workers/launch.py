"""Starts the workers of this machine, and sees to it that they end together.

TensorFlow makes a process a worker only before it computes anything, and the process of a pipeline
has computed already. So each worker is a process of its own, ``python -m
components.trainer.workers``: all of them on this machine, or the one that TF_CONFIG says is here.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from components.progress import say
from components.trainer.workers.cluster import Member, given_member, local_members, variables

COMMAND: Final = (sys.executable, "-m", "components.trainer.workers")
# The exit code of a worker that ended because it lost another one.
LOST_ANOTHER: Final = 75
# How long a failure is waited for that explains why others lost a worker. TensorFlow tells them
# after some 10 seconds without a sign of life.
_EXPLANATION_S: Final = 5.0
_POLL_S: Final = 0.1
_LAST_LINES: Final = 200
_SHOWN_LINES: Final = 8
_TRACEBACK: Final = "Traceback (most recent call last):"


class WorkerFailed(RuntimeError):
    """A worker of a training ended before its time; the message says which one, and how."""


class _Worker:
    """A process that trains, and what it printed last."""

    def __init__(self, member: Member, task: str, command: Sequence[str], more: Mapping[str, str]):
        self.member = member
        root = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            command,
            # Held open: a worker ends when it is closed, which the system does for a killed parent.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **more},
        )
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):  # It has ended; the watch says how.
                self.process.stdin.write(task.encode() + b"\n")
                self.process.stdin.flush()

    def _read(self) -> None:
        for raw in self.process.stdout or ():
            line = raw.decode(errors="replace").rstrip("\n")
            self._last.append(line)
            if self.member.place == 0:
                print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Ends the process, however busy."""
        self.process.kill()
        self.process.wait()
        self._reader.join(_EXPLANATION_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def failure(self) -> str:
        """How the process ended, in words; its last error, if it printed one."""
        self._reader.join(_EXPLANATION_S)
        code = self.process.returncode
        how = (
            f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        )
        lines = list(self._last)
        if _TRACEBACK not in lines:
            return f"{self.member} {how}"
        start = len(lines) - lines[::-1].index(_TRACEBACK)
        error = [line for line in lines[start:] if line.strip() and not line.startswith(" ")]
        return "\n".join(
            [f"{self.member} {how}: {error[0] if error else ''}", *error[1:_SHOWN_LINES]]
        )


def train_together(
    fn_args: Mapping[str, Any], workers: int, command: Sequence[str] = COMMAND
) -> Member:
    """Trains with several workers, and returns when those of this machine have ended well.

    Args:
      fn_args: What a worker's ``train`` takes, plain values.
      workers: How many there are.
      command: Runs a worker, which is told ``fn_args`` by ``receive_task``.

    Returns:
      The worker that was here, or the chief where all were.

    Raises:
      ValueError: TF_CONFIG is set, and describes another cluster.
      WorkerFailed: One of them ended otherwise. The others have been ended too.
    """
    here = given_member(os.environ, workers)
    members = [here] if here else local_members(workers)
    if here:
        say(f"training as {here}")
    else:
        say(f"training with {workers} workers, processes of this machine, on its CPU")
    task = json.dumps(dict(fn_args))
    started: list[_Worker] = []
    try:
        for member in members:
            more = {} if here else variables(members, member.place)
            started.append(_Worker(member, task, command, more))
        _watch(started)
    finally:
        for worker in started:
            worker.end()
    return members[0]


def receive_task() -> dict[str, Any]:
    """What this worker is to do; called once, in a worker.

    From then on it ends with the process that started it, even by a kill: the system closes its
    standard input.
    """
    line = bytearray()
    # Not through sys.stdin, whose lock would be held when this process ends.
    while not line.endswith(b"\n"):
        read = os.read(0, 1 << 16)
        if not read:
            os._exit(1)
        line += read
    threading.Thread(target=_end_with_input, daemon=True).start()
    task: dict[str, Any] = json.loads(line)
    return task


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


def _watch(workers: list[_Worker]) -> None:
    waited = 0.0
    while True:
        codes = [worker.process.poll() for worker in workers]
        if all(code == 0 for code in codes):
            return
        failed = [
            worker for worker, code in zip(workers, codes, strict=True) if code not in (None, 0)
        ]
        causes = [each for each in failed if each.process.returncode != LOST_ANOTHER]
        running = None in codes
        if causes or (failed and (waited >= _EXPLANATION_S or not running)):
            raise WorkerFailed(
                f"{(causes or failed)[0].failure()}\n"
                "so the training has ended; started again, it goes on after its last whole epoch"
            )
        waited += _POLL_S if failed else 0.0
        time.sleep(_POLL_S)
