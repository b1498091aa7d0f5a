"""Where the hashes of people are divided into splits, found in Beam: no table of them is held."""

import heapq
from collections.abc import Iterable
from typing import NamedTuple

import apache_beam as beam

from components import features
from components.pair_example_gen.config import SplitShares
from components.pair_example_gen.splitting import first_of_splits

# Whatever the hashes are, the first of a split is among so many of the smallest ones, of the
# largest ones, or of those from the share of train on; see ``first_of_splits``.
_KEPT = 5


class Bounds(NamedTuple):
    """The hashes from which people are in val, and in test."""

    val: float
    test: float

    def split(self, fraction: float) -> str:
        """The split of somebody with a hash."""
        if fraction < self.val:
            return features.TRAIN
        return features.VAL if fraction < self.test else features.TEST


class Seen(NamedTuple):
    """What is known of some people's hashes.

    Attributes:
      people: How many they are.
      train: How many are below the share of train.
      val: How many are below the shares of train and val.
      smallest: The smallest ones, in rising order.
      largest: The largest ones, in falling order.
      behind: The smallest ones that are not below the share of train, in rising order.
    """

    people: int
    train: int
    val: int
    smallest: tuple[float, ...]
    largest: tuple[float, ...]
    behind: tuple[float, ...]


class FindBounds(beam.CombineFn):
    """Finds the bounds of all hashes, as ``splitting`` does with a table of them."""

    def __init__(self, shares: SplitShares):
        self._val, self._test = shares.train, shares.train + shares.val

    def create_accumulator(self) -> Seen:
        """Of nobody."""
        return Seen(0, 0, 0, (), (), ())

    def add_input(self, seen: Seen, fraction: float) -> Seen:
        """With one more."""
        below, one = fraction < self._val, (fraction,)
        more = Seen(1, int(below), int(fraction < self._test), one, one, () if below else one)
        return self.merge_accumulators((seen, more))

    def merge_accumulators(self, several: Iterable[Seen]) -> Seen:
        """Of all of them."""
        people, train, val, smallest, largest, behind = zip(*several, strict=True)
        return Seen(
            sum(people),
            sum(train),
            sum(val),
            tuple(heapq.nsmallest(_KEPT, (each for some in smallest for each in some))),
            tuple(heapq.nlargest(_KEPT, (each for some in largest for each in some))),
            tuple(heapq.nsmallest(_KEPT, (each for some in behind for each in some))),
        )

    def extract_output(self, seen: Seen) -> Bounds:
        """The bounds."""
        train, val = first_of_splits(seen.people, seen.train, seen.val)
        hashes = {
            **dict(enumerate(seen.smallest)),
            **{seen.people - 1 - at: each for at, each in enumerate(seen.largest)},
            **{seen.train + at: each for at, each in enumerate(seen.behind)},
        }
        return Bounds(
            self._val if train == seen.train else hashes[train],
            self._test if val == seen.val else hashes[val],
        )
