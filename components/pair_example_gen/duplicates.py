"""One photo that stands in a data set more than once, byte for byte or encoded anew.

Each image gets a difference hash of 16 x 16 bits: whether it grows brighter from one cell to the
next (Krawetz, "Kind of Like That", 2013, has 8 x 8). Of LFW's 13,233 photos, 300 encoded anew (JPEG
of quality 20 and 50, half and double the size) differ in at most 25 of 256 bits from themselves,
97 % in at most 20. Of the 87 million pairs of two people, five differ in 15 or less, and all of
these show one photo twice; the next ones differ in 35, and in 30 where faces are aligned.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image as Pillow

from components import features
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import Image

DUPLICATES_FILE: Final = "duplicates.csv"

_SIDE: Final = 16
_BYTES: Final = _SIDE * _SIDE // 8
_MOST_BITS: Final = 20
# A picture in which fewer cells differ from the next is plain, or striped: nothing to tell it by.
_FEWEST_CHANGES: Final = _SIDE * _SIDE // 4
# From so many images on, half of which are one picture, the data set is none.
_FEW: Final = 10
_LOOKED_AT: Final = 16
_QUERIES_AT_ONCE: Final = 1024
# From so many on, parts are faster than comparing each with each: 0.6 s instead of 0.4 of LFW's
# 13,233, 1.7 instead of 3.3 of 66,165 like them, 15 of 264,660.
_MANY: Final = 32_768
_PARTS: Final = 12
_BITS_A_PART: Final = 21
_NAMED: Final = 3


class Duplicate(NamedTuple):
    """One photo under two people, or in two splits.

    Attributes:
      first: An image.
      split_of_first: Where it is.
      second: Another image.
      split_of_second: Where that is.
      bits: In how many of 256 bits their hashes differ.
    """

    first: Image
    split_of_first: str
    second: Image
    split_of_second: str
    bits: int

    def by_split_and_id(self) -> "Duplicate":
        """The same, with the two by split and id."""
        one, other = sorted(
            ((self.first, self.split_of_first), (self.second, self.split_of_second)),
            key=lambda placed: (features.SPLITS.index(placed[1]), placed[0].image_id),
        )
        return Duplicate(*one, *other, self.bits)

    @property
    def between_splits(self) -> bool:
        """Whether it is in two splits."""
        return self.split_of_first != self.split_of_second

    def told(self) -> str:
        """Both, for a message."""
        return (
            f"{self.first.image_id} ({self.first.identity}, {self.split_of_first}) and "
            f"{self.second.image_id} ({self.second.identity}, {self.split_of_second})"
        )


def picture_hash(data: bytes) -> bytes | None:
    """The difference hash of an image file, 32 bytes; None of a picture that is plain.

    Args:
      data: A JPEG or PNG file that can be decoded.
    """
    image: Pillow.Image = Pillow.open(io.BytesIO(data))
    image.draft("L", (4 * _SIDE, 4 * _SIDE))
    small = image.convert("L").resize((_SIDE + 1, _SIDE), Pillow.Resampling.BOX)
    cells = np.asarray(small, np.int16)
    changes = np.diff(cells, axis=1)
    if np.count_nonzero(changes) < _FEWEST_CHANGES:
        return None
    return np.packbits(changes > 0).tobytes()


class Hashed(NamedTuple):
    """Images that have a hash.

    Attributes:
      ids: UTF-8, bytes ``[N]``.
      identities: Likewise.
      splits: Likewise.
      codes: ``picture_hash``, uint8 ``[N, 32]``.
    """

    ids: np.ndarray
    identities: np.ndarray
    splits: np.ndarray
    codes: np.ndarray

    def take(self, rows: Sequence[int]) -> "Hashed":
        """Some of them."""
        return Hashed(*(column[list(rows)] for column in self))

    def duplicate(self, row: int, other: "Hashed", row_of_other: int, bits: int) -> Duplicate:
        """One of them and one of others, or of the same."""
        (first, split_of_first), (second, split_of_second) = (
            (
                Image(hashed.ids[at].decode(), hashed.identities[at].decode()),
                hashed.splits[at].decode(),
            )
            for hashed, at in ((self, row), (other, row_of_other))
        )
        return Duplicate(first, split_of_first, second, split_of_second, bits)


def find_duplicates(
    splits: Mapping[str, Sequence[Image]], hashes: Mapping[str, bytes]
) -> list[Duplicate]:
    """The photos that stand under two people or in two splits, the most alike first.

    Args:
      splits: The images of each split.
      hashes: ``picture_hash`` by image id; images without one are passed over.

    Raises:
      DataError: Half of the images or more are one and the same picture.
    """
    images = hashed_images(splits, hashes)
    refuse_one_picture(images.take(drawn_to_look_at(len(images.ids))), [images])
    return in_order(duplicates_of(images, images))


def hashed_images(splits: Mapping[str, Sequence[Image]], hashes: Mapping[str, bytes]) -> Hashed:
    """The images of each split that have a ``picture_hash``, given by image id."""
    rows = [
        (image.image_id.encode(), image.identity.encode(), split.encode(), hashes[image.image_id])
        for split, its in splits.items()
        for image in its
        if image.image_id in hashes
    ]
    *names, codes = zip(*rows, strict=True) if rows else ((), (), (), ())
    ids, identities, names_of_splits = (np.array(each, np.bytes_) for each in names)
    return Hashed(
        ids,
        identities,
        names_of_splits,
        np.frombuffer(b"".join(codes), np.uint8).reshape(-1, _BYTES),
    )


def in_order(duplicates: Iterable[Duplicate]) -> list[Duplicate]:
    """The most alike first, and of each two the one that comes first by split and id."""
    return sorted(
        map(Duplicate.by_split_and_id, duplicates),
        key=lambda one: (one.bits, one.first.image_id, one.second.image_id),
    )


def duplicates_of(images: Hashed, others: Hashed) -> Iterator[Duplicate]:
    """The photos of some images that are among others, under two people or in two splits.

    Args:
      images: Some images.
      others: Others, or the same: then each two are found once.
    """
    if not len(images.ids) or not len(others.ids):
        return
    same = images is others
    # Who is shown and in which split, by number: one person's photos in one split may be alike.
    (person, person_of_other), (place, place_of_other) = (
        np.split(np.unique(np.concatenate(both), return_inverse=True)[1], [len(images.ids)])
        for both in ((images.identities, others.identities), (images.splits, others.splits))
    )
    for a, b, bits in _alike(images.codes, others.codes):
        apart = (person[a] != person_of_other[b]) | (place[a] != place_of_other[b])
        if same:
            apart &= a < b
        for i, j, distance in zip(*(each[apart].tolist() for each in (a, b, bits)), strict=True):
            yield images.duplicate(i, others, j, int(distance))


def _alike(
    codes: np.ndarray, others: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields the pairs of codes that differ in ``_MOST_BITS`` or less: both rows, and how many.

    Many codes are looked up by parts (multi-index hashing: Norouzi, Punjani and Fleet, "Fast search
    in Hamming space with multi-index hashing", CVPR 2012): two that differ in 23 bits or less
    differ in one or none in one of 12 parts at least. So no pair is missed, and the time goes with
    the number of codes and not with its square.

    Args:
      codes: uint8 ``[N, 32]``.
      others: uint8 ``[M, 32]``.
    """
    import faiss

    index: Any
    if len(others) < _MANY:
        index = faiss.IndexBinaryFlat(8 * others.shape[1])
    else:
        index = faiss.IndexBinaryMultiHash(8 * others.shape[1], _PARTS, _BITS_A_PART)
        index.nflip = 1
    index.add(others)
    for begin in range(0, len(codes), _QUERIES_AT_ONCE):
        # FAISS takes what is nearer than the radius.
        ends, bits, near = index.range_search(
            codes[begin : begin + _QUERIES_AT_ONCE], _MOST_BITS + 1
        )
        queries = begin + np.repeat(np.arange(len(ends) - 1), np.diff(ends.astype(np.int64)))
        yield queries, near, bits


