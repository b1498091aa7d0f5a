"""Runs a command that ends when whoever started it does, even by a kill.

``python -m components.serving_check.leash COMMAND...``: the command runs until it ends by itself,
or until this process's standard input is closed, which the system does for a parent that is killed.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

GRACE_S: Final = 10.0
_NOT_STARTED: Final = 127


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
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
