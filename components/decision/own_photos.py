"""Pairs of one's own photos, to calibrate a decision on without any training."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from components.exported_model import ExportedModel
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.pair_lists import read_pair_list
from components.pair_example_gen.pairing import draw_pairs, possible_pairs
from components.pair_example_gen.sources import read_images
from components.val_scorer.calibration_pairs import CalibrationPairs, Say, score_copies
from faces.record import canvas_of

# Of each class. All pairs of 600 photos are 180,000.
MAX_PAIRS: Final = 200_000

# What is sent to the model of a photo, or why it cannot be used.
ReadPhoto = Callable[[Path], "bytes | str"]


def read_as_it_is(path: Path) -> bytes | str:
    """A photo's file, if the model can decode it; else the reason why not."""
    from components.pair_example_gen.images import read_and_inspect

    data, found = read_and_inspect(str(path), DataConfig(images=".").max_pixels)
    return found if isinstance(found, str) else data


def reader_for(model: str | Path) -> ReadPhoto:
    """Reads photos as a model wants them: with the face aligned, if it says how.

    Raises:
      ValueError: What the model says of it cannot be read.
    """
    from components.pair_example_gen.images import read_and_align

    canvas = canvas_of(Path(model))
    if canvas is None:
        return read_as_it_is

    def read(path: Path) -> bytes | str:
        data, found = read_and_align(str(path), canvas, "largest")
        return found if isinstance(found, str) else data

    return read


@dataclass(frozen=True)
class Photos:
    """Photos and pairs of them.

    Attributes:
      root: What the ids are below.
      ids: str ``[N]``.
      identities: str ``[N]``, who they show.
      a: int64 ``[P]``, rows of the pairs' first photos.
      b: int64 ``[P]``, of their second.
    """

    root: Path
    ids: np.ndarray
    identities: np.ndarray
    a: np.ndarray
    b: np.ndarray

    def only(self, usable: np.ndarray) -> "Photos":
        """Those pairs that have two usable photos, bool ``[N]``."""
        kept = usable[self.a] & usable[self.b]
        return Photos(self.root, self.ids, self.identities, self.a[kept], self.b[kept])


def photos_in(root: Path, max_pairs: int = MAX_PAIRS, seed: int = 0) -> Photos:
    """All photos in a folder with a folder per person, and all pairs of them.

    Args:
      root: Such as ``photos``, which holds ``photos/Ada/1.jpg``.
      max_pairs: Of one person, and of two; beyond, so many are drawn.
      seed: Of the drawing.

    Raises:
      DataError: There is no such folder, or it has another form.
    """
    images = read_images(DataConfig(images=str(root))).images
    ids = np.array([image.image_id for image in images])
    identities = np.array([image.identity for image in images])
    _, people, sizes = np.unique(identities, return_inverse=True, return_counts=True)
    same, different = (min(number, max_pairs) for number in possible_pairs(sizes))
    a, b, _ = draw_pairs(people, same, different, seed)
    return Photos(root, ids, identities, a, b)


def photos_of(pair_list: Path, root: Path) -> Photos:
    """The photos that a pair list names. Who is shown is the name of the first folder.

    Args:
      pair_list: CSV or LFW's form, see ``pair_lists``.
      root: What its paths are below.

    Raises:
      DataError: The list cannot be read, or a label contradicts the folders.
    """
    rows = read_pair_list(str(pair_list))
    for row in rows:
        first, second = (name.partition("/")[0] for name in (row.image_a, row.image_b))
        if (first == second) != (row.label == 1):
            raise DataError(
                f"{pair_list}, line {row.line}: label {row.label} for {row.image_a!r} and "
                f"{row.image_b!r}; people are told apart by the first folder of a path: give each "
                "person a folder"
            )
    names = [name for row in rows for name in (row.image_a, row.image_b)]
    ids, index = np.unique(names, return_inverse=True)
    a, b = index.reshape(-1, 2).T.astype(np.int64)
    identities = np.array([str(name).partition("/")[0] for name in ids])
    return Photos(root, ids, identities, a, b)


def score_photos(
    model: ExportedModel,
    photos: Photos,
    ageings: Sequence[str],
    read: ReadPhoto = read_as_it_is,
    say: Say = lambda done, total: None,
) -> tuple[CalibrationPairs, dict[str, str]]:
    """The distances of the pairs, and the photos that could not be used, with the reason.

    Args:
      model: Embeds and compares.
      photos: Photos and pairs.
      ageings: Of ``ageing.STRENGTHS``.
      read: Gives what is sent of a photo; here faces are found and aligned. Called twice a photo,
        so that not all of them need be held.
      say: Is told how many of how many photos are done.

    Raises:
      DataError: No pair is left.
    """
    named = np.union1d(photos.a, photos.b)
    unusable: dict[str, str] = {}
    usable = np.zeros(len(photos.ids), bool)
    for row in named:
        found = read(photos.root / str(photos.ids[row]))
        if isinstance(found, str):
            unusable[str(photos.ids[row])] = found
        else:
            usable[row] = True
    left = photos.only(usable)
    if not len(left.a):
        raise DataError(
            f"no pair of usable photos in {photos.root} ({len(unusable)} of {len(named)} photos "
            "cannot be used); give photos of two people or more, and two or more of some"
        )
    identity_of = dict(zip(photos.ids.tolist(), photos.identities.tolist(), strict=True))

    def files() -> Iterator[tuple[str, bytes]]:
        for row in np.union1d(left.a, left.b):
            found = read(left.root / str(left.ids[row]))
            if isinstance(found, str):
                raise DataError(f"{left.ids[row]} was usable a moment ago and is {found} now")
            yield str(left.ids[row]), found

    pairs = list(zip(left.ids[left.a].tolist(), left.ids[left.b].tolist(), strict=True))
    labels = (left.identities[left.a] == left.identities[left.b]).astype(np.int64)
    scored = score_copies(model, files(), pairs, labels, identity_of.__getitem__, ageings, say=say)
    return scored, unusable
