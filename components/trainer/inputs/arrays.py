"""Transformed images and pairs as arrays: what training reads."""

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
    columns = dict.fromkeys((features.IMAGE_ID, features.IDENTITY, features.IMAGE_RAW), bytes)
    for rows in read_rows(split_files(folder), columns, IMAGE_ROWS):
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
    columns = {features.IMAGE_ID_A: bytes, features.IMAGE_ID_B: bytes, features.LABEL: int}
    a, b, labels = read_columns(split_files(folder), columns).values()
    return Pairs(
        images.rows(np.char.decode(a.astype(bytes))),
        images.rows(np.char.decode(b.astype(bytes))),
        labels.astype(np.int32),
    )
