"""A digest of everything that PairExampleGen reads, for TFX's cache."""

import hashlib
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from components import features
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import Image, Listing, read_some_images, stored_files
from components.side_by_side import side_by_side
from components.storage import StoredFile, is_address, open_stored

_SIZE = hashlib.sha256().digest_size


def fingerprint(config: DataConfig) -> str:
    """A digest of the lists, and of the path and the bytes of each image, as 64 hex digits.

    TFX's cache sees the config, not what the files that it names hold: a pipeline passes this as an
    execution property when it is defined. It depends neither on where the files lie nor on the
    order in which the file system lists them. Of images at an address, and of more than
    ``data.images_in_memory``, their sizes and the times when they were written stand for the bytes,
    as in TFX's own ExampleGen: nothing is read.

    Raises:
      DataError: The root or a list is missing or inconsistent.
    """
    digest = hashlib.sha256()
    lists = [path for split in features.SPLITS for path in getattr(config.pair_lists, split)]
    if config.image_list is not None:
        lists.insert(0, config.image_list)
    for path in lists:
        digest.update(_list_digest(path))
    # A sum, for which no table is held to sort it.
    total = 0
    for image_id, content in _contents(config):
        one = hashlib.sha256(image_id.encode() + b"\0" + content).digest()
        total += int.from_bytes(one, "big")
    digest.update((total % 2 ** (8 * _SIZE)).to_bytes(_SIZE, "big"))
    return digest.hexdigest()


def _contents(config: DataConfig) -> Iterator[tuple[str, bytes]]:
    """The id of each image, and what tells one content from another."""
    if not is_address(config.images):
        return _of_files(config)
    return _of_listed_objects(config) if config.image_list else _of_objects(config)


def _of_files(config: DataConfig) -> Iterator[tuple[str, bytes]]:
    images, many = _images(config)

    def content(image: Image) -> tuple[str, bytes]:
        path = Path(config.images, image.image_id)
        return image.image_id, _stat_digest(path) if many else _file_digest(path)

    yield from side_by_side(content, images)


def _images(config: DataConfig) -> tuple[Iterable[Image], bool]:
    """The images, and whether they are too many for a table, of which more is checked."""
    table = read_some_images(config)
    if table is not None:
        return table.images, False
    return (row.image for row in Listing(config).rows()), True


def _of_objects(config: DataConfig) -> Iterator[tuple[str, bytes]]:
    told: dict[str, StoredFile] = {}

    def paths() -> Iterator[str]:
        for path, file in stored_files(config):
            told[path] = file
            yield path

    table = read_some_images(config, paths())
    if table is not None:
        for image in table.images:
            yield image.image_id, _metadata_digest(told[image.image_id])
        return
    told.clear()
    for row in Listing(config, paths()).rows():
        # Whatever else was listed before it is no image.
        yield row.image.image_id, _metadata_digest(told[row.image.image_id])
        told.clear()


def _of_listed_objects(config: DataConfig) -> Iterator[tuple[str, bytes]]:
    """Of the images of a list, those that are there; the list has its own digest."""
    import numpy as np

    images, _ = _images(config)
    listed = np.fromiter((_short_digest(image.image_id) for image in images), np.uint64)
    listed.sort()
    for path, file in stored_files(config):
        short = np.uint64(_short_digest(path))
        at = int(np.searchsorted(listed, short))
        if at < len(listed) and listed[at] == short:
            yield path, _metadata_digest(file)


def _short_digest(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "big")


def _list_digest(path: str) -> bytes:
    if not is_address(path):
        return _file_digest(Path(path))
    try:
        with open_stored(path) as file:
            return _digest_of(file)
    except OSError as error:
        raise DataError(f"the list {path!r} cannot be read: {error.strerror}") from error


def _metadata_digest(file: StoredFile) -> bytes:
    return hashlib.sha256(f"{file.size} {file.updated!r}".encode()).digest()


def _stat_digest(path: Path) -> bytes:
    try:
        found = path.stat()
    except OSError:
        return b"no file".ljust(_SIZE, b"\0")
    return hashlib.sha256(f"{found.st_size} {found.st_mtime_ns}".encode()).digest()


def _file_digest(path: Path) -> bytes:
    """The SHA-256 of a file; a text for what cannot be read or is no file, which is not opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b"no file".ljust(_SIZE, b"\0")
        with path.open("rb") as file:
            return _digest_of(file)
    except OSError:
        return b"unreadable".ljust(_SIZE, b"\0")


def _digest_of(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.digest()
