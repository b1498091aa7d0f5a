"""The version folders of a served model: what is there, and how one more gets there whole.

A server takes every folder whose name is a number for a version, at any moment. So a version is
copied under a hidden name and renamed when all of it is on the disk.
"""

import errno
import fcntl
import filecmp
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serving.manifest import MANIFEST, SIGNATURE, write_manifest
from serving.versions import SAVED_MODEL, versions_in

_PARTIAL: Final = ".partial-"
_LOCK: Final = ".push.lock"
_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o644
_TAKEN: Final = frozenset((errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR))


def same_files(a: Path, b: Path) -> bool:
    """Whether two folders hold the same files with the same contents."""
    files = _files(a)
    return (
        files == _files(b)
        and all((a / name).stat().st_size == (b / name).stat().st_size for name in files)
        and all(filecmp.cmp(a / name, b / name, shallow=False) for name in files)
    )


def newest_other(base: Path, model: Path) -> int:
    """The newest version that is another model than this one; 0 if there is none.

    It stays the same when the model itself is pushed, and changes when another one is.
    """
    for version in reversed(versions_in(base)):
        if not same_files(base / str(version), model):
            return version
    return 0


def push(model: Path, base: Path, now: int) -> Path:
    """Makes a model the newest version. Nothing is copied if it is that already.

    Killed at any moment, it leaves no version, or a whole one; the next push removes what else it
    left. Pushes at the same time, from any process of this machine, wait for each other.

    Args:
      model: The SavedModel's folder.
      base: The model's folder of versions; made if it is not there.
      now: Seconds since the epoch: the version, unless that is not newer than all others.

    Returns:
      The version's folder.

    Raises:
      FileNotFoundError: There is no such model.
    """
    if not (model / SAVED_MODEL).is_file():
        raise FileNotFoundError(f"{model} holds no saved_model.pb; there is no model to push")
    base.mkdir(parents=True, exist_ok=True)
    with _alone(base):
        for leftover in base.glob(f"{_PARTIAL}*"):
            shutil.rmtree(leftover)
        newest = max(versions_in(base), default=0)
        if newest and same_files(base / str(newest), model):
            return base / str(newest)
        partial = base / f"{_PARTIAL}{uuid.uuid4().hex}"
        try:
            _copy(model, partial)
            for path in write_manifest(partial):
                path.chmod(_FILE_MODE)
                path.parent.chmod(_FOLDER_MODE)
                _flush(path)
                _flush(path.parent)
            return _claim(partial, base, max(now, newest + 1))
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _claim(partial: Path, base: Path, version: int) -> Path:
    # The lock may not reach other machines that share the folder; the file system's rename does.
    while True:
        target = base / str(version)
        try:
            partial.rename(target)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            version += 1
        else:
            _flush(base)
            return target


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    with (base / _LOCK).open("a") as lock:
        # Given back when the file is closed, also by a kill.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    # A server may be another user than the one who trained, whatever that one's umask.
    target.chmod(_FOLDER_MODE)
    for entry in sorted(source.iterdir()):
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            shutil.copyfile(entry, target / entry.name)
            (target / entry.name).chmod(_FILE_MODE)
            _flush(target / entry.name)
    _flush(target)


def _flush(path: Path) -> None:
    """Returns when a file, or a folder's list of names, would survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path) -> set[Path]:
    found = {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()}
    # What a push adds is not the model.
    return found - {MANIFEST, SIGNATURE}
