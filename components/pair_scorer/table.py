"""Embeddings by image id: the join, without Beam."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EmbeddingTable:
    """The embeddings of distinct images under one or two models.

    Attributes:
      ids: bytes ``[N]``, in rising order.
      embeddings: One float32 ``[N, D]`` a model; models may differ in D.
    """

    ids: np.ndarray
    embeddings: tuple[np.ndarray, ...]

    @classmethod
    def from_chunks(
        cls, chunks: Iterable[tuple[np.ndarray, tuple[np.ndarray, ...]]]
    ) -> "EmbeddingTable":
        """Joins chunks of ids and embeddings, in any order.

        Raises:
          ValueError: There is no chunk, or an image was embedded twice.
        """
        parts = list(chunks)
        if not parts:
            raise ValueError("no image was embedded; the split holds no image that a pair names")
        ids = np.concatenate([ids for ids, _ in parts])
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        twice = ids[1:] == ids[:-1]
        if twice.any():
            raise ValueError(f"image {ids[1:][twice][0].decode()!r} is in the images twice")
        models = zip(*(embeddings for _, embeddings in parts), strict=True)
        return cls(ids, tuple(np.concatenate(model)[order] for model in models))

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
