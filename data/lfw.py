"""Labeled Faces in the Wild: 13,233 photographs of 5,749 people, for benchmarks on real faces.

G. B. Huang, M. Ramesh, T. Berg, E. Learned-Miller, "Labeled Faces in the Wild: A Database for
Studying Face Recognition in Unconstrained Environments", UMass Amherst TR 07-49, 2007. The people
shown did not agree to be in it: nothing trained on it belongs where it decides about people.

A folder with it holds::

    images/<Name>/<Name>_0001.jpg   250 x 250 pixels
    images.csv                      image,identity,split[,attribute...]
    pairsDevTrain.txt               1,100 same and 1,100 different pairs of "View 1"
    pairsDevTest.txt                500 and 500, tab-separated: ``name i j`` is a same pair,
                                    ``name1 i name2 j`` a different one

`provide` takes such a folder as it is, or makes one with scikit-learn's downloader. The folder it
makes has the funneled (aligned) images, in colour, byte for byte. Its ``split`` is ``test`` for the
people in ``pairsDevTest.txt`` and ``train`` for all others; no person is in both. ``pairs.txt``
("View 2") is left out: its people are in both splits.
"""

import csv
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

IMAGE_LIST: Final = "images.csv"
PAIR_LISTS: Final = {"train": "pairsDevTrain.txt", "test": "pairsDevTest.txt"}
FOLDER_VARIABLE: Final = "LFW_DIR"
IMAGES: Final = 13_233
PEOPLE: Final = 5_749

# fetch_lfw_people loads every person with this many images or more into memory: one person, here.
# The download and its checksums are what it is called for.
_FEW_PEOPLE = 500
_NAMES_SHOWN = 3

Progress = Callable[[int, int], None]


def provide(out_dir: str | Path, *, progress: Progress | None = None) -> Path:
    """Finds Labeled Faces in the Wild, or fetches it.

    Args:
        out_dir: checked first; made when it does not exist and the environment's ``LFW_DIR`` does
            not name a folder either.
        progress: called with how many people are copied, and of how many.

    Returns:
        The folder that holds it, complete: ``out_dir`` or that of ``LFW_DIR``.

    Raises:
        FileNotFoundError: the folder is there but incomplete.
        OSError: the download failed.
    """
    target = Path(out_dir)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        return check(target)
    if os.environ.get(FOLDER_VARIABLE):
        return check(os.environ[FOLDER_VARIABLE])
    return fetch(target, progress=progress)


def check(folder: str | Path) -> Path:
    """Returns ``folder`` when it holds the whole data set.

    Raises:
        FileNotFoundError: with everything that is missing or does not fit together.
    """
    found = problems(folder)
    if found:
        raise FileNotFoundError(
            f"{folder} does not hold the whole of Labeled Faces in the Wild: {'; '.join(found)}. "
            f"Restore these, or remove the folder and run `faceauth data lfw --out {folder}`"
        )
    return Path(folder)


def problems(folder: str | Path) -> list[str]:
    """What ``folder`` lacks; an empty list when it is complete.

    Looks for the files listed at the top of this module, for every image that ``images.csv`` and
    the pair lists name, and whether the people of a pair list belong to its split.
    """
    root = Path(folder)
    missing = [
        name for name in ("images", IMAGE_LIST, *PAIR_LISTS.values()) if not (root / name).exists()
    ]
    if missing:
        return [f"no {name}" for name in missing]
    with (root / IMAGE_LIST).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        if not {"image", "identity", "split"} <= set(columns):
            return [f"{IMAGE_LIST} has the columns {columns}, not image, identity and split"]
        rows = list(reader)
    split_of = {row["image"]: row["split"] for row in rows}
    absent = [image for image in split_of if not (root / "images" / image).is_file()]
    found = [f"{len(absent)} of {len(rows)} images ({_some(absent)})"] if absent else []
    for split, name in PAIR_LISTS.items():
        images = {image for pair in _read_pairs(root / name) for image in pair}
        unknown = sorted(images - split_of.keys())
        if unknown:
            found.append(f"{IMAGE_LIST} lacks {len(unknown)} images of {name} ({_some(unknown)})")
        strays = sorted(image for image in images & split_of.keys() if split_of[image] != split)
        if strays:
            found.append(
                f"{len(strays)} images of {name} are not in split {split} ({_some(strays)})"
            )
    return found


