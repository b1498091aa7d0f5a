"""Embeddings by image id: the join of images and pairs, without Beam."""

import io
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tfx.dsl.io import fileio


@dataclass(frozen=True)
class Chunk:
    """Embeddings of some images, in files: what is handed between workers instead of them.

    Attributes:
      prefix: Of the paths: ``<prefix>.ids.npy``, and ``<prefix>.<model>.npy`` by model.
      images: How many, N.
      sizes: The embedding size D of each model.
    """

    prefix: str
    images: int
    sizes: tuple[int, ...]

    def ids(self) -> np.ndarray:
        """bytes ``[N]``."""
        return _read(f"{self.prefix}.ids.npy")

    def embeddings(self, model: int) -> np.ndarray:
        """float32 ``[N, D]`` of a model."""
        return _read(f"{self.prefix}.{model}.npy")


def write_chunk(prefix: str, ids: np.ndarray, embeddings: Sequence[np.ndarray]) -> Chunk:
    """Writes a chunk. Writing it again, as Beam may after a failure, replaces it.

    Args:
      prefix: Of the files' paths.
      ids: bytes ``[N]``.
      embeddings: float32 ``[N, D]`` of each model.

    Raises:
      ValueError: An embedding holds something that is not a finite number.
    """
    for values in embeddings:
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"the embedding of image {ids[~finite][0].decode()!r} holds NaN or infinity; the "
                "model is broken: look at the losses of its training"
            )
    fileio.makedirs(posixpath.dirname(prefix))
    _write(f"{prefix}.ids.npy", ids)
    for model, values in enumerate(embeddings):
        _write(f"{prefix}.{model}.npy", values)
    return Chunk(prefix, len(ids), tuple(values.shape[1] for values in embeddings))


def _read(path: str) -> np.ndarray:
    with fileio.open(path, "rb") as file:
        return np.load(io.BytesIO(file.read()), allow_pickle=False)


def _write(path: str, values: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    with fileio.open(path, "wb") as file:
        file.write(content.getvalue())


@dataclass(frozen=True)
class EmbeddingTable:
    """The embeddings of distinct images under one or several models.

    Attributes:
      ids: bytes ``[N]``, in rising order.
      embeddings: One float32 ``[N, D]`` a model; models may differ in D.
    """

    ids: np.ndarray
    embeddings: tuple[np.ndarray, ...]

    @classmethod
    def from_chunks(cls, chunks: Sequence[Chunk]) -> "EmbeddingTable":
        """Joins chunks, in any order.

        Args:
          chunks: All of them; they have the same models.

        Raises:
          ValueError: There is no chunk, or an image was embedded twice.
        """
        if not chunks:
            raise ValueError("no image was embedded; the split holds no image that a pair names")
        ids = np.concatenate([chunk.ids() for chunk in chunks])
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        twice = ids[1:] == ids[:-1]
        if twice.any():
            raise ValueError(f"image {ids[1:][twice][0].decode()!r} is in the images twice")
        # Where the image that came k-th goes.
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        sizes = chunks[0].sizes
        tables = tuple(np.empty((len(ids), size), np.float32) for size in sizes)
        start = 0
        for chunk in chunks:
            rows = place[start : start + chunk.images]
            for model, table in enumerate(tables):
                table[rows] = chunk.embeddings(model)
            start += chunk.images
        return cls(ids, tables)

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """The row of each id, int64 ``[P]`` for bytes ``[P]``.

        Raises:
          ValueError: A pair names an image that was not embedded.
        """
        rows = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        missing = self.ids[rows] != ids
        if missing.any():
            raise ValueError(
                f"a pair names image {ids[missing][0].decode()!r}, which is not among the images; "
                "make images and pairs in one PairExampleGen run"
            )
        return rows
