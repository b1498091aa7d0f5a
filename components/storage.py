"""Files at addresses: object stores and whatever else Beam's ``FileSystems`` knows.

Paths of this machine go through Python's own functions. Beam is imported when the first address is
looked at.
"""

import errno
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

_READ_AT_ONCE: Final = 1 << 20
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class StorageError(OSError):
    """An address cannot be read for a reason that lies with the store or the way to it."""

    def __init__(self, address: str, reason: object):
        super().__init__(errno.EREMOTEIO, str(reason), address)


class StoredFile(NamedTuple):
    """What a listing says of a file.

    Attributes:
      name: Below the folder that was listed, with "/" between folders.
      size: Bytes.
      updated: When it was written, seconds since the epoch.
    """

    name: str
    size: int
    updated: float


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether a path has a scheme, such as ``gs://``."""
    return _ADDRESS.match(os.fspath(path)) is not None


def check_address(address: str) -> None:
    """Refuses an address of which Beam has no file system, or not what it takes.

    Raises:
      ValueError: There is none for its scheme, or it cannot be set up.
    """
    from apache_beam.io.filesystem import FileSystem

    # Beam's own file system misses it when a file is looked for.
    if address.startswith("s3://") and find_spec("boto3") is None:
        raise ValueError("s3:// takes the package boto3 (pip install 'faceauth[s3]')")
    try:
        _store(address)
    # Where a package is missing, newer Beams raise their own error.
    except (ValueError, OSError) as error:
        known = sorted({each.scheme() for each in FileSystem.get_all_subclasses()} - {None, "file"})
        if address.partition("://")[0] in known:
            raise ValueError(f"Beam cannot read there: {_reason(error)}") from None
        raise ValueError(
            f"Beam has no file system for it here; it has {', '.join(f'{one}://' for one in known)}"
        ) from None


def read_stored(address: str, most: int = -1) -> bytes:
    """The content of a file.

    Args:
      address: Of the file.
      most: Bytes after which reading stops; all, if negative.

    Raises:
      FileNotFoundError: There is no such file.
      StorageError: The store cannot be reached, or refuses.
    """
    with _Stored(address) as file:
        return file.content(most)


def open_stored(address: str) -> io.BufferedReader:
    """A file to be read from its beginning on, which is not held.

    Raises:
      FileNotFoundError: There is no such file; or so does reading.
      StorageError: The store cannot be reached, or refuses; or so does reading.
    """
    return io.BufferedReader(_Stored(address), _READ_AT_ONCE)


class _Stored(io.RawIOBase):
    """A file at an address, whose errors are ours: each store has some of its own."""

    def __init__(self, address: str):
        from apache_beam.io.filesystem import CompressionTypes

        self._address, self._file = address, None
        with self._ours():
            # A name that ends in .gz says nothing.
            self._file = _store(address).open(
                address, compression_type=CompressionTypes.UNCOMPRESSED
            )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self.content(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def content(self, most: int) -> bytes:
        file: Any = self._file
        with self._ours():
            content: bytes = file.read(most)
            return content

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    @contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if _exists(self._address):
                raise StorageError(self._address, _reason(error)) from error
            text = os.strerror(errno.ENOENT)
            raise FileNotFoundError(errno.ENOENT, text, self._address) from None


def read_file(folder: str, name: str) -> bytes:
    """The content of a file of an artifact, in a folder or at an address.

    Raises:
      OSError: There is no such file, or it cannot be read.
    """
    return read_content(os.path.join(folder, name))


def read_content(path: str) -> bytes:
    """The content of a file, of this machine or at an address.

    Raises:
      OSError: There is no such file, or it cannot be read.
    """
    return read_stored(path) if is_address(path) else Path(path).read_bytes()


def files_below(folder: str) -> Iterator[StoredFile]:
    """The files below a folder, at any depth, in no order.

    Raises:
      StorageError: The store cannot be reached, refuses, or lists one folder at a time.
    """
    below = folder.rstrip("/") + "/"
    if _store(below).has_dirs():
        raise StorageError(folder, "Beam lists its folders one at a time only; mount or copy it")
    for each in _listed(folder, below):
        # Some tools mark a folder by an object of no bytes.
        if not each.path.endswith("/"):
            yield StoredFile(
                each.path[len(below) :], each.size_in_bytes, each.last_updated_in_seconds
            )


def is_empty(folder: str) -> bool:
    """Whether nothing lies below a folder.

    Raises:
      StorageError: The store cannot be reached, or refuses.
    """
    return next(_listed(folder, folder.rstrip("/") + "/"), None) is None


def _listed(folder: str, below: str) -> Iterator[Any]:
    try:
        # One by one: ``match`` holds them all, and takes "*" and "[" for a pattern.
        yield from _store(below)._list(below)
    except OSError as error:
        raise StorageError(folder, _reason(error)) from error


def _store(address: str) -> Any:
    """Beam's file system for an address."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    if FileSystems._pipeline_options is None:
        # A pipeline sets its own. Before the first one, that of s3:// would do nothing without any.
        FileSystems.set_options(PipelineOptions([]))
    return FileSystems.get_filesystem(address)


def _exists(address: str) -> bool:
    try:
        return bool(_store(address).exists(address))
    except Exception as error:
        raise StorageError(address, _reason(error)) from error


def _reason(error: Any) -> str:
    """The first line of what a store says; Beam's own errors hold those of each file."""
    while details := getattr(error, "exception_details", None):
        error = next(iter(details.values()))
    # Beam's errors of S3 have two arguments, and no text of their own.
    text = str(error.args[0]) if str(error) == str(error.args) else str(error)
    return text.strip().partition("\n")[0] or type(error).__name__
