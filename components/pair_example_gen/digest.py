"""A digest of everything that PairExampleGen reads, for TFX's cache."""

import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from components import features
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.sources import read_images
from components.pair_example_gen.tables import local_path


def fingerprint(config: DataConfig) -> str:
    """The SHA-256 of the lists, and of the path and the bytes of each image, as 64 hex digits.

    TFX's cache sees the config, not what the files that it names hold: a pipeline passes this as an
    execution property when it is defined. It depends neither on where the files lie nor on the
    order in which the file system lists them.

    Raises:
      DataError: The root or a list is missing or inconsistent.
    """
    digest = hashlib.sha256()
    lists = [path for split in features.SPLITS for path in getattr(config.pair_lists, split)]
    if config.image_list is not None:
        lists.insert(0, config.image_list)
    for path in lists:
        digest.update(_file_digest(local_path(path)))
    root = Path(config.images)
    image_ids = sorted(image.image_id for image in read_images(config).images)
    # Opening many small files mostly waits for the file system.
    with ThreadPoolExecutor(max_workers=4) as pool:
        contents = pool.map(
            _file_digest, (root / image_id for image_id in image_ids), chunksize=256
        )
        for image_id, content in zip(image_ids, contents, strict=True):
            digest.update(image_id.encode() + b"\0" + content)
    return digest.hexdigest()


def _file_digest(path: Path) -> bytes:
    """The SHA-256 of a file; a text for what cannot be read or is no file, which is not opened."""
    digest = hashlib.sha256()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b"no file".ljust(digest.digest_size, b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return b"unreadable".ljust(digest.digest_size, b"\0")
    return digest.digest()
