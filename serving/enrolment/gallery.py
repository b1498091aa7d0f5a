"""Nearest-template search, in memory."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import simsimd

from serving.enrolment.inverted_lists import InvertedLists

# Fewer templates than this are searched in a millisecond as they are.
_SMALL: Final = 1000
# Rows picked out of a matrix are read slower than all in order, when they are more than this share.
_WORTHWHILE: Final = 0.1
# The largest code; one byte each, and as many below zero.
_LARGEST: Final = 127
_ROWS_AT_A_TIME: Final = 65_536
# An exact search takes 25 to 60 ms with so many, on two cores (``docs/benchmarks.md``).
EXACT_UP_TO: Final = 2_000_000
# What lists propose for each identity that is asked for, which may have many templates.
_PROPOSED: Final = 32


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

    Up to ``exact_up_to`` templates, no template nearer is ever missed.

    Computing that for all is one product of a matrix and a vector, as fast as memory can be read.
    So it is first computed from a quarter of the bytes: t = s c + e, where c are whole numbers of
    one byte, s is one number a template, and the length of the error e is known; p likewise, with
    r, d and f. Then t·p is at most s r c·d + |s c||f| + |e||p| (Cauchy-Schwarz), and only the few
    templates whose bound reaches the best found are looked at in full. Where these are not few, all
    are.

    Time grows with N D. So with more templates, ``InvertedLists`` proposes some, and the best of
    these are taken; a template that is not proposed is missed.

    Args:
        identities: Whose template each row is.
        templates: float32 [N, D]; the gallery's own from now on.
        offsets: float32 [N], likewise.
        exact_up_to: With how many templates the search is exact; None for any number.

    Raises:
        ValueError: There are not as many identities and offsets as templates.
    """

    def __init__(
        self,
        identities: Sequence[str],
        templates: np.ndarray,
        offsets: np.ndarray,
        exact_up_to: int | None = EXACT_UP_TO,
    ) -> None:
        if templates.ndim != 2 or not len(identities) == len(offsets) == len(templates):
            raise ValueError(
                f"{len(identities)} identities and {len(offsets)} offsets for templates of shape "
                f"{templates.shape}; give one for each row of [N, D]"
            )
        names, self._codes = np.unique(np.asarray(identities, dtype=object), return_inverse=True)
        self._names: list[str] = [str(name) for name in names]
        self._by_identity = np.argsort(self._codes, kind="stable")
        self._begins = np.searchsorted(
            self._codes[self._by_identity], np.arange(len(names) + 1), side="left"
        )
        self._templates = np.ascontiguousarray(templates, dtype=np.float32)
        squares = np.einsum("nd,nd->n", self._templates, self._templates)
        self._offsets = np.ascontiguousarray(offsets, dtype=np.float32)
        self._largest_offset = float(np.abs(self._offsets).max(initial=0.0))
        # How many templates are left of each identity.
        self._left = np.bincount(self._codes, minlength=len(names))
        self._longest = float(np.sqrt(squares.max(initial=0.0)))
        self.is_exact = exact_up_to is None or len(templates) <= exact_up_to
        self._coded: _Coded | None = None
        self._lists: InvertedLists | None = None
        if not self.is_exact:
            self._lists = InvertedLists(_by_distance(self._templates, squares, self._offsets))
        elif len(self._templates) >= _SMALL:
            self._coded = _Coded(self._templates)

    def __len__(self) -> int:
        return int(self._left.sum())

    @property
    def people(self) -> int:
        """How many identities it has templates of."""
        return int(np.count_nonzero(self._left))

    @property
    def bytes(self) -> int:
        """What its arrays take in memory."""
        return sum(getattr(each, "nbytes", 0) for each in vars(self).values())

    def remove(self, rows: np.ndarray) -> None:
        """Takes templates out, and overwrites them in memory; rows that are out already stay so.

        Args:
            rows: Which, int [R], each at most once.
        """
        still = rows[np.isfinite(self._offsets[rows])]
        np.subtract.at(self._left, self._codes[still], 1)
        self._offsets[rows] = -np.inf  # infinitely far from every probe
        self._templates[rows] = 0
        for copy in (self._coded, self._lists):
            if copy is not None:
                copy.remove(rows)

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
        if not len(self):
            return []
        rows = self._candidates(vector, count)
        if rows is None:
            closeness = self._templates @ vector + self._offsets
        else:
            closeness = self._closeness(rows, vector)
        picks = np.array(self._best(closeness, rows, count), np.int64)
        return [
            Match(self._names[self._codes[row]], row, near)
            for row, near in zip(
                picks.tolist(), self._closeness(picks, vector).tolist(), strict=True
            )
        ]

    def _candidates(self, vector: np.ndarray, count: int) -> np.ndarray | None:
        """Returns the rows that can be among the nearest; None for all."""
        if self._lists is not None:
            proposed = self._lists.nearest(vector, count * _PROPOSED)
            return proposed if len(proposed) else None
        if self._coded is None:
            return None
        bounds = self._coded.highest_products(vector)
        bounds += self._offsets
        # The identities with the best bounds show how near the nearest must be, at least.
        first = self._best(bounds, None, count)
        reached = self._closeness(np.array(first), vector).min()
        # Far more than float32 loses in these sums.
        slack = 1e-5 * (self._longest * float(np.linalg.norm(vector)) + self._largest_offset)
        rows = np.flatnonzero(bounds >= reached - slack)
        return rows if len(rows) <= len(self._templates) * _WORTHWHILE else None

    def _closeness(self, rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
        # Not by BLAS: its threads wait busily for more, on the cores that the next search needs.
        products = np.einsum("nd,d->n", self._templates[rows], vector)
        return products + self._offsets[rows]

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


def _by_distance(templates: np.ndarray, squares: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Vectors whose Euclidean distance to a probe with a zero appended orders as t·p + o does.

    One coordinate more, of c - |t|² - 2 o squared, makes |t|² the same but for the offset (Bachrach
    et al., "Speeding up the Xbox recommender system using a Euclidean transformation for
    inner-product spaces", 2014). It is 0 everywhere for Euclidean distances.
    """
    missing = -squares - 2 * offsets
    missing -= missing.min(initial=0.0)
    # What rounding leaves of nothing.
    missing[missing < 1e-6 * squares] = 0
    if not missing.any():
        return templates
    return np.concatenate([templates, np.sqrt(missing)[:, None]], axis=1)


class _Coded:
    """Vectors as whole numbers of one byte, and how far these are from the vectors.

    Args:
        vectors: float32 [N, D].
    """

    def __init__(self, vectors: np.ndarray) -> None:
        count = len(vectors)
        self._codes = np.empty(vectors.shape, np.int8)
        self._scales = np.empty(count, np.float32)
        self._lengths = np.empty(count, np.float32)  # |c|
        self._errors = np.empty(count, np.float32)  # |e| / s
        for begin in range(0, count, _ROWS_AT_A_TIME):
            rows = slice(begin, begin + _ROWS_AT_A_TIME)
            codes, scales, errors = _coded(vectors[rows])
            self._codes[rows], self._scales[rows] = codes, scales
            self._lengths[rows] = np.linalg.norm(codes, axis=1)
            self._errors[rows] = errors / scales

        self.nbytes = sum(each.nbytes for each in vars(self).values())

    def remove(self, rows: np.ndarray) -> None:
        """Overwrites vectors with zeros."""
        self._codes[rows] = 0
        self._lengths[rows] = 0
        self._errors[rows] = 0

    def highest_products(self, probe: np.ndarray) -> np.ndarray:
        """What the product of each vector with a probe is at most, float32 [N].

        Args:
            probe: float32 [D].
        """
        codes, [scale], [error] = _coded(probe[None])
        # Not into an array of ours: with out=, simsimd 6.5 takes a reference from None with every
        # call, and the process ends when none is left.
        products = simsimd.cdist(
            self._codes, codes.astype(np.int8), metric="dot", threads=os.cpu_count() or 1
        )
        bounds = np.asarray(products)[:, 0].astype(np.float32)
        bounds *= scale
        bounds += error * self._lengths
        bounds += np.linalg.norm(probe) * self._errors
        bounds *= self._scales
        return bounds


def _coded(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole numbers from -127 to 127, what to multiply each row by, and the length of the error."""
    largest = np.abs(vectors).max(axis=1)
    scales = np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)
    codes = np.rint(vectors / scales[:, None])
    errors = np.linalg.norm(vectors - codes * scales[:, None], axis=1)
    return codes, scales, errors
