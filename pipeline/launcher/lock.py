"""One run at a time in a pipeline's folder, and nobody else in its metadata store."""

import contextlib
import fcntl
import sqlite3
from collections.abc import Callable, Iterator
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


def wait_until_free(
    metadata_path: Path,
    say: Callable[[str], object],
    first_s: float = 5.0,
    all_s: float = 60.0,
) -> None:
    """Waits for a metadata store that another program has locked.

    Args:
        metadata_path: The SQLite file; none is free.
        say: Is told what is waited for.
        first_s: When to tell, in seconds.
        all_s: When to give up, in seconds.

    Raises:
        CommandError: It stays locked, cannot be written, or is none.
    """
    if not metadata_path.exists():
        return
    try:
        if not _is_free(metadata_path, first_s):
            say(f"waiting for {metadata_path}, which another program has locked")
            if not _is_free(metadata_path, all_s - first_s):
                raise CommandError(
                    f"{metadata_path} has been locked for {all_s:g} s by another program; end it "
                    f"(`fuser {metadata_path}` names it) and run again"
                )
    except sqlite3.Error as error:
        raise CommandError(
            f"{metadata_path}, in which the runs are recorded, cannot be used: {error}; mend its "
            "file or folder, or move it away to begin without earlier runs"
        ) from error


def _is_free(path: Path, patience_s: float) -> bool:
    # Isolation level None: nothing is begun behind our back.
    with contextlib.closing(
        sqlite3.connect(path, timeout=patience_s, isolation_level=None)
    ) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                return False
            raise
    return True
