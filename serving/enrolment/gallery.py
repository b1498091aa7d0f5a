"""Exact nearest-template search, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
    """Templates to search by Euclidean distance. Exact: every template is looked at.

    With |t - p|² = |t|² - 2 t·p + |p|², a search is one product of a matrix and a vector, which is
    as fast as memory can be read. Embeddings of length 1 are thereby ranked by cosine as well.
    Beyond a million templates, use a library for approximate search, such as FAISS.

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
        names, codes = np.unique(np.asarray(identities, dtype=object), return_inverse=True)
        # One identity's templates are neighbours, so that it can be struck out as a slice.
        self._order = np.argsort(codes, kind="stable")
        self._names: list[str] = [str(name) for name in names]
        self._codes = codes[self._order]
        self._ends = np.searchsorted(self._codes, np.arange(len(names)), side="right")
        self._templates = np.ascontiguousarray(templates[self._order], dtype=np.float32)
        self._place = np.argsort(self._order)
        self._half_squares = 0.5 * np.einsum("nd,nd->n", self._templates, self._templates)

    def __len__(self) -> int:
        return len(self._templates)

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
        closeness = self._templates @ vector
        closeness -= self._half_squares
        matches = []
        for _ in range(min(count, len(self._names))):
            row = int(closeness.argmax())
            code = self._codes[row]
            difference = (self._templates[row] - vector).astype(np.float64)
            matches.append(
                Match(
                    self._names[code],
                    int(self._order[row]),
                    float(np.sqrt(difference @ difference)),
                )
            )
            begin = self._ends[code - 1] if code else 0
            closeness[begin : self._ends[code]] = -np.inf
        return matches

    def rows(self, rows: Sequence[int]) -> np.ndarray:
        """Returns the templates that matches name, float32 [len(rows), D]."""
        return self._templates[self._place[np.asarray(rows, dtype=np.intp)]]