def fetch(
    out_dir: str | Path,
    *,
    data_home: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Downloads the data set with scikit-learn (200 MB) and lays it out in ``out_dir``.

    What scikit-learn has already downloaded is not downloaded again. The folder appears when it is
    complete.

    Args:
        out_dir: the folder to make; it must not hold anything yet.
        data_home: scikit-learn's data folder; None takes its own choice (``SCIKIT_LEARN_DATA``).
        progress: called with how many people are copied, and of how many.

    Raises:
        FileExistsError: ``out_dir`` holds something.
        OSError: the download failed, or what is there from an earlier one is incomplete.
    """
    from sklearn.datasets import fetch_lfw_people, get_data_home

    target = Path(out_dir)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} is not empty; name another folder, or remove it")
    home = Path(get_data_home(data_home)) / "lfw_home"
    try:
        fetch_lfw_people(
            data_home=data_home, funneled=True, color=False, min_faces_per_person=_FEW_PEOPLE
        )
    except OSError as error:
        raise OSError(
            f"scikit-learn could not download Labeled Faces in the Wild to {home} ({error}). Where "
            f"the network does not allow it, place lfw_funneled/ and the pairs files in {home}, or "
            "a folder as `faceauth data lfw` makes it on another machine at "
            f"{target}, or let {FOLDER_VARIABLE} name one"
        ) from error
    return _lay_out(home, target, progress)


def _lay_out(home: Path, target: Path, progress: Progress | None) -> Path:
    """Copies scikit-learn's ``lfw_home`` to ``target`` in this project's layout."""
    source = home / "lfw_funneled"
    # The archive also holds lists of pairs beside the folders of people.
    people = sorted(path for path in source.iterdir() if path.is_dir())
    images = {person.name: sorted(person.glob("*.jpg")) for person in people}
    total = sum(map(len, images.values()))
    if (len(people), total) != (PEOPLE, IMAGES):
        # scikit-learn takes a folder for whole even when its extraction was interrupted.
        raise OSError(
            f"{source} holds {total} images of {len(people)} people instead of {IMAGES} of "
            f"{PEOPLE}: an extraction was interrupted. Remove {source} and run this again"
        )
    held_out = {
        Path(image).parent.name for pair in _read_pairs(home / PAIR_LISTS["test"]) for image in pair
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    try:
        filled = scratch / "filled"
        (filled / "images").mkdir(parents=True)
        with (filled / IMAGE_LIST).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("image", "identity", "split"))
            for done, (name, paths) in enumerate(images.items(), start=1):
                (filled / "images" / name).mkdir()
                for path in paths:
                    shutil.copyfile(path, filled / "images" / name / path.name)
                    split = "test" if name in held_out else "train"
                    writer.writerow((f"{name}/{path.name}", name, split))
                if progress is not None:
                    progress(done, len(images))
        for pair_list in PAIR_LISTS.values():
            lines = (home / pair_list).read_text(encoding="utf-8").splitlines()
            # The original begins with the number of pairs of each kind.
            pairs = [line for line in lines if "\t" in line]
            (filled / pair_list).write_text("\n".join(pairs) + "\n", encoding="utf-8")
        found = problems(filled)
        if found:
            raise OSError(f"the files in {home} do not fit together: {'; '.join(found)}")
        filled.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    logger.info("laid out %d images of %d people in %s", total, len(people), target)
    return target


def _read_pairs(path: Path) -> list[tuple[str, str]]:
    """The images that a pair list names, as paths below ``images``."""
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split("\t")
        if len(fields) == 1 and (number == 1 or not line):
            continue  # how many pairs, or an empty line
        if len(fields) == 3:
            fields = [fields[0], fields[1], fields[0], fields[2]]
        if len(fields) != 4 or not (fields[1].isdecimal() and fields[3].isdecimal()):
            raise ValueError(
                f"{path}, line {number}: {line!r} is neither `name i j` nor `name i name j` with "
                "tabs between; take the file from the data set's authors again"
            )
        first, i, second, j = fields
        pairs.append((_image(first, i), _image(second, j)))
    return pairs


def _image(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _some(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
