"""Where embeddings lie so that a search by products ranks them as the model's comparison does."""

from dataclasses import dataclass

import numpy as np

_ROWS_AT_A_TIME = 65_536
# What the model divides by, at least, to bring an embedding to length 1.
_SHORTEST = 1e-12


@dataclass(frozen=True)
class SearchSpace:
    """The model's signature ``search_space``, for all dimensions.

    An embedding ``x``, of length 1 if ``unit_length``, is placed at ``u = (x - mean) @ matrix``.
    Of embeddings ``a`` and ``b``, ``u_a . u_b + offset_a + offset_b`` is the higher the smaller the
    model's distance of the two is, where ``offset = -weight . u^2 / 2``. For a given probe ``b``,
    ``offset_b`` changes no order.

    Args:
        unit_length: Whether the length of an embedding counts for nothing.
        mean: float32 [D]; None for zeros.
        matrix: float32 [D, D]; None for the identity.
        weight: float32 [D].
    """

    unit_length: bool
    mean: np.ndarray | None
    matrix: np.ndarray | None
    weight: np.ndarray

    @classmethod
    def euclidean(cls, size: int) -> "SearchSpace":
        """Ranks embeddings of ``size`` numbers by their Euclidean distance, as they are."""
        return cls(False, None, None, np.ones(size, np.float32))

    def place(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places embeddings; may do so within the array that is given, which takes no memory.

        Args:
            embeddings: float32 [N, D], writable.

        Returns:
            The vectors, float32 [N, D], and their offsets, float32 [N].
        """
        offsets = np.empty(len(embeddings), np.float32)
        for begin in range(0, len(embeddings), _ROWS_AT_A_TIME):
            rows = slice(begin, begin + _ROWS_AT_A_TIME)
            placed = embeddings[rows]
            if self.unit_length:
                lengths = np.linalg.norm(placed, axis=1, keepdims=True)
                placed = placed / np.maximum(lengths, _SHORTEST)
            if self.mean is not None:
                placed = placed - self.mean
            if self.matrix is not None:
                placed = placed @ self.matrix
            embeddings[rows] = placed
            offsets[rows] = -0.5 * ((placed * placed) @ self.weight)
        return embeddings, offsets
