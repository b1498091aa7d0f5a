"""The data set that comes with the project: drawn faces of people who do not exist.

Every person has a face of their own (shape of head, eyes, brows, nose and mouth, marks, hair,
beard, glasses), and every picture is taken anew: pose, expression, light, background, clothes,
things in front of the face, blur, noise, JPEG quality. What differs between two pictures of one
person is large enough that raw pixels tell little: ``tests/data/test_synthetic_hardness.py``
measures how little.

A picture depends on (seed, identity, index, size) alone, byte for byte on one machine with the same
releases of NumPy and Pillow: neither on the other pictures nor on how many processes drew them.
"""

import csv
import json
import logging
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from data import _face_params as params
from data import _face_photo

logger = logging.getLogger(__name__)

# Raise it whenever a picture comes out differently: folders drawn before are then out of date.
DRAWING_VERSION = 2
ATTRIBUTES = ("skin", "hair", "beard", "glasses", "light", "occlusion", "pose")
IMAGE_LIST = "images.csv"
PARAMETERS_FILE = "dataset.json"
MIN_SIZE = 32

# Starting worker processes takes longer than drawing this many pictures.
_ALONE_BELOW = 64

Progress = Callable[[int, int], None]


def draw_face(seed: int, identity: int, index: int, size: int = 112) -> np.ndarray:
    """Draws picture ``index`` of person ``identity``, as it is before JPEG compression.

    Args:
        seed: of the data set; 0 or more.
        identity: number of the person; 0 or more.
        index: number of the picture; 0 or more.
        size: side of the picture in pixels, at least 32.

    Returns:
        uint8 [size, size, 3], RGB.

    Raises:
        ValueError: an argument is out of range.
    """
    _check_numbers(seed=seed, identity=identity, index=index)
    if size < MIN_SIZE:
        raise ValueError(f"size is {size}; faces need {MIN_SIZE} pixels or more")
    person = params.sample_identity(seed, identity)
    return _face_photo.take(
        person,
        params.sample_shot(seed, identity, index, person),
        size,
        details=params.detail_generator(seed, identity),
        pixels=params.pixel_generator(seed, identity, index),
    )


def face_jpeg(seed: int, identity: int, index: int, size: int = 112) -> bytes:
    """The JPEG file of picture ``index`` of person ``identity``; arguments as `draw_face`."""
    pixels = draw_face(seed, identity, index, size)
    person = params.sample_identity(seed, identity)
    shot = params.sample_shot(seed, identity, index, person)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=shot.jpeg_quality)
    return buffer.getvalue()


def face_attributes(seed: int, identity: int, index: int) -> dict[str, str]:
    """What to slice by, without drawing.

    Of the person: ``skin`` (light, medium, dark), ``hair`` (dark, fair, red, grey, none) and
    ``beard`` (yes, no; stubble and a moustache are beards). Of the picture: ``glasses`` (yes, no;
    people leave theirs off now and then), ``light`` (bright, dim, side), ``occlusion`` (yes, no:
    sunglasses, mask, cap or scarf) and ``pose`` (frontal, turned by 15 degrees or more).
    """
    _check_numbers(seed=seed, identity=identity, index=index)
    person = params.sample_identity(seed, identity)
    shot = params.sample_shot(seed, identity, index, person)
    return {
        "skin": person.skin_group,
        "hair": person.hair_group,
        "beard": _yes(person.beard != "none"),
        "glasses": _yes(shot.wears_glasses),
        "light": shot.light,
        "occlusion": _yes(shot.occluder != "none"),
        "pose": shot.pose,
    }