def drawn_to_look_at(images: int) -> list[int]:
    """Which of so many images ``refuse_one_picture`` looks at; none of a few.

    If half of them are one picture, one of these is of that, but for a chance of 2 to the -16.
    """
    if images < _FEW:
        return []
    return np.sort(np.random.default_rng(0).permutation(images)[:_LOOKED_AT]).tolist()


def refuse_one_picture(looked_at: Hashed, parts: Iterable[Hashed]) -> None:
    """Refuses a data set that is one picture again and again.

    Args:
      looked_at: The images of ``drawn_to_look_at``.
      parts: All images, some at a time.

    Raises:
      DataError: Half of the images or more are one and the same picture.
    """
    alike = np.zeros(len(looked_at.ids), np.int64)
    images = 0
    for part in parts:
        images += len(part.ids)
        for at, code in enumerate(looked_at.codes):
            bits = np.unpackbits(part.codes ^ code, axis=1).sum(axis=1)
            alike[at] += np.count_nonzero(bits <= _MOST_BITS)
    for count, image_id in zip(alike.tolist(), looked_at.ids.tolist(), strict=True):
        if 2 * count > images:
            raise DataError(
                f"{count:,} of {images:,} images are the same picture, such "
                f"as {image_id.decode()!r}: look at the files that were exported or aligned"
            )


def check_duplicates(duplicates: Sequence[Duplicate], config: DataConfig) -> None:
    """Refuses a data set with too many.

    Raises:
      DataError: There are more than the config allows.
    """
    across = [one for one in duplicates if one.between_splits]
    people = [one for one in duplicates if one.first.identity != one.second.identity]
    for found, limit, key, what in (
        (across, config.max_duplicates_between_splits, "splits", "in two splits"),
        (people, config.max_duplicates_between_people, "people", "under two people"),
    ):
        if limit is not None and len(found) > limit:
            named = "; ".join(one.told() for one in found[:_NAMED])
            raise DataError(
                f"{len(found)} photos are {what}, more than data.max_duplicates_between_{key}, "
                f"{limit}: {named}{' and others' if len(found) > _NAMED else ''}; remove one of "
                "each two, put both into one split, or raise the limit"
            )


def rows_of(duplicates: Sequence[Duplicate]) -> list[list[str]]:
    """The rows of ``duplicates.csv``, with its header."""
    header = ["image_a", "identity_a", "split_a", "image_b", "identity_b", "split_b", "bits"]
    rows = [
        [
            *(one.first.image_id, one.first.identity, one.split_of_first),
            *(one.second.image_id, one.second.identity, one.split_of_second),
            str(one.bits),
        ]
        for one in duplicates
    ]
    return [header, *rows]
