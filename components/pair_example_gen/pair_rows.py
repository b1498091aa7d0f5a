"""Writes pairs by the shard: wherever, from what the driver put beside the artifact.

A pair is two positions in the list of a split's images until its row is written. So the driver
leaves two kinds of files: the images of each split, once, and the positions of each shard; and what
goes through Beam are the names of shards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.utils import shared
from numpy.typing import NDArray

from components import features
from components.pair_example_gen.planning import SampledByWorkers
from components.pair_example_gen.records import UNFINISHED, write_shard
from components.stored_arrays import read_arrays, write_arrays

if TYPE_CHECKING:
    from components.pair_example_gen.planning import SplitPairs
    from components.pair_example_gen.sources import Image

# Shards have a fixed number of rows, so that files do not depend on how many workers write them.
PAIRS_A_SHARD: Final = 20_000

# What tells a parser that the features of an example follow: field 1, by its length.
_HEAD: Final = b"\x0a"
_OF_ONE_IMAGE: Final = {
    features.IMAGE_ID_A: features.IMAGE_ID,
    features.IMAGE_ID_B: features.IMAGE_ID,
    features.IDENTITY_A: features.IDENTITY,
    features.IDENTITY_B: features.IDENTITY,
}
_OF_FIRST: Final = (features.IMAGE_ID_A, features.IDENTITY_A)


class Shard(NamedTuple):
    """A shard that is to be written.

    Attributes:
      split: Its split.
      name: Its file's name.
      lists: The lists that its pairs are of, by number.
      drawn: Which of the split's pairs are drawn for it, first and last + 1; None takes those that
        the driver left.
    """

    split: str
    name: str
    lists: tuple[str, ...]
    drawn: tuple[int, int] | None = None


class PairRows:
    """Serialises pairs of some images.

    A row is its columns' bytes one after the other: to every parser of protocol buffers, a message
    that is followed by another of its kind is the two merged
    (https://protobuf.dev/programming-guides/encoding/#last-one-wins). Most of them are needed again
    and again: an image is in many pairs. That takes a tenth of the time of building each row.

    Args:
      columns: For each image, UTF-8 by the names of the images artifact: bytes ``[N]`` each.
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]]):
        self._columns = columns
        own = {*_OF_ONE_IMAGE.values()}
        self._attributes = [name for name in columns if name not in own]
        self._known: dict[str, dict[bytes | int, bytes]] = {}

    def rows(
        self,
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        label: NDArray[np.int64],
        pair_set: Sequence[str],
    ) -> Iterator[bytes]:
        """Serialised ``tf.train.Example``, with features in the order of their names.

        Args:
          first: Positions of image a, ``[P]``.
          second: Positions of image b, ``[P]``.
          label: 1 for one person, 0 for two, ``[P]``.
          pair_set: The list that each is of.
        """
        found: dict[str, list[bytes]] = {}
        for name, column in _OF_ONE_IMAGE.items():
            at = first if name in _OF_FIRST else second
            found[name] = self._entries(name, self._columns[column][at].tolist())
        found[features.LABEL] = self._entries(features.LABEL, label.tolist())
        found[features.PAIR_SET] = self._entries(
            features.PAIR_SET, [name.encode() for name in pair_set]
        )
        for name in self._attributes:
            a, b = self._columns[name][first], self._columns[name][second]
            found[name] = self._entries(name, np.where(a == b, a, features.MIXED.encode()).tolist())
        for row in zip(*(found[name] for name in sorted(found)), strict=True):
            body = b"".join(row)
            yield _HEAD + _varint(len(body)) + body

    def _entries(self, name: str, values: Sequence[bytes | int]) -> list[bytes]:
        """A column of values, each as the bytes of a ``tf.train.Features`` that has it alone."""
        known = self._known.setdefault(name, {})
        for value in set(values) - known.keys():
            message = tf.train.Features()
            if isinstance(value, bytes):
                message.feature[name].bytes_list.value.append(value)
            else:
                message.feature[name].int64_list.value.append(value)
            known[value] = message.SerializeToString()
        return [known[value] for value in values]


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def leave_pairs(
    uri: str,
    attribute_names: Sequence[str],
    splits: Mapping[str, Sequence["Image"]],
    pairs: Mapping[str, "SplitPairs"],
) -> list[Shard]:
    """Puts what ``WritePairs`` needs beside the artifact's splits; returns the shards to write.

    Args:
      uri: Of the artifact of pairs.
      attribute_names: The features beside the standard ones.
      splits: The images of each split.
      pairs: The pairs of each split, list after list.
    """
    shards: list[Shard] = []
    for split, images in splits.items():
        write_arrays(_images_path(uri, split), columns_of(images, attribute_names))
        parts = pairs[split]
        if isinstance(parts, SampledByWorkers):
            shards += _left_to_draw(uri, split, parts)
            continue
        lists = tuple(part.name for part in parts)
        rows = np.stack(
            [
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("first", "second", "label")
            ]
            + [np.repeat(np.arange(len(parts)), [len(part.label) for part in parts])]
        )
        for number, start in enumerate(range(0, rows.shape[1], PAIRS_A_SHARD)):
            shard = Shard(split, f"pairs-{number:05d}", lists)
            write_arrays(_rows_path(uri, shard), {"rows": rows[:, start : start + PAIRS_A_SHARD]})
            shards.append(shard)
    return shards


