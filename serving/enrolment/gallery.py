"""Nearest-template search, in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from serving.enrolment.template_index import ExactIndex, ListIndex, TemplateIndex

# Templates times their dimensions: two cores look through as many in some 60 ms
# (``docs/benchmarks.md``).
EXACT_NUMBERS: Final = 256_000_000


@dataclass(frozen=True)
class Match:
    """An identity's template nearest to a probe.

    Args:
        identity: Whose it is.
        row: Which of the gallery's templates.
        closeness: The product with the probe, plus the template's offset.
    """

    identity: str
    row: int
    closeness: float


class Gallery:
    """Templates to search by their products with a probe.

    The nearest template is the one with the highest t·p + o, where o is an offset of each template:
    what ``SearchSpace`` makes of embeddings, so that the nearest is whom the model itself would put
    first. With o = -|t|²/2, that is the smallest Euclidean distance.

    Up to ``exact_numbers``, all products are computed, and no template nearer is ever missed. The
    time for that grows with N D; so with more, most of the templates are not looked at
    (``ListIndex``), and some may be missed.

    Args:
        identities: Whose template each row is.
        templates: float32 [N, D].
        offsets: float32 [N].
        exact_numbers: Up to which N D the search is exact; None for any.

    Raises:
        ValueError: There are not as many identities and offsets as templates.
    """

    def __init__(
        self,
        identities: Sequence[str],
        templates: np.ndarray,
        offsets: np.ndarray,
        exact_numbers: int | None = EXACT_NUMBERS,
    ) -> None:
        self._dimensions = templates.shape[1] if templates.ndim == 2 else 0
        self._identities: list[str | None] = []
        # How many templates there are, how many of each identity, and the most there were of one.
        self._count = 0
        self._photos: Counter[str] = Counter()
        self._most = 0
        self._note(identities, templates, offsets)
        self.is_exact = exact_numbers is None or templates.size <= exact_numbers
        self._index: TemplateIndex
        if self.is_exact:
            self._index = ExactIndex(templates, offsets)
        else:
            self._index = ListIndex(templates, offsets)

    def __len__(self) -> int:
        return self._count

    @property
    def people(self) -> int:
        """How many identities it has templates of."""
        return len(self._photos)

    @property
    def nbytes(self) -> int:
        """What the templates take in memory."""
        return self._index.nbytes

    def add(self, identities: Sequence[str], templates: np.ndarray, offsets: np.ndarray) -> None:
        """Adds templates: the rows after those there are.

        Raises:
            ValueError: As the constructor, or the templates are of another size.
        """
        self._note(identities, templates, offsets)
        self._index.add(templates, offsets)

    def remove(self, rows: np.ndarray) -> None:
        """Takes templates out; rows that are out already stay so.

        Args:
            rows: Which, int [R].
        """
        for row in rows.tolist():
            identity, self._identities[row] = self._identities[row], None
            if identity is not None:
                self._count -= 1
                self._photos[identity] -= 1
                if not self._photos[identity]:
                    del self._photos[identity]
        self._index.remove(rows)

    def nearest(self, probe: np.ndarray, count: int = 1) -> list[Match]:
        """Returns the identities with the nearest templates, nearest first.

        Args:
            probe: float [D].
            count: How many identities, at most.

        Raises:
            ValueError: The probe has another size than the templates.
        """
        vector = np.asarray(probe, np.float32)
        if vector.shape != (self._dimensions,):
            raise ValueError(
                f"a probe of shape {vector.shape} among templates of {self._dimensions} numbers"
            )
        # Nobody has more templates than this, so that as many as are asked for are among them.
        templates = min(count * self._most, self._count)
        if not templates:
            return []
        best: dict[str, Match] = {}
        closeness, rows = self._index.nearest(vector, templates)
        for near, row in zip(closeness.tolist(), rows.tolist(), strict=True):
            identity = self._identities[row]
            if identity is not None and identity not in best:
                best[identity] = Match(identity, row, near)
                if len(best) == count:
                    break
        return list(best.values())

    def _note(self, identities: Sequence[str], templates: np.ndarray, offsets: np.ndarray) -> None:
        shape = (len(identities), self._dimensions)
        if templates.shape != shape or len(offsets) != len(templates):
            raise ValueError(
                f"{len(identities)} identities and {len(offsets)} offsets for templates of shape "
                f"{templates.shape}; give one for each row of [N, {self._dimensions}]"
            )
        self._identities += identities
        self._count += len(identities)
        self._photos.update(identities)
        self._most = max([self._most, *(self._photos[identity] for identity in set(identities))])