def generate(
    out_dir: str | Path,
    *,
    identities: int = 300,
    images_per_identity: int = 10,
    size: int = 112,
    seed: int = 0,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Writes a data set: ``id_0007/id_0007_03.jpg`` and so on, ``images.csv``, ``dataset.json``.

    ``images.csv`` has the columns ``image`` (path below ``out_dir``), ``identity`` and those of
    `face_attributes`. ``dataset.json`` holds the parameters. The folder is filled under a temporary
    name beside ``out_dir`` and renamed, so that what is there is whole, whenever the process ends.
    A killed process leaves a hidden ``.<name>.partial-*`` folder, which may be removed. Nothing is
    done when ``out_dir`` already holds a data set with the same parameters.

    Args:
        out_dir: the folder to make.
        identities: how many people.
        images_per_identity: how many pictures of each.
        size: side of the pictures in pixels, at least 32.
        seed: another seed gives other people.
        workers: processes that draw; None takes one for every core this process may use. With more
            than one, a script must guard its entry with ``if __name__ == "__main__"``.
        overwrite: replace a synthetic data set that has other parameters.
        progress: called with how many people are drawn, and of how many.

    Returns:
        ``out_dir``.

    Raises:
        ValueError: an argument is out of range.
        FileExistsError: ``out_dir`` holds something else.
    """
    _check_numbers(seed=seed)
    for name, value, least in (
        ("identities", identities, 1),
        ("images_per_identity", images_per_identity, 1),
        ("size", size, MIN_SIZE),
        ("workers", 1 if workers is None else workers, 1),
    ):
        if value < least:
            raise ValueError(f"{name} is {value}; it must be {least} or more")
    target = Path(out_dir)
    parameters = {
        "kind": "synthetic faces",
        "drawing_version": DRAWING_VERSION,
        "identities": identities,
        "images_per_identity": images_per_identity,
        "size": size,
        "seed": seed,
    }
    if not _needs_drawing(target, parameters, overwrite):
        logger.info("%s already holds these %d identities", target, identities)
        return target
    if workers is None:
        alone = identities * images_per_identity < _ALONE_BELOW
        workers = 1 if alone else len(os.sched_getaffinity(0))

    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    try:
        filled, replaced = scratch / "filled", scratch / "replaced"
        filled.mkdir()
        _fill(filled, parameters, min(workers, identities), progress)
        if target.exists():
            target.rename(replaced)
        try:
            filled.rename(target)
        except OSError:
            if replaced.exists():
                replaced.rename(target)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    logger.info("wrote %d images of %d identities to %s",
                identities * images_per_identity, identities, target)  # fmt: skip
    return target


def _fill(folder: Path, parameters: dict, workers: int, progress: Progress | None) -> None:
    count = parameters["identities"]
    jobs = [
        (
            folder,
            parameters["seed"],
            identity,
            parameters["images_per_identity"],
            parameters["size"],
        )
        for identity in range(count)
    ]
    with (folder / IMAGE_LIST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image", "identity", *ATTRIBUTES))
        for done, rows in enumerate(_run(jobs, workers), start=1):
            writer.writerows(rows)
            if progress is not None:
                progress(done, count)
    text = json.dumps(parameters, indent=2) + "\n"
    (folder / PARAMETERS_FILE).write_text(text, encoding="utf-8")


def _run(jobs: list[tuple], workers: int) -> Iterator[list[tuple[str, ...]]]:
    if workers == 1:
        yield from map(_write_identity, jobs)
        return
    # Forking a process that has started TensorFlow's threads can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from pool.map(_write_identity, jobs, chunksize=4)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _write_identity(job: tuple[Path, int, int, int, int]) -> list[tuple[str, ...]]:
    """Writes one person's pictures; returns their rows of the image list."""
    folder, seed, identity, images, size = job
    name = f"id_{identity:04d}"
    (folder / name).mkdir()
    rows = []
    for index in range(images):
        image = f"{name}/{name}_{index:02d}.jpg"
        (folder / image).write_bytes(face_jpeg(seed, identity, index, size))
        attributes = face_attributes(seed, identity, index)
        rows.append((image, name, *(attributes[key] for key in ATTRIBUTES)))
    return rows


def _needs_drawing(target: Path, parameters: dict, overwrite: bool) -> bool:
    """False when ``target`` already is the data set asked for."""
    if not target.exists():
        return True
    if not target.is_dir():
        raise FileExistsError(f"{target} is a file; name a folder to make")
    if not any(target.iterdir()):
        return True
    try:
        found = json.loads((target / PARAMETERS_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        found = {}
    if found == parameters:
        return False
    # Never replaced, even with overwrite: it may hold someone's own pictures.
    if not isinstance(found, dict) or found.get("kind") != parameters["kind"]:
        raise FileExistsError(
            f"{target} holds files but no synthetic data set; name another folder, or empty it"
        )
    if not overwrite:
        differ = ", ".join(
            f"{key} {found.get(key)} instead of {value}"
            for key, value in parameters.items()
            if found.get(key) != value
        )
        raise FileExistsError(
            f"{target} holds another synthetic data set ({differ}); "
            "name another folder, or ask to overwrite it"
        )
    return True


def _check_numbers(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 0:
            raise ValueError(f"{name} is {value}; it must be 0 or more")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
