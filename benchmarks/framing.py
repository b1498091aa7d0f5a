"""What finding the face is worth, on LFW with the model that was pushed last.

    LFW_DIR=... python -m benchmarks.framing

How often the face is found in train images, and how wide the picture is in widths of the face; then
the pairs of ``pairsDevTest.txt`` four times: as they are, framed, lying somewhere in a larger
picture, and framed there. What the columns mean is in ``docs/benchmarks.md``.
"""

import argparse
import csv
import io
import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

from benchmarks.identify import newest_model
from benchmarks.scoring import say
from components.pair_example_gen.pair_lists import ListedPair, read_pair_list
from serving.framing import FaceFramer, PhotoError
from serving.framing_options import LFW_FACE_WIDTHS

# A webcam's picture, and how large LFW's 250 px may lie in it.
ROOM = (1280, 720)
SIDES = (250, 550)
_AT_A_TIME = 64
Change = Callable[[bytes], bytes | None]


def in_a_room(random: np.random.Generator) -> Change:
    """Lays a picture somewhere in a larger one of smooth random light."""

    def change(photo: bytes) -> bytes:
        side = int(random.integers(*SIDES))
        light = Image.fromarray(random.integers(0, 256, (9, 16), dtype=np.uint8))
        room = light.resize(ROOM, Image.Resampling.BICUBIC)
        left, top = (int(random.integers(0, size - side + 1)) for size in ROOM)
        room.paste(Image.open(io.BytesIO(photo)).convert("L").resize((side, side)), (left, top))
        buffer = io.BytesIO()
        room.save(buffer, "JPEG", quality=92)
        return buffer.getvalue()

    return change


def framed(framer: FaceFramer) -> Change:
    """Frames the face; None where none, or no single one, is found."""

    def change(photo: bytes) -> bytes | None:
        try:
            return framer.frame(photo)
        except PhotoError:
            return None

    return change


def find(lfw: Path, count: int) -> None:
    """Prints how often faces are found, and how wide the pictures are in widths of a face."""
    with open(lfw / "images.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    chosen = np.random.default_rng(0).choice(len(rows), min(count, len(rows)), replace=False)
    framer = FaceFramer()
    found: dict[str, list[bool]] = defaultdict(list)
    widths = []
    reasons: dict[str, int] = defaultdict(int)
    for at in chosen:
        row = rows[at]
        path = lfw / "images" / row["image"]
        try:
            square = Image.open(io.BytesIO(framer.frame(path)))
        except PhotoError as error:
            reasons[re.split(r"[.(]", str(error))[0]] += 1
            found[row["gender"]].append(False)
            continue
        found[row["gender"]].append(True)
        with Image.open(path) as image:
            widths.append(LFW_FACE_WIDTHS * image.width / square.width)
    everyone = [one for group in found.values() for one in group]
    print(f"{len(everyone):,} train images: {np.mean(everyone):.1%} usable; not: {dict(reasons)}")
    for group, ones in sorted(found.items()):
        print(f"  {group}: {np.mean(ones):.1%} of {len(ones):,}")
    middle, low, high = np.percentile(widths, (50, 5, 95))
    print(f"  {middle:.2f} faces wide (5 % to 95 %: {low:.2f} to {high:.2f})")


def verify(signature: Any, lfw: Path, pairs: list[ListedPair], change: Change, name: str) -> None:
    """Prints how well a model's ``serving_default`` tells pairs apart whose photos are changed."""
    import tensorflow as tf

    photos: dict[str, bytes | None] = {}
    for pair in pairs:
        for path in (pair.image_a, pair.image_b):
            if path not in photos:
                photos[path] = change((lfw / "images" / path).read_bytes())
    used = [pair for pair in pairs if photos[pair.image_a] and photos[pair.image_b]]
    same, scores = [], []
    for begin in range(0, len(used), _AT_A_TIME):
        part = used[begin : begin + _AT_A_TIME]
        answers = signature(
            image_a=tf.constant([photos[pair.image_a] for pair in part]),
            image_b=tf.constant([photos[pair.image_b] for pair in part]),
        )
        same.append(answers["same"].numpy())
        scores.append(answers["score"].numpy())
    said, score = np.concatenate(same), np.concatenate(scores)
    truth = np.array([pair.label == 1 for pair in used])
    print(
        f"{name:20} {len(used):>6} {(said == truth).mean():>9.1%} {said[~truth].mean():>7.1%} "
        f"{1 - said[truth].mean():>7.1%} {roc_auc_score(truth, score):>6.3f}",
        flush=True,
    )


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    import tensorflow as tf

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.framing", description="What finding the face is worth."
    )
    parser.add_argument("--model", type=Path, help="a SavedModel; the last pushed one if not given")
    parser.add_argument("--images", type=int, default=2_000, help="train images to find faces in")
    options = parser.parse_args(argv)
    lfw = Path(os.environ.get("LFW_DIR", "data/lfw"))
    if not (lfw / "pairsDevTest.txt").is_file():
        raise SystemExit(f"no LFW in {lfw.absolute()}; LFW_DIR names its folder")
    folder = options.model or newest_model()
    find(lfw, options.images)
    pairs = read_pair_list(str(lfw / "pairsDevTest.txt"))
    say(f"pairsDevTest with {folder}")
    model = tf.saved_model.load(str(folder))
    signature = model.signatures["serving_default"]
    print(f"{'photos':20} {'pairs':>6} {'accuracy':>9} {'FMR':>7} {'FNMR':>7} {'AUC':>6}")
    frame = framed(FaceFramer())
    verify(signature, lfw, pairs, lambda photo: photo, "as they are")
    verify(signature, lfw, pairs, frame, "framed")
    verify(signature, lfw, pairs, in_a_room(np.random.default_rng(0)), "in a room")
    room = in_a_room(np.random.default_rng(0))
    verify(signature, lfw, pairs, lambda photo: frame(room(photo)), "framed in a room")


if __name__ == "__main__":
    main()
