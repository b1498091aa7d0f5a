"""The images and pairs that are measured: LFW's test images where LFW is, drawn faces elsewhere.

An image is taken several times, under new ids, where more are asked for than there are: decoding
and embedding a copy takes as long as any other image. Files are linked to, never copied.
"""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Of LFW's test images, and of the pairs among them in verification_test.csv.
IMAGES = 3_729
PAIRS = 166_800

_DRAWN = 1_000
_DRAWN_A_PERSON = 4
_SIDE = 250  # Pixels, as LFW has them.


@dataclass(frozen=True)
class Source:
    """Image files to measure with.

    Attributes:
      name: For the table.
      root: What paths are below.
      images: Path and identity of each.
      pairs: A pair list among them, if there is one.
    """

    name: str
    root: Path
    images: tuple[tuple[str, str], ...]
    pairs: Path | None = None


def find_source(work: Path) -> Source:
    """LFW, from the folder that ``LFW_DIR`` names, or ``data/lfw``; else faces drawn there."""
    lfw = Path(os.environ.get("LFW_DIR", "data/lfw")).absolute()
    if (lfw / "images.csv").is_file():
        with open(lfw / "images.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
        images = tuple((row["image"], row["identity"]) for row in rows)
        return Source("LFW test images", lfw / "images", images, lfw / "verification_test.csv")
    from data.synthetic import face_jpeg

    root = (work / "drawn").absolute()
    drawn = []
    for number in range(_DRAWN):
        person, index = divmod(number, _DRAWN_A_PERSON)
        path = root / f"{person:04d}" / f"{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(face_jpeg(0, person, index, _SIDE))
        drawn.append((f"{path.parent.name}/{path.name}", path.parent.name))
    return Source(f"synthetic faces of {_SIDE} px", root, tuple(drawn))


def _some(images: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Two images each of two people: what train and val need at least."""
    by_identity = defaultdict(list)
    for path, identity in images:
        by_identity[identity].append((path, identity))
    many = [found[:2] for found in by_identity.values() if len(found) > 1]
    return [*many[0], *many[1]]


def named_pairs(images: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str, int]]:
    """Pairs drawn at random, which name every image when there are as many pairs as images."""
    random = np.random.default_rng(0)
    a = np.resize(random.permutation(len(images)), count)
    b = (a + random.integers(1, len(images), count)) % len(images)
    return [
        (images[i][0], images[j][0], int(images[i][1] == images[j][1]))
        for i, j in zip(a.tolist(), b.tolist(), strict=True)
    ]


def write_data_set(folder: Path, source: Source, images: int, pairs: int) -> dict[str, str]:
    """Lays out a data set whose test split has so many images and pairs.

    Args:
      folder: Gets lists, and links to the source under one name a copy.
      source: Where the files are.
      images: Distinct ids.
      pairs: Between them. The source's own list, where images and pairs are as many as it has.

    Returns:
      ``images`` and ``image_list``, and ``pair_list``, as ``DataConfig`` takes them.
    """
    root = folder / "images"
    root.mkdir(parents=True)
    copies = -(-images // len(source.images))
    for name in ("train", "val", *map(str, range(copies))):
        (root / name).symlink_to(source.root, target_is_directory=True)
    test = [
        (f"{copy}/{path}", f"{copy}/{identity}")
        for copy in range(copies)
        for path, identity in source.images
    ][:images]
    with open(folder / "images.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "identity", "split"))
        for split in ("train", "val"):
            some = _some(source.images)
            table.writerows((f"{split}/{path}", f"{split}/{who}", split) for path, who in some)
        table.writerows((path, who, "test") for path, who in test)
    with open(folder / "pairs.csv", "w", newline="") as file:
        if source.pairs and (images, pairs) == (IMAGES, PAIRS):
            with open(source.pairs, newline="") as own:
                rows = list(csv.reader(own))[1:]
            listed = [(f"0/{a}", f"0/{b}", int(label)) for a, b, label in rows]
        else:
            listed = named_pairs(test, pairs)
        table = csv.writer(file)
        table.writerow(("image_a", "image_b", "match"))
        table.writerows(listed)
    return {
        "images": str(root),
        "align": "none",
        "image_list": str(folder / "images.csv"),
        "pair_list": str(folder / "pairs.csv"),
    }
