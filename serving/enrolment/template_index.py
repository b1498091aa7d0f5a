"""FAISS among templates: which have the highest products with a probe."""

import os
from typing import Any, Final, Protocol

import numpy as np

_ROWS_AT_A_TIME: Final = 65_536
# Lists for the square root of the number of vectors.
_LISTS: Final = 4
# The share of them that is looked through, and for how many vectors each list's centre is learned.
_PROBED: Final = 1 / 16
_VECTORS_A_LIST: Final = 40


class TemplateIndex(Protocol):
    """Templates t with offsets o, to be found by t·p + o.

    Rows count on from 0 as templates are added.
    """

    def add(self, templates: np.ndarray, offsets: np.ndarray) -> None:
        """Adds templates, float32 [N, D], with their offsets, float32 [N]."""

    def remove(self, rows: np.ndarray) -> None:
        """Takes templates out, int64 [R]; the others keep their rows."""

    def nearest(self, probe: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the highest t·p + o, float32, the highest first, and their rows, int64.

        Args:
            probe: float32 [D].
            count: How many; there are fewer where there are not as many.
        """

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""


class ExactIndex:
    """Computes every product (FAISS's ``IndexFlatIP``), a share of the templates on each core.

    A template is kept as [t, o] and a probe becomes [p, 1], so that their product is t·p + o.

    Args:
        templates: float32 [N, D].
        offsets: float32 [N].
    """

    def __init__(self, templates: np.ndarray, offsets: np.ndarray) -> None:
        # Imported here: only who searches needs it.
        import faiss

        self._faiss: Any = faiss
        self._size = templates.shape[1] + 1
        # FAISS itself gives a single probe to one core. Rows count on from one part to the next.
        self._whole = self._faiss.IndexShards(self._size, True, True)
        self._parts: list[Any] = []
        share = -(-len(templates) // (os.cpu_count() or 1)) or 1
        for begin in range(0, len(templates), share):
            self._new_part()
            self.add(templates[begin : begin + share], offsets[begin : begin + share])
        # What comes later goes to a part of its own: a large one would have to be moved to grow.
        self._new_part()

    def add(self, templates: np.ndarray, offsets: np.ndarray) -> None:
        """See ``TemplateIndex``."""
        self._parts[-1].add(np.concatenate([templates, offsets[:, None]], axis=1))

    def remove(self, rows: np.ndarray) -> None:
        """See ``TemplateIndex``. What they were is overwritten."""
        begin = 0
        for part in self._parts:
            here = rows[(rows >= begin) & (rows < begin + part.ntotal)] - begin
            if len(here):
                vectors = self._faiss.rev_swig_ptr(part.get_xb(), part.ntotal * self._size)
                vectors = vectors.reshape(part.ntotal, self._size)
                vectors[here] = 0
                # Infinitely far from every probe.
                vectors[here, -1] = -np.inf
            begin += part.ntotal

    def nearest(self, probe: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """See ``TemplateIndex``. None is missed."""
        products, rows = self._whole.search(np.append(probe, np.float32(1))[None], count)
        there = rows[0] >= 0
        return products[0][there], rows[0][there]

    @property
    def nbytes(self) -> int:
        """See ``TemplateIndex``."""
        vectors = sum(part.ntotal for part in self._parts)
        return vectors * self._size * np.dtype(np.float32).itemsize

    def _new_part(self) -> None:
        part = self._faiss.IndexFlatIP(self._size)
        self._parts.append(part)
        self._whole.add_shard(part)


class ListIndex:
    """Computes the products of a sixteenth of the templates, those near the probe.

    They lie in lists around centres found by k-means; the lists with the centres nearest to the
    probe are looked through (FAISS's ``IndexIVFFlat``; Jégou, Douze and Schmid, "Product
    Quantization for Nearest Neighbor Search", 2011, section 4). The nearest template may lie in
    another list, and is then missed: how often, depends on how templates are spread
    (``docs/benchmarks.md``).

    Lists go by Euclidean distances. One coordinate more, of c - |t|² - 2 o squared, makes these
    order as t·p + o does: with a zero there, a probe's squared distance is c + |p|² - 2 (t·p + o)
    (Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean transformation for
    inner-product spaces", 2014). It is 0 everywhere for Euclidean distances. c is the largest of
    |t|² + 2 o; a template with a larger one that is added later is taken for one that is farther.

    Args:
        templates: float32 [N, D].
        offsets: float32 [N].
    """

    def __init__(self, templates: np.ndarray, offsets: np.ndarray) -> None:
        import faiss

        self._faiss: Any = faiss
        self._rows = 0
        count, size = len(templates), templates.shape[1] + 1
        squares = np.einsum("nd,nd->n", templates, templates)
        self._longest = float((squares + 2 * offsets).max())
        lists = max(1, int(_LISTS * count**0.5))
        self._lists = faiss.IndexIVFFlat(faiss.IndexFlatL2(size), size, lists)
        self._lists.nprobe = max(1, int(lists * _PROBED))
        sample = np.random.default_rng(0).choice(
            count, min(count, _VECTORS_A_LIST * lists), replace=False
        )
        sample.sort()
        self._lists.train(self._lifted(templates[sample], offsets[sample]))
        self.add(templates, offsets)

    def add(self, templates: np.ndarray, offsets: np.ndarray) -> None:
        """See ``TemplateIndex``."""
        for begin in range(0, len(templates), _ROWS_AT_A_TIME):
            rows = slice(begin, begin + _ROWS_AT_A_TIME)
            lifted = self._lifted(templates[rows], offsets[rows])
            numbers = np.arange(self._rows, self._rows + len(lifted), dtype=np.int64)
            self._lists.add_with_ids(lifted, numbers)
            self._rows += len(lifted)

    def remove(self, rows: np.ndarray) -> None:
        """See ``TemplateIndex``."""
        self._lists.remove_ids(self._faiss.IDSelectorBatch(rows.astype(np.int64)))

    def nearest(self, probe: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """See ``TemplateIndex``. Some may be missed."""
        squares, rows = self._lists.search(np.append(probe, np.float32(0))[None], count)
        there = rows[0] >= 0
        products = (self._longest + float(probe @ probe) - squares[0][there]) / 2
        return products, rows[0][there]

    @property
    def nbytes(self) -> int:
        """See ``TemplateIndex``."""
        return self._lists.ntotal * (4 * self._lists.d + np.dtype(np.int64).itemsize)

    def _lifted(self, templates: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        squares = np.einsum("nd,nd->n", templates, templates)
        missing = np.maximum(self._longest - squares - 2 * offsets, 0)
        return np.concatenate([templates, np.sqrt(missing)[:, None]], axis=1)
