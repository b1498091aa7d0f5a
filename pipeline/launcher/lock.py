"""One run at a time in a pipeline's folder."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import CommandError


class RunError(CommandError):
    """The run did not come to its end; the message is ready for the person."""


@contextlib.contextmanager
def only_run(name: str, root: Path) -> Iterator[int]:
    """Holds the lock of a pipeline's folder: its descriptor.

    Raises:
        RunError: Somebody else holds it, or the folder cannot be written.
    """
    path = root / "run.lock"
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
    except OSError as error:
        raise RunError(
            f"{root}, where runs are kept, cannot be written: {error.strerror}; set "
            "runs_dir in the config to a folder that can"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"another run of {name} is going on (it holds {path}); wait for its end"
            ) from None
        yield lock.fileno()
