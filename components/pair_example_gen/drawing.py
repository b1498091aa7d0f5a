"""Pairs that can be drawn one by one: any part of them, anywhere, without the others.

Row k of the pairs is a pure function of the seed, of how many images each person has, and of k. So
workers draw theirs alone, the pairs are the same whatever the number of workers, and nobody holds a
table of them. ``pairing`` draws all at once; both spread pairs over people alike.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from components.pair_example_gen.pairing import Indices, possible_pairs, quotas, unrank

_ROUNDS = 4
_GOLDEN = 0x9E3779B97F4A7C15


class DrawnPairs:
    """Balanced pairs in random order; no two of them are of the same two images.

    Each person gives one pair of their own in turn until enough are drawn; a pair of two people is
    of two who are in no other pair of two people.

    Args:
      sizes: How many images each person has, int64 [G].
      half: How many pairs of one person, and as many of two; see ``most_drawn``.
      seed: Seeds ``numpy.random.default_rng``, which draws the keys of what is hashed.
    """

    def __init__(self, sizes: NDArray[np.int64], half: int, seed: Sequence[int]):
        rng = np.random.default_rng(list(seed))
        self._sizes, self._half = sizes, half
        self._starts = np.cumsum(sizes) - sizes
        self._capacity = sizes * (sizes - 1) // 2
        self._given = quotas(self._capacity, half, rng)
        self._ends = np.cumsum(self._given)
        self._keys = rng.integers(0, 2**63, 5).astype(np.uint64)

    def rows(self, start: int, stop: int) -> tuple[Indices, Indices, Indices]:
        """Rows ``start`` to ``stop``: images a and b, and labels, int64 [stop - start] each.

        Images are numbered person by person, in the order of ``sizes``.
        """
        at = np.arange(start, stop)
        drawn = permuted(at, 2 * self._half, self._keys[0])
        label = (drawn < self._half).astype(np.int64)
        first, second = (np.empty(len(at), np.int64) for _ in range(2))
        for mine, draw in ((label == 1, self._same), (label == 0, self._different)):
            first[mine], second[mine] = draw(drawn[mine])
        # The order within a pair tells nothing.
        swap = (_mixed(at.astype(np.uint64) + self._keys[1]) >> np.uint64(63)).astype(bool)
        return np.where(swap, second, first), np.where(swap, first, second), label

    def _same(self, number: Indices) -> tuple[Indices, Indices]:
        who = np.searchsorted(self._ends, number, side="right")
        nth = number - (self._ends[who] - self._given[who])
        key = _mixed(who.astype(np.uint64) + self._keys[2])
        low, high = unrank(permuted(nth, self._capacity[who], key))
        return self._starts[who] + low, self._starts[who] + high

    def _different(self, number: Indices) -> tuple[Indices, Indices]:
        couple = permuted(number - self._half, _couples(self._sizes), self._keys[3])
        one, other = unrank(couple)
        of_one, of_other = self._sizes[one], self._sizes[other]
        # Of numbers below 2**64, the remainder favours none by more than one in 2**32.
        cell = _mixed(couple.astype(np.uint64) + self._keys[4]) % (of_one * of_other).astype(
            np.uint64
        )
        row, column = np.divmod(cell.astype(np.int64), of_other)
        return self._starts[one] + row, self._starts[other] + column


def most_drawn(sizes: NDArray[np.int64]) -> int:
    """The largest ``half`` of these people: each two of them are in one pair at most."""
    same, _ = possible_pairs(sizes)
    return min(same, _couples(sizes))


def _couples(sizes: NDArray[np.int64]) -> int:
    return len(sizes) * (len(sizes) - 1) // 2


def permuted(
    index: Indices, size: "int | Indices", key: "np.uint64 | NDArray[np.uint64]"
) -> Indices:
    """Where indices go in a pseudo-random order of ``0 .. size - 1``, each by itself.

    A Feistel network on the fewest bits that hold the size, walked until it lands below it (Black
    and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002).

    Args:
      index: int64 [N], below ``size``.
      size: Below 2**62; int64 [N] if each index is of an order of its own.
      key: Tells one order from another.
    """
    sizes = np.broadcast_to(np.asarray(size, np.uint64), index.shape)
    keys = np.broadcast_to(np.asarray(key, np.uint64), index.shape)
    one, two = np.uint64(1), np.uint64(2)
    half = np.ones(index.shape, np.uint64)
    while (small := (one << two * half) < sizes).any():
        half[small] += one
    mask = (one << half) - one
    value = index.astype(np.uint64)
    left = np.arange(len(index))
    while len(left):
        bits, low = half[left], mask[left]
        a, b = value[left] >> bits, value[left] & low
        for number in range(_ROUNDS):
            step = np.uint64((number + 1) * _GOLDEN % 2**64)
            a, b = b, a ^ (_mixed(_mixed(b + step) ^ keys[left]) & low)
        value[left] = a << bits | b
        left = left[value[left] >= sizes[left]]
    return value.astype(np.int64)


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's mixing of 64 bits (Steele, Lea and Flood, OOPSLA 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
