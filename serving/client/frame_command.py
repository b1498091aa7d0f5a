"""``faceauth frame``: a folder of photos to a folder of aligned faces, to look at and to sort."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serving.client.photo_options import which_face

if TYPE_CHECKING:
    from faces import FaceCanvas
    from serving.face_folder import Outcome

ALL_USED, NOTHING_USED, SOME_NOT_USED = 0, 2, 3
_PROGRESS_S: Final = 5.0
_TEXT: Final = """\
Finds the face in every photo below a folder, aligns it, and writes it below another folder under
the same name. Needs no server. Linked folders are walked, each once. When it is repeated, only what
is new or was replaced is made; what is gone is named. Every file that was not used is in
FACES/not_used.csv, with the reason.
"""
_EPILOG: Final = """\
exit codes: 0 every file was used; 3 some were not; 2 none was, or an error
"""


def add_command(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "frame",
        help="Align the faces in a folder of photos, to look at and to train on.",
        description=_TEXT,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, metavar="PHOTOS", help="such as photos/Ada/1.jpg")
    parser.add_argument("target", type=Path, metavar="FACES", help="where faces/Ada/1.jpg goes")
    canvas = parser.add_mutually_exclusive_group()
    canvas.add_argument(
        "--canvas",
        default="dlib_150",
        metavar="NAME",
        help="the faces' size and place: dlib_150 or lfw (%(default)s)",
    )
    canvas.add_argument("--model", type=Path, metavar="DIR", help="as this exported model has them")
    parser.add_argument(
        "--face",
        type=which_face,
        default="only",
        metavar="WHICH",
        help="of several faces: only (do not use such a photo), largest, all, or how many (only)",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Runs the command."""
    from serving.face_folder import align_folder

    outcome = align_folder(given.source, given.target, _canvas(given), given.face, _Progress())
    for line in lines(outcome):
        print(line, file=sys.stderr)
    print(
        f"{outcome.faces} faces of {outcome.used} photos are in {given.target} "
        f"({outcome.made} photos made now); {len(outcome.not_used)} files are not used"
    )
    if not outcome.used:
        return NOTHING_USED
    return SOME_NOT_USED if outcome.not_used else ALL_USED


def lines(outcome: "Outcome") -> list[str]:
    """What was not used, by reason, and what is gone, for people."""
    told = [f"gone: {name}" for name in outcome.gone]
    for reason, count in outcome.counts().items():
        files = [one for one in outcome.not_used if one.reason == reason]
        told.append(f"not used: {reason}: {count}, such as {files[0].name}: {files[0].message}")
    if outcome.not_used:
        told.append(f"all of them are in {outcome.not_used_list}")
    return told


def _canvas(given: argparse.Namespace) -> "FaceCanvas":
    from faces.record import FILE, canvas_of, named_canvas
    from serving.versions import newest_version

    if given.model is None:
        return named_canvas(given.canvas)
    folder = newest_version(given.model)
    canvas = canvas_of(folder)
    if canvas is None:
        raise ValueError(
            f"{folder / FILE} names no canvas: the model takes photos as they are; there is "
            "nothing to align, or choose with --canvas"
        )
    return canvas


class _Progress:
    """Tells how far it is, now and then."""

    def __init__(self) -> None:
        self._seen = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if done == total or time.monotonic() - self._seen > _PROGRESS_S:
            self._seen = time.monotonic()
            print(f"{done:,} of {total:,} files", file=sys.stderr)
