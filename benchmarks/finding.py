"""What the finder finds, what it takes for a face, how exactly, and how long it takes.

    LFW_DIR=... python -m benchmarks.finding

One table: photos of LFW (by default of its test people, on whom nothing was chosen) as they are,
tilted, turned, halved and laid in a room; then pictures without a face; then the time for photos of
several sizes, on one core.

"Found" is a face that is sure enough to be used, with its middle where the photo's own face is; the
landmarks of a changed photo are compared with those of the unchanged one, in distances between the
eyes.
"""

import argparse
import csv
import io
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from faces import DLIB_150, LFW, Face, Photo, faces_of, read_photo
from faces.choice import SURE_ENOUGH

ROOM = (1280, 720)
SIDES = (250, 550)
_SIDE = 250


class Changed(NamedTuple):
    """A changed photo, and where a place of the unchanged one (x, y) lies in it."""

    photo: Image.Image
    matrix: np.ndarray

    def place(self, points: np.ndarray) -> np.ndarray:
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]


Change = Callable[[Image.Image, np.random.Generator], Changed]


def resized(side: int) -> Change:
    """The photo with another number of pixels on a side."""

    def change(photo: Image.Image, random: np.random.Generator) -> Changed:
        scale = side / photo.width
        small = photo.resize((side, side), Image.Resampling.LANCZOS)
        return Changed(small, np.array([[scale, 0, 0], [0, scale, 0.0]]))

    return change


def turned(degrees: float) -> Change:
    """The photo turned about its middle, clockwise; black where it has no pixels."""

    def change(photo: Image.Image, random: np.random.Generator) -> Changed:
        angle, half = math.radians(degrees), photo.width / 2
        spin = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        shift = half - spin @ (half, half)
        return Changed(
            photo.rotate(-degrees, Image.Resampling.BICUBIC), np.column_stack((spin, shift))
        )

    return change


def in_a_room(photo: Image.Image, random: np.random.Generator) -> Changed:
    """The photo somewhere in a larger one of smooth random light."""
    side = int(random.integers(*SIDES))
    light = Image.fromarray(random.integers(0, 256, (9, 16), dtype=np.uint8))
    room = light.resize(ROOM, Image.Resampling.BICUBIC).convert("RGB")
    left, top = (int(random.integers(0, size - side + 1)) for size in ROOM)
    room.paste(photo.resize((side, side), Image.Resampling.BICUBIC), (left, top))
    scale = side / photo.width
    return Changed(room, np.array([[scale, 0, left], [0, scale, top]]))


CHANGES: dict[str, Change] = {
    "as they are": resized(_SIDE),
    "tilted 20°": turned(20),
    "tilted 30°": turned(-30),
    "tilted 45°": turned(45),
    "sideways": turned(90),
    "upside down": turned(180),
    "125 px": resized(125),
    "in a room": in_a_room,
}


def without_a_face(lfw: Path, rows: list[dict[str, str]], count: int) -> Iterator[Image.Image]:
    """Pictures without a face: corners of photos, quilts of corners, textures and drawings.

    Some corners show the face of someone who stands behind: look at what is found.
    """
    random = np.random.default_rng(0)

    def corner() -> Image.Image:
        photo = Image.open(lfw / "images" / rows[int(random.integers(len(rows)))]["image"])
        side, far = 75, _SIDE - 75
        left, top = (int(random.integers(2)) * far for _ in range(2))
        return photo.convert("RGB").crop((left, top, left + side, top + side))

    for number in range(count):
        if number % 2:
            yield corner().resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        elif number % 4:
            quilt = Image.new("RGB", (_SIDE, _SIDE))
            for place in np.ndindex(4, 4):
                quilt.paste(corner(), (place[0] * 63, place[1] * 63))
            yield quilt
        else:
            yield drawn(random)


def drawn(random: np.random.Generator) -> Image.Image:
    """Light of several grains, with shapes in front of every second one."""
    light = np.zeros((_SIDE, _SIDE, 3))
    for grain in (2, 4, 8, 16, 32, 64, 128):
        noise = random.uniform(-1, 1, (grain, grain)).astype(np.float32)
        layer = Image.fromarray(noise).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        light += np.asarray(layer)[..., None] * random.uniform(0, 60, 3)
    picture = Image.fromarray(np.uint8(np.clip(light + 128, 0, 255)))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(0, 2) * random.integers(5, 60))):
        colour = tuple(random.integers(0, 256, 3).tolist())
        (x, y), (width, height) = random.uniform(0, _SIDE, 2), random.uniform(5, 120, 2)
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        kind = random.integers(3)
        if kind == 0:
            pen.ellipse(box, fill=colour)
        elif kind == 1:
            pen.rectangle(box, fill=colour)
        else:
            pen.arc(box, 0, float(random.uniform(30, 330)), fill=colour, width=5)
    return picture


