"""Exact nearest-template search, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

# Fewer templates than this are searched in a millisecond as they are.
_SMALL: Final = 1000
# The share of the squares that the principal directions hold.
_SHARE: Final = 0.98
# Rows picked out of a matrix are read slower than all in order, when they are more than this share.
_WORTHWHILE: Final = 0.1


@dataclass(frozen=True)
class Match:
    """An identity's template nearest to a probe.

    Args:
        identity: Whose it is.
        row: Which of the gallery's templates.
        distance: Euclidean.
    """

    identity: str
    row: int
    distance: float


class Gallery:
    """Templates to search by Euclidean distance. Exact: no template nearer is ever missed.

    With |t - p|² = |t|² - 2 t·p + |p|², the nearest template is the one with the largest
    t·p - |t|²/2. Computing that for all is one product of a matrix and a vector, as fast as memory
    can be read. Embeddings vary in few directions, so most of the product is saved: t·p is at most
    h·p_h + |r| |p_r| (Cauchy-Schwarz), h being t in its principal directions and r the rest, and
    only the few templates whose bound reaches the best found are looked at in full. Where the
    variance is spread so evenly that this saves nothing, all are.

    Embeddings of length 1 are thereby ranked by cosine as well. Beyond a million templates, use a
    library for approximate search, such as FAISS.

    Args:
        identities: Whose template each row is.
        templates: float32 [N, D].

    Raises:
        ValueError: There are not as many identities as templates.
    """

    def __init__(self, identities: Sequence[str], templates: np.ndarray) -> None:
        if templates.ndim != 2 or len(identities) != len(templates):
            raise ValueError(
                f"{len(identities)} identities for templates of shape {templates.shape}; "
                "give one for each row of [N, D]"
            )
        names, self._codes = np.unique(np.asarray(identities, dtype=object), return_inverse=True)
        self._names: list[str] = [str(name) for name in names]
        self._by_identity = np.argsort(self._codes, kind="stable")
        self._begins = np.searchsorted(
            self._codes[self._by_identity], np.arange(len(names) + 1), side="left"
        )
        self._templates = np.ascontiguousarray(templates, dtype=np.float32)
        squares = np.einsum("nd,nd->n", self._templates, self._templates)
        self._half_squares = 0.5 * squares
        self._longest = float(np.sqrt(squares.max(initial=0.0)))
        self._directions = _principal_directions(self._templates)
        if self._directions is not None:
            self._heads = np.ascontiguousarray(self._templates @ self._directions)
            rest = squares - np.einsum("nk,nk->n", self._heads, self._heads)
            self._rests = np.sqrt(np.maximum(rest, 0))

    def __len__(self) -> int:
        return len(self._templates)

    @property
    def bytes(self) -> int:
        """What its arrays take in memory."""
        return sum(each.nbytes for each in vars(self).values() if isinstance(each, np.ndarray))

    def templates(self, match: "Match") -> np.ndarray:
        """Returns all templates of the identity that a match names, float32 [T, D]."""
        code = self._codes[match.row]
        return self._templates[self._by_identity[self._begins[code] : self._begins[code + 1]]]

    def nearest(self, probe: np.ndarray, count: int = 1) -> list[Match]:
        """Returns the identities with the nearest templates, nearest first.

        Args:
            probe: float [D].
            count: How many identities, at most.

        Raises:
            ValueError: The probe has another size than the templates.
        """
        vector = np.asarray(probe, np.float32)
        if vector.shape != self._templates.shape[1:]:
            raise ValueError(
                f"a probe of shape {vector.shape} among templates of {self._templates.shape[1:]}"
            )
        rows = self._candidates(vector, count)
        chosen = self._templates if rows is None else self._templates[rows]
        half = self._half_squares if rows is None else self._half_squares[rows]
        picks = self._best(chosen @ vector - half, rows, count)
        return [
            Match(
                self._names[self._codes[row]],
                row,
                float(np.linalg.norm((self._templates[row] - vector).astype(np.float64))),
            )
            for row in picks
        ]

    def _candidates(self, vector: np.ndarray, count: int) -> np.ndarray | None:
        """Returns the rows that can be among the nearest; None for all."""
        if self._directions is None:
            return None
        head = vector @ self._directions
        rest = np.sqrt(max(float(vector @ vector - head @ head), 0.0))
        bounds = self._heads @ head
        bounds += self._rests * np.float32(rest)
        bounds -= self._half_squares
        # The identities with the best bounds show how near the nearest must be, at least.
        first = self._best(bounds, None, count)
        reached = (self._templates[first] @ vector - self._half_squares[first]).min()
        # Far more than float32 loses in these sums.
        slack = 1e-5 * self._longest * (float(np.linalg.norm(vector)) + self._longest)
        rows = np.flatnonzero(bounds >= reached - slack)
        return rows if len(rows) <= len(self._templates) * _WORTHWHILE else None

    def _best(self, closeness: np.ndarray, rows: np.ndarray | None, count: int) -> list[int]:
        """Returns the row of each of the ``count`` best identities, best first."""
        left = closeness.copy()
        codes = None if rows is None else self._codes[rows]
        best: list[int] = []
        for _ in range(min(count, len(self._names))):
            at = int(left.argmax())
            if left[at] == -np.inf:
                break
            if rows is None or codes is None:
                best.append(at)
                code = self._codes[at]
                struck = self._by_identity[self._begins[code] : self._begins[code + 1]]
                left[struck] = -np.inf
            else:
                best.append(int(rows[at]))
                left[codes == codes[at]] = -np.inf
        return best


def _principal_directions(templates: np.ndarray) -> np.ndarray | None:
    """Returns few directions with nearly all of the templates' squares, float32 [D, k], or None."""
    if len(templates) < _SMALL:
        return None
    values, vectors = np.linalg.eigh((templates.T @ templates).astype(np.float64))
    shares = np.cumsum(values[::-1]) / max(values.sum(), np.finfo(np.float64).tiny)
    few = int(np.searchsorted(shares, _SHARE)) + 1
    if few > templates.shape[1] // 2:
        return None
    return np.ascontiguousarray(vectors[:, ::-1][:, :few], dtype=np.float32)
