"""Transformed images and pairs as arrays: what training reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from components import features
from components.tfrecords import read_tfrecords


@dataclass(frozen=True)
class Images:
    """The images of one split.

    Attributes:
      pixels: uint8 ``[N, H, W, C]``, in memory or memory-mapped.
      ids: str ``[N]``.
      identities: str ``[N]``.
      classes: int32 ``[N]``, the identity as a number from 0, in alphabetical order.
    """

    pixels: np.ndarray
    ids: np.ndarray
    identities: np.ndarray
    classes: np.ndarray

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """The rows, int64 ``[M]``, of some image ids, str ``[M]``.

        Raises:
          ValueError: An id is not among the images.
        """
        order = np.argsort(self.ids)
        places = np.searchsorted(self.ids, ids, sorter=order)
        found = order[np.minimum(places, len(order) - 1)]
        missing = self.ids[found] != ids
        if missing.any():
            raise ValueError(
                f"{missing.sum()} pairs name an image that is not among this split's images, "
                f"{ids[missing].item(0)!r} first; make images and pairs in one PairExampleGen run"
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


def _records(folder: str | Path) -> list[str]:
    files = sorted(str(path) for path in Path(folder).iterdir() if path.is_file())
    if not files:
        raise ValueError(f"{folder} holds no TFRecord file; the split is empty")
    return files


def _batches(folder: str | Path, names: tuple[str, ...], batch: int) -> Iterator[dict]:
    files = _records(folder)
    types = {
        name: tf.io.FixedLenFeature([], tf.int64 if name == features.LABEL else tf.string)
        for name in names
    }
    dataset = read_tfrecords(files).batch(batch)
    return dataset.map(lambda rows: tf.io.parse_example(rows, types)).as_numpy_iterator()


def read_images(
    folder: str | Path,
    shape: tuple[int, int, int],
    memory_limit: int = 4 << 30,
    spill: str | Path | None = None,
) -> Images:
    """Reads one split of Transform's images.

    Args:
      folder: ``Split-*`` folder of TFRecords.
      shape: Height, width and channels.
      memory_limit: Bytes of pixels that may be held in memory. Beyond, they are written to a file
        in ``spill`` and memory-mapped; the code that reads them is the same.
      spill: Folder for that file.

    Raises:
      ValueError: The folder is empty, an image has another size, or ``spill`` is needed and None.
    """
    length = int(np.prod(shape))
    ids: list[bytes] = []
    identities: list[bytes] = []
    chunks: list[np.ndarray] = []
    held, file = 0, None
    names = (features.IMAGE_ID, features.IDENTITY, features.IMAGE_RAW)
    for rows in _batches(folder, names, 512):
        raw = rows[features.IMAGE_RAW]
        if any(len(image) != length for image in raw):
            raise ValueError(
                f"an image in {folder} is not {shape[0]} x {shape[1]} x {shape[2]} bytes; "
                "Transform and Trainer must run with one image section"
            )
        ids.extend(rows[features.IMAGE_ID])
        identities.extend(rows[features.IDENTITY])
        chunk = np.frombuffer(b"".join(raw), np.uint8).reshape(-1, *shape)
        held += chunk.nbytes
        if held > memory_limit and file is None:
            if spill is None:
                raise ValueError(
                    f"{folder} exceeds {memory_limit} bytes and no spill folder is given"
                )
            file = open(Path(spill) / f"{Path(folder).name}.pixels", "w+b")  # noqa: SIM115
            for earlier in chunks:
                file.write(earlier.data)
            chunks = []
        if file is None:
            chunks.append(chunk)
        else:
            file.write(chunk.data)
    if file is None:
        pixels = np.concatenate(chunks)
    else:
        file.flush()
        pixels = np.memmap(file, np.uint8, "r", shape=(len(ids), *shape))
    # The order of TFRecord shards is Beam's affair; training must not depend on it.
    order = np.argsort(np.array(ids))
    names_ = np.array([name.decode() for name in identities])
    _, classes = np.unique(names_, return_inverse=True)
    all_ids = np.array([image_id.decode() for image_id in ids])
    if file is None:
        return Images(pixels[order], all_ids[order], names_[order], classes[order].astype(np.int32))
    return Images(pixels, all_ids, names_, classes.astype(np.int32))


def read_pairs(folder: str | Path, images: Images) -> Pairs:
    """Reads one split of the pairs, by the rows of its images.

    Args:
      folder: ``Split-*`` folder of TFRecords.
      images: The same split's images.

    Raises:
      ValueError: The folder is empty, or a pair names an image that is not there.
    """
    names = (features.IMAGE_ID_A, features.IMAGE_ID_B, features.LABEL)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for rows in _batches(folder, names, 8192):
        for name in names:
            columns[name].append(rows[name])
    a, b, labels = (np.concatenate(columns[name]) for name in names)
    return Pairs(
        images.rows(np.char.decode(a.astype(bytes))),
        images.rows(np.char.decode(b.astype(bytes))),
        labels.astype(np.int32),
    )
