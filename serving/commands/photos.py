"""``faceauth verify``, ``embed`` and ``frame``: what a model, or the finder, makes of photos."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serving.commands.options import (
    NO,
    YES,
    add_face,
    add_server,
    client_of,
    say,
    send,
    which_face,
)

if TYPE_CHECKING:
    from faces import FaceCanvas
    from serving.client.calls import Comparison
    from serving.face_folder import Outcome
    from serving.in_process import Verification

ALL_USED, NOTHING_USED, SOME_NOT_USED = 0, 2, 3
_PROGRESS_S: Final = 5.0


def verify(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth verify``."""
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    add_server(parser)
    add_face(parser, several=False)
    parser.description = (
        f"{parser.description} --model takes a folder of an exported model as well; no server is "
        "needed then."
    )
    parser.set_defaults(run=_verify)


def embed(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth embed``."""
    parser.add_argument("photos", type=Path, nargs="+", metavar="photo")
    parser.add_argument("--out", type=Path, metavar="FILE.npy", help="write an array instead")
    add_server(parser)
    add_face(parser, several=True)
    parser.set_defaults(run=_embed)


def frame(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth frame``."""
    parser.description = """\
Finds the face in every photo below a folder, aligns it, and writes it below another folder under
the same name. Needs no server. Linked folders are walked, each once. When it is repeated, only what
is new or was replaced is made; what is gone is named. Every file that was not used is in
FACES/not_used.csv, with the reason.
"""
    parser.epilog = "exit codes: 0 every file was used; 3 some were not; 2 none was, or an error\n"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
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
    parser.set_defaults(run=_frame)


def _verify(given: argparse.Namespace) -> int:
    if _is_folder(given.model):
        return _verify_in_process(given)
    with client_of(given) as client:
        [a], [b] = send(given, client, [given.a, given.b])
        result = client.verify(a.content, b.content)
    return _tell(given, result, [a.box, b.box])


def _verify_in_process(given: argparse.Namespace) -> int:
    from faces.record import AS_THEY_ARE
    from serving.in_process import LocalModel

    model = LocalModel(given.model)
    if model.canvas is None and not given.as_is:
        print(f"note: {AS_THEY_ARE}", file=sys.stderr)
    result = model.verify(given.a, given.b, given.face, given.as_is)
    return _tell(given, result, list(result.boxes))


def _tell(given: argparse.Namespace, result: "Comparison | Verification", boxes: list[Any]) -> int:
    word = "same person" if result.same else "different people"
    say(
        given,
        f"{word} (score {result.score:.4f}, same from 0.5; distance {result.distance:.4f})",
        {
            "same": result.same,
            "score": result.score,
            "threshold": 0.5,
            "distance": result.distance,
            "boxes": boxes,
        },
    )
    return YES if result.same else NO


def _is_folder(model: str | None) -> bool:
    """Whether a model is a folder here, and not a name on a server."""
    return model is not None and (os.sep in model or Path(model).is_dir())


def _embed(given: argparse.Namespace) -> int:
    import numpy as np

    from serving.whole_file import whole_file

    with client_of(given) as client:
        sent = send(given, client, given.photos)
        embeddings = client.embed([one.content for faces in sent for one in faces])
    if given.out is None:
        boxes = [
            (photo, one.box)
            for photo, faces in zip(given.photos, sent, strict=True)
            for one in faces
        ]
        for (photo, box), row in zip(boxes, embeddings.tolist(), strict=True):
            found = {} if box is None else {"box": box}
            print(json.dumps({"image": str(photo), **found, "embedding": row}))
        return YES
    with whole_file(given.out) as partial, partial.open("wb") as file:
        np.save(file, embeddings, allow_pickle=False)
    print(f"{len(embeddings)} embeddings of size {embeddings.shape[1]} in {given.out}")
    return YES


def _frame(given: argparse.Namespace) -> int:
    from serving.face_folder import align_folder

    outcome = align_folder(given.source, given.target, _canvas(given), given.face, _Progress())
    for line in _frame_lines(outcome):
        print(line, file=sys.stderr)
    print(
        f"{outcome.faces} faces of {outcome.used} photos are in {given.target} "
        f"({outcome.made} photos made now); {len(outcome.not_used)} files are not used"
    )
    if not outcome.used:
        return NOTHING_USED
    return SOME_NOT_USED if outcome.not_used else ALL_USED


def _frame_lines(outcome: "Outcome") -> list[str]:
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
