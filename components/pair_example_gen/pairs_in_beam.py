"""Draws and writes pairs of images of which no process holds a table.

A pair is drawn by the numbers of its two images (``drawing``). What a row says of an image is
looked up in the file of its shard, once a shard, and comes together with the rest by key.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.utils import shared
from numpy.typing import NDArray

from components import features
from components.pair_example_gen import pair_rows
from components.pair_example_gen.drawing import DrawnPairs
from components.pair_example_gen.pair_rows import PairRows
from components.pair_example_gen.pairing import Indices
from components.pair_example_gen.records import UNFINISHED, write_shard
from components.stored_arrays import read_arrays, write_arrays

# Which rows of a pair shard (two a pair, one an image), and which images of the image shard they
# are: int32 [2, R]. As bytes, since often there are one or two, and a pickled array takes 150 bytes
# more than its numbers.
_Wanted = tuple[int, bytes]
# Some of a pair shard's rows, int32 [R], and what they say of these images.
_Found = tuple[bytes, Mapping[str, list[bytes]]]


@dataclass(frozen=True)
class Drawing:
    """What the pairs of a split are drawn from.

    Attributes:
      split: The split.
      count: How many pairs, half of them of one person.
      seed: Of ``DrawnPairs``.
      sizes: How many images each person has, int64 ``[G]``.
      starts: The number of each shard's first image, int64 ``[S]``.
      names: The names of the shards, bytes ``[S]``.
      at_once: The numbers of the images of all pairs, int64 ``[2, P]``; none if workers draw them.
    """

    split: str
    count: int
    seed: tuple[int, ...]
    sizes: Indices
    starts: Indices
    names: NDArray[np.bytes_]
    at_once: Indices

    def rows(self, start: int, stop: int) -> Indices:
        """The numbers of the two images of some of the pairs, int64 ``[2, stop - start]``."""
        if self.at_once.size:
            return self.at_once[:, start:stop]
        return np.stack(self._drawn.rows(start, stop)[:2])

    @cached_property
    def _drawn(self) -> DrawnPairs:
        return DrawnPairs(self.sizes, self.count // 2, self.seed)

    def leave(self, uri: str) -> None:
        """Puts it where workers find it."""
        arrays = {name: np.asarray(getattr(self, name)) for name in _KEPT}
        write_arrays(_path(uri, self.split), arrays)

    @classmethod
    def left(cls, uri: str, split: str) -> "Drawing":
        """What ``leave`` put there."""
        found = read_arrays(_path(uri, split))
        count, seed = int(found.pop("count")), tuple(found.pop("seed").tolist())
        return cls(split, count, seed, **found)


_KEPT = tuple(each.name for each in fields(Drawing) if each.name != "split")


def draw_pairs(pipeline: Any, uri: str, drawing: Drawing, columns: str) -> Any:
    """Adds the pairs of a split to a pipeline.

    Args:
      pipeline: Gets the steps.
      uri: Of the artifact of pairs, where the drawing was left.
      drawing: What they are drawn from.
      columns: Folder of ``<split>/<shard>.npz``, what rows say of the images of each shard, as
        ``PairRows`` has it.

    Returns:
      How many pairs were written, by the shard.
    """
    split = drawing.split
    return (
        pipeline
        | f"Pairs[{split}]" >> beam.Create([drawing.count])
        | f"PairShards[{split}]" >> beam.FlatMap(lambda pairs: enumerate(_shards(pairs)))
        | f"SpreadShards[{split}]" >> beam.Reshuffle()
        | f"Draw[{split}]" >> beam.ParDo(_Draw(uri, split))
        | f"ByImageShard[{split}]" >> beam.GroupByKey()
        | f"LookUp[{split}]" >> beam.FlatMap(_look_up, f"{columns}/{split}")
        | f"ByPairShard[{split}]" >> beam.GroupByKey()
        | f"Write[{split}]" >> beam.Map(_write, uri, split)
    )


def _shards(pairs: int) -> list[tuple[int, int]]:
    size = pair_rows.PAIRS_A_SHARD
    return [(start, min(start + size, pairs)) for start in range(0, pairs, size)]


class _Draw(beam.DoFn):
    """Draws the pairs of a shard; yields which images they are of, by the shard of these."""

    def __init__(self, uri: str, split: str):
        self._uri, self._split = uri, split
        self._handle = shared.Shared()

    def process(self, shard: tuple[int, tuple[int, int]]) -> Iterator[tuple[str, _Wanted]]:
        number, (start, stop) = shard
        drawing = self._handle.acquire(
            partial(Drawing.left, self._uri, self._split), tag=self._split
        )
        image = drawing.rows(start, stop).T.ravel()
        of = np.searchsorted(drawing.starts, image, side="right") - 1
        order = np.argsort(of, kind="stable")
        ends = np.flatnonzero(np.diff(of[order], append=-1)) + 1
        for rows in np.split(order, ends[:-1]):
            at = of[rows[0]]
            wanted = np.stack([rows, image[rows] - drawing.starts[at]]).astype(np.int32)
            yield drawing.names[at].decode(), (number, wanted.tobytes())


def _look_up(of_shard: tuple[str, Iterable[_Wanted]], folder: str) -> Iterator[tuple[int, _Found]]:
    name, wanted = of_shard
    columns = read_arrays(f"{folder}/{name}.npz")
    for number, packed in wanted:
        rows, images = np.frombuffer(packed, np.int32).reshape(2, -1)
        found = {key: column[images].tolist() for key, column in columns.items()}
        yield number, (rows.tobytes(), found)


def _write(shard: tuple[int, Iterable[_Found]], uri: str, split: str) -> int:
    number, parts = shard
    all_rows, found = zip(*parts, strict=True)
    order = np.argsort(np.frombuffer(b"".join(all_rows), np.int32))
    columns = {
        key: np.array([value for part in found for value in part[key]], np.bytes_)[order]
        for key in found[0]
    }
    first, second = np.arange(len(order)).reshape(-1, 2).T
    identities = columns[features.IDENTITY]
    label = (identities[first] == identities[second]).astype(np.int64)
    sampled: Sequence[str] = [features.SAMPLED] * len(label)
    rows = PairRows(columns).rows(first, second, label, sampled)
    write_shard(uri, split, f"pairs-{number:05d}", rows)
    return len(label)


def _path(uri: str, split: str) -> str:
    return f"{uri}/{UNFINISHED}/drawing-{split}.npz"
