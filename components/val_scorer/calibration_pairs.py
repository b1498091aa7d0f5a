"""Pairs to calibrate a decision on: their distances, as they are and on aged copies of the images.

All that costs time is in here, so that another objective needs none of it again.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.exported_model import EMBED_BATCH, ExportedModel
from components.metrics import resolution
from components.pair_example_gen.pairing import draw_pairs, possible_pairs
from components.val_scorer.ageing import aged

PLAIN: Final = "plain"
FILE: Final = "pairs.npz"

Say = Callable[[int, int], None]


@dataclass(frozen=True)
class CalibrationPairs:
    """Pairs with their distances.

    Attributes:
      ids: str ``[N]``, the images.
      identities: str ``[N]``, who they show.
      a: int64 ``[P]``, the row of each pair's first image.
      b: int64 ``[P]``, of its second.
      labels: int64 ``[P]``, 1 same, 0 different.
      added: bool ``[P]``, pairs of two people that nobody asked for. There are as many as photos
        allow, and a false match rate is the better known the more there are; but with them, the
        pairs no longer have the mix of same and different that was asked for.
      distances: float32 ``[P]`` each: ``plain``, of the images as they are, and by the name of an
        ageing, of their copies: both images of a pair are aged.
    """

    ids: np.ndarray
    identities: np.ndarray
    a: np.ndarray
    b: np.ndarray
    labels: np.ndarray
    added: np.ndarray
    distances: dict[str, np.ndarray]

    @property
    def numbers_a(self) -> np.ndarray:
        """int32 ``[P]``, who the first images show, as numbers that rise with the names."""
        return self._numbers[self.a]

    @property
    def numbers_b(self) -> np.ndarray:
        """int32 ``[P]``, who the second images show, likewise."""
        return self._numbers[self.b]

    @cached_property
    def _numbers(self) -> np.ndarray:
        return np.unique(self.identities, return_inverse=True)[1].astype(np.int32)

    @property
    def people(self) -> int:
        """How many people the pairs show."""
        return resolution.people(self.numbers_a, self.numbers_b)

    @property
    def couples(self) -> int:
        """How many different couples of people the pairs show."""
        return resolution.couples(self.numbers_a, self.numbers_b)

    @property
    def images(self) -> int:
        """How many images the pairs name."""
        return len(np.union1d(self.a, self.b))

    def given(self) -> "CalibrationPairs":
        """Without the pairs that were added."""
        kept = ~self.added
        return CalibrationPairs(
            self.ids,
            self.identities,
            self.a[kept],
            self.b[kept],
            self.labels[kept],
            self.added[kept],
            {kind: values[kept] for kind, values in self.distances.items()},
        )

    def digest(self) -> str:
        """SHA-256 of which pairs these are, whatever their order, as 64 hex digits."""
        ids = np.char.encode(self.ids, "utf-8").tolist()
        rows = zip(self.a, self.b, self.labels, strict=True)
        digest = hashlib.sha256()
        for line in sorted(b"%b\t%b\t%d\n" % (ids[a], ids[b], label) for a, b, label in rows):
            digest.update(line)
        return digest.hexdigest()

    def save(self, folder: str | Path) -> None:
        """Writes ``pairs.npz`` into a folder, which is made if it is not there."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        columns = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name != "distances"
        }
        named: dict[str, Any] = {
            f"distances_{name}": values for name, values in self.distances.items()
        }
        np.savez(Path(folder, FILE), **columns, **named)

    @classmethod
    def load(cls, folder: str | Path) -> "CalibrationPairs":
        """Reads what ``save`` wrote."""
        with np.load(Path(folder, FILE), allow_pickle=False) as found:
            columns = {name: found[name] for name in found.files}
        distances = {
            name.removeprefix("distances_"): columns.pop(name)
            for name in sorted(columns)
            if name.startswith("distances_")
        }
        return cls(**columns, distances=distances)


