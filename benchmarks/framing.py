"""What finding and aligning the face is worth, on LFW with the model that was pushed last.

    LFW_DIR=... python -m benchmarks.framing

The pairs of ``pairsDevTest.txt`` four times: as they are, aligned, lying somewhere in a larger
picture, and found and aligned there. What the columns mean is in ``docs/benchmarks.md``; how well
faces are found is measured by ``benchmarks.finding``.
"""

import argparse
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

from benchmarks.identify import newest_model
from benchmarks.scoring import say
from components.pair_example_gen.pair_lists import ListedPair, read_pair_list
from faces import LFW, FaceCanvas, PhotoError
from serving.canvas_record import canvas_of
from serving.sent_photos import send_photo

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


def aligned(canvas: FaceCanvas) -> Change:
    """Finds and aligns the face; None where none, or no single one, is found."""

    def change(photo: bytes) -> bytes | None:
        try:
            return send_photo(photo, canvas)[0].content
        except PhotoError:
            return None

    return change


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
    options = parser.parse_args(argv)
    lfw = Path(os.environ.get("LFW_DIR", "data/lfw"))
    if not (lfw / "pairsDevTest.txt").is_file():
        raise SystemExit(f"no LFW in {lfw.absolute()}; LFW_DIR names its folder")
    folder = options.model or newest_model()
    pairs = read_pair_list(str(lfw / "pairsDevTest.txt"))
    say(f"pairsDevTest with {folder}")
    model = tf.saved_model.load(str(folder))
    signature = model.signatures["serving_default"]
    print(f"{'photos':20} {'pairs':>6} {'accuracy':>9} {'FMR':>7} {'FNMR':>7} {'AUC':>6}")
    # A model without a record was trained on LFW's own pictures.
    align = aligned(canvas_of(folder) or LFW)
    verify(signature, lfw, pairs, lambda photo: photo, "as they are")
    verify(signature, lfw, pairs, align, "aligned")
    verify(signature, lfw, pairs, in_a_room(np.random.default_rng(0)), "in a room")
    room = in_a_room(np.random.default_rng(0))
    verify(signature, lfw, pairs, lambda photo: align(room(photo)), "aligned in a room")


if __name__ == "__main__":
    main()