def columns_of(
    images: Sequence["Image"], attribute_names: Sequence[str]
) -> dict[str, NDArray[np.bytes_]]:
    """What rows say of images, as ``PairRows`` has it."""
    texts = {
        features.IMAGE_ID: [image.image_id for image in images],
        features.IDENTITY: [image.identity for image in images],
        **{
            name: [image.attributes[at] for image in images]
            for at, name in enumerate(attribute_names)
        },
    }
    return {
        name: np.array([text.encode() for text in column], np.bytes_)
        for name, column in texts.items()
    }


def _left_to_draw(uri: str, split: str, pairs: SampledByWorkers) -> Iterator[Shard]:
    """Puts what pairs are drawn from beside the artifact's splits; yields the shards."""
    numbers = np.array([pairs.half, pairs.wanted, *pairs.seed])
    write_arrays(
        _drawn_path(uri, split), {"images": pairs.images, "sizes": pairs.sizes, "numbers": numbers}
    )
    for number, start in enumerate(range(0, pairs.count, PAIRS_A_SHARD)):
        stop = min(start + PAIRS_A_SHARD, pairs.count)
        yield Shard(split, f"pairs-{number:05d}", (pairs.name,), (start, stop))


class WritePairs(beam.DoFn):
    """Writes shards of pairs."""

    def __init__(self, uri: str):
        self._uri = uri
        self._handle = shared.Shared()

    def process(self, shard: Shard) -> Iterator[int]:
        """Yields how many pairs were written."""
        # One split's at a time in a process: Beam keeps what was acquired last.
        held = self._handle.acquire(
            partial(_read_split, self._uri, shard.split, shard.drawn is not None), tag=shard.split
        )
        if shard.drawn is None:
            first, second, label, part = read_arrays(_rows_path(self._uri, shard))["rows"]
        else:
            first, second, label = held.source.rows(*shard.drawn)
            part = np.zeros_like(label)
        rows = held.images.rows(first, second, label, [shard.lists[at] for at in part.tolist()])
        write_shard(self._uri, shard.split, shard.name, rows)
        yield len(label)


def _read_split(uri: str, split: str, drawn: bool) -> "_Split":
    source = _read_source(_drawn_path(uri, split)) if drawn else None
    return _Split(_read_images(_images_path(uri, split)), source)


@dataclass(frozen=True)
class _Split:
    """What the shards of a split are made of; ``source`` where pairs are drawn."""

    images: PairRows
    source: SampledByWorkers | None


def _read_source(path: str) -> SampledByWorkers:
    found = read_arrays(path)
    half, wanted, *seed = found["numbers"].tolist()
    return SampledByWorkers(found["images"], found["sizes"], half, seed, wanted)


def _read_images(path: str) -> PairRows:
    return PairRows(read_arrays(path))


def _images_path(uri: str, split: str) -> str:
    return f"{uri}/{UNFINISHED}/images-{split}.npz"


def _drawn_path(uri: str, split: str) -> str:
    return f"{uri}/{UNFINISHED}/drawn-{split}.npz"


def _rows_path(uri: str, shard: Shard) -> str:
    return f"{uri}/{UNFINISHED}/rows-{shard.split}-{shard.name}.npz"
