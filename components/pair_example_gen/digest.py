"""A digest of everything that PairExampleGen reads, for TFX's cache."""

import hashlib
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from components import features
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import read_images, stored_files
from components.storage import StoredFile, is_address, read_stored

_SIZE = hashlib.sha256().digest_size


def fingerprint(config: DataConfig) -> str:
    """The SHA-256 of the lists, and of the path and the bytes of each image, as 64 hex digits.

    TFX's cache sees the config, not what the files that it names hold: a pipeline passes this as an
    execution property when it is defined. It depends neither on where the files lie nor on the
    order in which the file system lists them. Of images at an address, their sizes and the times
    when they were written stand for the bytes, as in TFX's own ExampleGen: nothing is fetched.

    Raises:
      DataError: The root or a list is missing or inconsistent.
    """
    digest = hashlib.sha256()
    lists = [path for split in features.SPLITS for path in getattr(config.pair_lists, split)]
    if config.image_list is not None:
        lists.insert(0, config.image_list)
    for path in lists:
        digest.update(_list_digest(path))
    stored = stored_files(config)
    image_ids = sorted(image.image_id for image in read_images(config, stored).images)
    contents = (
        _contents(config.images, image_ids)
        if stored is None
        else (_metadata_digest(stored.get(image_id)) for image_id in image_ids)
    )
    for image_id, content in zip(image_ids, contents, strict=True):
        digest.update(image_id.encode() + b"\0" + content)
    return digest.hexdigest()


def _list_digest(path: str) -> bytes:
    if not is_address(path):
        return _file_digest(Path(path))
    try:
        return hashlib.sha256(read_stored(path)).digest()
    except OSError as error:
        raise DataError(f"the list {path!r} cannot be read: {error.strerror}") from error


def _contents(root: str, image_ids: Iterable[str]) -> Iterator[bytes]:
    # Opening many small files mostly waits for the file system.
    with ThreadPoolExecutor(max_workers=4) as pool:
        paths = (Path(root, image_id) for image_id in image_ids)
        yield from pool.map(_file_digest, paths, chunksize=256)


def _metadata_digest(file: StoredFile | None) -> bytes:
    if file is None:
        return b"no file".ljust(_SIZE, b"\0")
    return hashlib.sha256(f"{file.size} {file.updated!r}".encode()).digest()


def _file_digest(path: Path) -> bytes:
    """The SHA-256 of a file; a text for what cannot be read or is no file, which is not opened."""
    digest = hashlib.sha256()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b"no file".ljust(_SIZE, b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return b"unreadable".ljust(_SIZE, b"\0")
    return digest.digest()