def look(photo: Image.Image) -> list[Face]:
    """What the finder is sure enough of."""
    pixels = np.asarray(photo.convert("RGB"))
    found = faces_of(Photo(pixels, photo.width, photo.height), DLIB_150)
    return [face for face in found if face.confidence >= SURE_ENOUGH]


def nearest(faces: list[Face], place: np.ndarray, within: float) -> Face | None:
    """The face nearest to a place, if one is near enough."""
    distances = [float(np.linalg.norm(face.landmarks.mean(0) - place)) for face in faces]
    if not faces or min(distances) > within:
        return None
    return faces[int(np.argmin(distances))]


def recall(lfw: Path, rows: list[dict[str, str]]) -> None:
    """Prints how many faces are found in photos changed in every way, and how exactly."""
    middle, eyes = np.mean(LFW.positions, axis=0), 44.7
    print(f"{'photos':14} {'number':>7} {'found':>8} {'error':>7} {'95 %':>7} {'ms':>7}")
    upright: dict[str, np.ndarray] = {}
    for name, change in CHANGES.items():
        random = np.random.default_rng(0)
        count, errors, begin = 0, [], time.process_time()
        for row in rows:
            changed = change(Image.open(lfw / "images" / row["image"]).convert("RGB"), random)
            scale = math.sqrt(abs(np.linalg.det(changed.matrix[:, :2])))
            face = nearest(look(changed.photo), changed.place(middle), eyes * scale)
            if face is None:
                continue
            count += 1
            known = upright.setdefault(row["image"], face.landmarks)
            distance = np.linalg.norm(face.landmarks - changed.place(known), axis=1).mean()
            errors.append(distance / (eyes * scale))
        spent = 1000 * (time.process_time() - begin) / len(rows)
        print(
            f"{name:14} {len(rows):>7,} {count / len(rows):>8.2%} {np.mean(errors):>7.3f} "
            f"{np.percentile(errors, 95):>7.3f} {spent:>7.1f}",
            flush=True,
        )


def false_finds(
    lfw: Path, rows: list[dict[str, str]], count: int, kept: Path | None = None
) -> None:
    """Prints in how many pictures without a face one is found; keeps those to look at."""
    finds = 0
    for number, picture in enumerate(without_a_face(lfw, rows, count)):
        faces = look(picture)
        finds += bool(faces)
        if faces and kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
            ImageDraw.Draw(picture).rectangle(faces[0].box, outline="red")
            picture.save(kept / f"{number:04}_{faces[0].confidence:.4f}.png")
    print(f"{count:,} pictures without a face: a face is found in {finds}")


def pace(photo: Image.Image, repeats: int = 5) -> None:
    """Prints how long reading a photo and finding its face takes."""
    print(f"{'photo':>14} {'megapixels':>11} {'reading, ms':>12} {'finding, ms':>12}")
    random = np.random.default_rng(0)
    for size in ((250, 250), (640, 480), (1152, 864), (4000, 3000), (8000, 6000), (16320, 12240)):
        light = Image.fromarray(random.integers(60, 200, (3, 4, 3), dtype=np.uint8))
        large = light.resize(size, Image.Resampling.BILINEAR)
        side = round(min(size) * 0.6)
        large.paste(photo.convert("RGB").resize((side, side)), (size[0] // 5, size[1] // 5))
        buffer = io.BytesIO()
        large.save(buffer, "JPEG", quality=85)
        spent = []
        for _ in range(repeats + 1):
            begin = time.process_time()
            read = read_photo(buffer.getvalue())
            middle = time.process_time()
            faces_of(read, DLIB_150)
            spent.append((middle - begin, time.process_time() - middle))
        reading, finding = 1000 * np.median(spent[1:], axis=0)
        name = f"{size[0]} x {size[1]}"
        print(f"{name:>14} {size[0] * size[1] / 1e6:>11.1f} {reading:>12.0f} {finding:>12.0f}")


def main(argv: list[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finding", description="What the face finder is worth."
    )
    parser.add_argument("--split", choices=("train", "test"), default="test", help="of LFW")
    parser.add_argument("--images", type=int, default=500, help="photos; 0 takes all of the split")
    parser.add_argument("--pictures", type=int, default=2_000, help="pictures without a face")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="writes false finds there")
    options = parser.parse_args(argv)
    lfw = Path(os.environ.get("LFW_DIR", "data/lfw"))
    if not (lfw / "images.csv").is_file():
        raise SystemExit(f"no LFW in {lfw.absolute()}; LFW_DIR names its folder")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    with (lfw / "images.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == options.split]
    np.random.default_rng(0).shuffle(rows)  # type: ignore[arg-type]
    rows = rows[: options.images or None]
    pace(Image.open(lfw / "images" / rows[0]["image"]))
    recall(lfw, rows)
    false_finds(lfw, rows, options.pictures, options.keep)


if __name__ == "__main__":
    main()
