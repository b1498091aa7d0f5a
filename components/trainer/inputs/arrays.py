"""Transformed images and pairs as arrays: what training reads."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components import features
from components.artifacts import IMAGE_ROWS, read_columns, read_rows, split_files


@dataclass(frozen=True)
class Images:
    """The images of one split.

    Attributes:
      pixels: uint8 ``[N, H, W, C]``, in memory or memory-mapped.
      ids: UTF-8, bytes ``[N]``: text takes four times as much.
      people: Who they show, in alphabetical order: UTF-8, bytes ``[G]``.
      classes: int32 ``[N]``, each image's row in ``people``.
    """

    pixels: np.ndarray
    ids: np.ndarray
    people: np.ndarray
    classes: np.ndarray

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """The rows, int64 ``[M]``, of some image ids, bytes ``[M]``.

        Raises:
          ValueError: An id is not among the images.
        """
        order = np.argsort(self.ids)
        places = np.searchsorted(self.ids, ids, sorter=order)
        found = order[np.minimum(places, len(order) - 1)]
        missing = self.ids[found] != ids
        if missing.any():
            first = ids[missing].item(0).decode()
            raise ValueError(
                f"{missing.sum()} pairs name an image that is not among this split's images, "
                f"{first!r} first; make images and pairs in one PairExampleGen run"
            )
        return found


@dataclass(frozen=True)
class Pairs:
    """The pairs of one split, by the rows of its images.

    Attributes:
      a: int64 ``[P]``.
      b: int64 ``[P]``.
      labels: int32 ``[P]``, 1 same, 0 different.
    """

    a: np.ndarray
    b: np.ndarray
    labels: np.ndarray


def read_images(
    folder: str | Path,
    shape: tuple[int, int, int],
    memory_limit: int = 2 << 30,
    spill: str | Path | None = None,
) -> Images:
    """Reads one split of Transform's images, in the order of their ids.

    Args:
      folder: ``Split-*`` folder of TFRecords.
      shape: Height, width and channels.
      memory_limit: Bytes of pixels that may be held in memory. Of more, the files are read again
        into one in ``spill``, which is memory-mapped; what reads the pixels is the same.
      spill: Folder for that file.

    Raises:
      ValueError: The folder is empty, an image has another size, or ``spill`` is needed and None.
    """
    length = int(np.prod(shape))
    ids: list[np.ndarray] = []
    identities: list[np.ndarray] = []
    count = 0
    chunks: list[np.ndarray] | None = []
    files = split_files(folder)
    columns = dict.fromkeys((features.IMAGE_ID, features.IDENTITY, features.IMAGE_RAW), bytes)
    for rows in read_rows(files, columns, IMAGE_ROWS):
        raw = rows[features.IMAGE_RAW]
        if any(len(image) != length for image in raw):
            raise ValueError(
                f"an image in {folder} is not {shape[0]} x {shape[1]} x {shape[2]} bytes; "
                "Transform and Trainer must run with one image section"
            )
        ids.append(rows[features.IMAGE_ID].astype(np.bytes_))
        identities.append(rows[features.IDENTITY].astype(np.bytes_))
        count += len(raw)
        if count * length > memory_limit:
            chunks = None
        if chunks is not None:
            chunks.append(np.frombuffer(b"".join(raw), np.uint8).reshape(-1, *shape))
    # The order of TFRecord shards is Beam's affair; training must not depend on it.
    unordered = np.concatenate(ids)
    order = np.argsort(unordered)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    if chunks is None:
        if spill is None:
            raise ValueError(f"{folder} exceeds {memory_limit} bytes and no spill folder is given")
        path = Path(spill) / f"{Path(folder).name}.pixels"
        _write_pixels(files, place, length, path)
        pixels: np.ndarray = np.memmap(path, np.uint8, "r", shape=(count, *shape))
    else:
        pixels = np.empty((count, *shape), np.uint8)
        start = 0
        while chunks:
            chunk = chunks.pop(0)
            pixels[place[start : start + len(chunk)]] = chunk
            start += len(chunk)
    people, classes = np.unique(np.concatenate(identities), return_inverse=True)
    return Images(pixels, unordered[order], people, classes[order].astype(np.int32))


def _write_pixels(files: Sequence[str], place: np.ndarray, length: int, path: Path) -> None:
    """Writes the pixels of images one after the other, each at its place."""
    with path.open("wb") as file:
        start = 0
        for rows in read_rows(files, {features.IMAGE_RAW: bytes}, IMAGE_ROWS):
            for image in rows[features.IMAGE_RAW]:
                os.pwrite(file.fileno(), image, int(place[start]) * length)
                start += 1


def room_for(shape: tuple[int, ...], beside: np.ndarray) -> np.ndarray:
    """An array, uint8, for pixels made of others: in memory, or mapped as those are."""
    if not isinstance(beside, np.memmap):
        return np.empty(shape, np.uint8)
    # The file has no name, and its space is free once the array is gone.
    with tempfile.TemporaryFile(dir=Path(str(beside.filename)).parent) as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)


def read_pairs(folder: str | Path, images: Images) -> Pairs:
    """Reads one split of the pairs, by the rows of its images.

    Args:
      folder: ``Split-*`` folder of TFRecords.
      images: The same split's images.

    Raises:
      ValueError: The folder is empty, or a pair names an image that is not there.
    """
    columns = {features.IMAGE_ID_A: bytes, features.IMAGE_ID_B: bytes, features.LABEL: int}
    a, b, labels = read_columns(split_files(folder), columns).values()
    return Pairs(
        images.rows(a),
        images.rows(b),
        labels.astype(np.int32),
    )
