"""Pairs whose second photo is not as it should be, from the photo to the decision.

    LFW_DIR=... python -m benchmarks.changed_photos [--model DIR]

The pairs of ``pairsDevTest.txt`` once for each way in which a photo may differ: as it is, stored
sideways with the camera's tag, tilted, small, and somewhere in a larger picture. Both photos go the
way that ``faceauth verify`` sends them. A pair with a photo in which no face is found counts as an
error. What the columns mean is in ``docs/benchmarks.md``; how well faces are found is measured by
``benchmarks.finding``.
"""

import argparse
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.finding import in_a_room, resized, turned
from benchmarks.identify import newest_model
from benchmarks.scoring import say
from components.exported_model import ExportedModel
from components.pair_example_gen.pair_lists import ListedPair, read_pair_list
from faces import LFW, PhotoError
from serving.sent_photos import send_photo

_ORIENTATION = 0x0112
# "The 0th row is the visual right-hand side, the 0th column the top": EXIF 2.3, 4.6.4.
_TURNED_LEFT = 6
Change = Callable[[Image.Image], bytes]


def as_jpeg(photo: Image.Image, **more: object) -> bytes:
    """A photo's file, as a phone would write it."""
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=92, **more)
    return buffer.getvalue()


def sideways(photo: Image.Image) -> bytes:
    """Stored a quarter turn to the left, with the tag that says so."""
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURNED_LEFT
    return as_jpeg(photo.transpose(Image.Transpose.ROTATE_90), exif=exif)


def changes() -> dict[str, Change]:
    """What is done to the second photo, by its name in the table."""
    random = np.random.default_rng(0)
    return {
        "as it is": as_jpeg,
        "sideways, EXIF": sideways,
        "tilted 20°": lambda photo: as_jpeg(turned(20)(photo, random).photo),
        "125 px": lambda photo: as_jpeg(resized(125)(photo, random).photo),
        "in a room": lambda photo: as_jpeg(in_a_room(photo, random).photo),
    }


class Embeddings:
    """Embeds photos by their content; one that cannot be used has none."""

    def __init__(self, model: ExportedModel, which: str) -> None:
        self._model = model
        # A model without a record was trained on LFW's own pictures.
        self._canvas = model.canvas or LFW
        self._which = which

    def __call__(self, photos: list[bytes]) -> list[np.ndarray | None]:
        """An embedding [D] for each photo, or None."""
        sent = [self._face(photo) for photo in photos]
        embedded = iter(self._model.embed([face for face in sent if face is not None]))
        return [None if face is None else next(embedded) for face in sent]

    def _face(self, photo: bytes) -> bytes | None:
        try:
            return send_photo(photo, self._canvas, self._which)[0].content
        except PhotoError:
            return None


def line(
    model: ExportedModel,
    pairs: list[ListedPair],
    first: list[np.ndarray | None],
    second: list[np.ndarray | None],
    name: str,
) -> str:
    """One line of the table: what the model said of the pairs whose photos could be used."""
    places = [at for at in range(len(pairs)) if first[at] is not None and second[at] is not None]
    a, b = (np.stack([each[at] for at in places]) for each in (first, second))
    same = model.compare(a, b)["same"]
    truth = np.array([pairs[at].label == 1 for at in places])
    return (
        f"{name:16} {len(pairs):>6} {len(pairs) - len(places):>9} "
        f"{(same == truth).sum() / len(pairs):>9.1%} {same[~truth].mean():>7.1%} "
        f"{1 - same[truth].mean():>7.1%}"
    )


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.changed_photos",
        description="Photos that are not as they should.",
    )
    parser.add_argument("--model", type=Path, help="a SavedModel; the last pushed one if not given")
    parser.add_argument(
        "--face", choices=("largest", "central"), default="largest", help="of several (largest)"
    )
    options = parser.parse_args(argv)
    lfw = Path(os.environ.get("LFW_DIR", "data/lfw"))
    if not (lfw / "pairsDevTest.txt").is_file():
        raise SystemExit(f"no LFW in {lfw.absolute()}; LFW_DIR names its folder")
    folder = options.model or newest_model()
    pairs = read_pair_list(str(lfw / "pairsDevTest.txt"))
    say(f"pairsDevTest with {folder}")
    model = ExportedModel(folder)
    embed = Embeddings(model, options.face)

    def photo(name: str) -> Image.Image:
        return Image.open(lfw / "images" / name).convert("RGB")

    print(
        f"{'second photo':16} {'pairs':>6} {'not used':>9} {'accuracy':>9} {'FMR':>7} {'FNMR':>7}"
    )
    first = embed([(lfw / "images" / pair.image_a).read_bytes() for pair in pairs])
    for name, change in changes().items():
        second = embed([change(photo(pair.image_b)) for pair in pairs])
        print(line(model, pairs, first, second, name), flush=True)


if __name__ == "__main__":
    main()