@dataclass(frozen=True)
class AskedPairs:
    """Pairs whose distances are asked for.

    Attributes:
      ids: str ``[N]``, the images that they name, each once and in rising order.
      a: int64 ``[P]``, the row of each pair's first image.
      b: int64 ``[P]``, of its second.
      labels: int64 ``[P]``, 1 same.
      strangers: Add so many pairs of two people, spread over all couples of people, from the images
        at hand; fewer where there are not so many.
    """

    ids: np.ndarray
    a: np.ndarray
    b: np.ndarray
    labels: np.ndarray
    strangers: int

    @classmethod
    def of(cls, pairs: np.ndarray, labels: np.ndarray, strangers: int) -> "AskedPairs":
        """Takes pairs by their image ids, UTF-8 bytes ``[P, 2]``: text takes four times as much.

        Raises:
          ValueError: There is no pair.
        """
        if not len(pairs):
            raise ValueError("there is no pair to calibrate on; give photos of two people or more")
        ids, index = np.unique(pairs.ravel(), return_inverse=True)
        a, b = index.reshape(-1, 2).T.astype(np.int64)
        return cls(np.char.decode(ids, "utf-8"), a, b, np.asarray(labels, np.int64), strangers)

    def check(self, seen: np.ndarray) -> None:
        """Looks whether all images are there.

        Args:
          seen: bool ``[N]``.

        Raises:
          ValueError: One is not.
        """
        if not seen.all():
            raise ValueError(
                f"a pair names image {self.ids[~seen].item(0)!r}, which is not among the images; "
                "make images and pairs in one PairExampleGen run"
            )

    def compared(
        self,
        model: ExportedModel,
        identities: np.ndarray,
        kinds: Sequence[str],
        embeddings: Callable[[str], np.ndarray],
    ) -> CalibrationPairs:
        """The pairs with their distances.

        Args:
          model: Compares.
          identities: str ``[N]``, who the images show.
          kinds: ``plain`` and the ageings.
          embeddings: Gives those of a kind, float32 ``[N, D]``; asked for one after the other.
        """
        more_a, more_b = _strangers(identities, self.strangers, self.a, self.b)
        a, b = np.concatenate([self.a, more_a]), np.concatenate([self.b, more_b])

        def distances(kind: str) -> np.ndarray:
            # Let go on return: only one kind's are held.
            table = embeddings(kind)
            return model.distances(table, table, a, b)

        return CalibrationPairs(
            ids=self.ids,
            identities=identities,
            a=a,
            b=b,
            labels=np.concatenate([self.labels, np.zeros(len(more_a), np.int64)]),
            added=np.repeat([False, True], [len(self.a), len(more_a)]),
            distances={kind: distances(kind) for kind in kinds},
        )


def embed_copies(
    model: ExportedModel, images: Iterable[tuple[str, bytes]], ageings: Sequence[str]
) -> Iterator[tuple[list[str], dict[str, np.ndarray]]]:
    """Embeds images, and each of their aged copies.

    Args:
      model: Embeds.
      images: Ids and files; at most a batch is held.
      ageings: Of ``ageing.STRENGTHS``.

    Yields:
      The ids of a batch, and its embeddings float32 ``[batch, D]`` by kind: ``plain`` and the
      ageings.
    """
    left = iter(images)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        while batch := list(islice(left, EMBED_BATCH)):
            ids, originals = [name for name, _ in batch], [data for _, data in batch]
            files, embeddings = originals, {}
            for kind, following in zip((PLAIN, *ageings), (*ageings, None), strict=True):
                # The copies of the next kind are made while those of this one are embedded.
                copies = following and pool.map(aged, originals, repeat(following), ids)
                embeddings[kind] = model.embed(files)
                files = list(copies or ())
            yield ids, embeddings


def score_copies(
    model: ExportedModel,
    images: Iterable[tuple[str, bytes]],
    pairs: Sequence[tuple[str, str]],
    labels: np.ndarray,
    identity_of: Callable[[str], str],
    ageings: Sequence[str],
    strangers: int = 0,
    say: Say = lambda done, total: None,
) -> CalibrationPairs:
    """Embeds each image once, and each of its aged copies, and compares pair by pair.

    Both images of a pair are aged in one way. That is where strangers come nearer: what blur or
    noise does to two faces alike makes their embeddings alike. One aged image beside a good one
    moves the two apart, which costs recall and no false match (measured in docs/decision.md).

    Args:
      model: Embeds and compares.
      images: Ids and files, each id once; at most a batch is held. Those that no pair names are
        passed over.
      pairs: The two image ids of each pair.
      labels: int ``[P]``, 1 same.
      identity_of: Who an image shows, by its id; asked when the images have been read.
      ageings: Of ``ageing.STRENGTHS``.
      strangers: See ``AskedPairs``.
      say: Is told how many of how many images are done.

    Raises:
      ValueError: There is no pair, or a pair names an image that is not there.
    """
    encoded = np.char.encode(np.asarray(pairs, np.str_), "utf-8")
    asked = AskedPairs.of(encoded, labels, strangers)
    row_of = {str(name): row for row, name in enumerate(asked.ids)}
    tables: dict[str, np.ndarray] = {}
    seen = np.zeros(len(asked.ids), bool)
    wanted = ((image_id, data) for image_id, data in images if image_id in row_of)
    for ids, embeddings in embed_copies(model, wanted, ageings):
        rows = [row_of[image_id] for image_id in ids]
        seen[rows] = True
        for kind, values in embeddings.items():
            table = tables.setdefault(kind, np.empty((len(seen), values.shape[1]), np.float32))
            table[rows] = values
        say(int(seen.sum()), len(seen))
    asked.check(seen)
    identities = np.array([identity_of(str(name)) for name in asked.ids])
    return asked.compared(model, identities, (PLAIN, *ageings), tables.__getitem__)


def _strangers(
    identities: np.ndarray, count: int, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of two people, without those that are there already."""
    _, people, sizes = np.unique(identities, return_inverse=True, return_counts=True)
    _, different = possible_pairs(sizes)
    first, second, _ = draw_pairs(people, 0, min(count, different), seed=0)

    def number(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.minimum(one, other) * len(identities) + np.maximum(one, other)

    new = ~np.isin(number(first, second), number(a, b))
    return first[new], second[new]
