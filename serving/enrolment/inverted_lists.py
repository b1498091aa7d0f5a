"""Approximate search among many vectors, with FAISS."""

from typing import Any, Final

import numpy as np

# Lists for the square root of the number of vectors.
_LISTS: Final = 4
# The share of them that is looked through, and for how many vectors each list's centre is learned.
_PROBED: Final = 1 / 16
_VECTORS_A_LIST: Final = 40
# FAISS takes this many numbers at one time, and else one by one.
_NUMBERS: Final = 16
_ROWS_AT_A_TIME: Final = 65_536


class InvertedLists:
    """Proposes which vectors are near a probe, and looks at a sixteenth of them for it.

    Vectors lie in lists around centres found by k-means, one byte a number; the lists with the
    centres nearest to the probe are looked through (Jégou, Douze and Schmid, "Product Quantization
    for Nearest Neighbor Search", 2011, section 4; FAISS's IndexIVFScalarQuantizer). The nearest
    vector may lie in another list, and is then missed: how often, depends on how the vectors are
    spread (``docs/benchmarks.md``).

    Args:
        vectors: float32 [N, D].
    """

    def __init__(self, vectors: np.ndarray) -> None:
        # Imported here: only who has very many templates needs it.
        import faiss

        self._faiss: Any = faiss
        count = len(vectors)
        self._size = size = -(-vectors.shape[1] // _NUMBERS) * _NUMBERS
        lists = max(1, int(_LISTS * count**0.5))
        self._index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatL2(size), size, lists, faiss.ScalarQuantizer.QT_8bit
        )
        self._index.nprobe = max(1, int(lists * _PROBED))
        sample = np.random.default_rng(0).choice(
            count, min(count, _VECTORS_A_LIST * lists), replace=False
        )
        self._index.train(self._padded(vectors[np.sort(sample)]))
        for begin in range(0, count, _ROWS_AT_A_TIME):
            self._index.add(self._padded(vectors[begin : begin + _ROWS_AT_A_TIME]))
        self.nbytes = count * (size + np.dtype(np.int64).itemsize)

    def remove(self, rows: np.ndarray) -> None:
        """Deletes vectors; the others keep their rows."""
        self._index.remove_ids(self._faiss.IDSelectorBatch(rows.astype(np.int64)))

    def nearest(self, probe: np.ndarray, count: int) -> np.ndarray:
        """Returns the rows of about the ``count`` nearest vectors, int64; fewer where few are left.

        Args:
            probe: float32 [D], or shorter: zeros follow.
            count: How many.
        """
        _, rows = self._index.search(self._padded(probe[None]), count)
        return rows[0][rows[0] >= 0]

    def _padded(self, vectors: np.ndarray) -> np.ndarray:
        # Zeros on either side add nothing to a distance.
        return np.pad(vectors, ((0, 0), (0, self._size - vectors.shape[1])))
