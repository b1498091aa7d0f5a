"""What the commands do with a photo before it is sent, and their options for it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.client.client import Client
    from serving.sent_photos import SentPhoto

_WORDS = ("only", "largest", "all")


def add_as_is(parser: argparse.ArgumentParser) -> None:
    """Adds ``--as_is``; the one face of a photo is meant, and others are refused."""
    parser.add_argument(
        "--as_is",
        action="store_true",
        help="send the files as they are, aligned already, instead of finding the face in each",
    )
    parser.set_defaults(face="only")


def add_face(parser: argparse.ArgumentParser, several: bool) -> None:
    """Adds ``--as_is`` and ``--face``.

    Args:
        parser: The command's.
        several: Whether it can do with several faces of one photo.
    """
    add_as_is(parser)
    text = "of several faces: only (refuse such a photo), largest"
    parser.add_argument(
        "--face",
        type=which_face if several else _one_face,
        default="only",
        metavar="WHICH",
        help=f"{text}, all, or how many of the largest (only)" if several else f"{text} (only)",
    )


def which_face(text: str) -> str | int:
    """Reads ``--face``."""
    if text in _WORDS:
        return text
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not only, largest, all or a number from 1 on")


def _one_face(text: str) -> str:
    if text not in _WORDS[:2]:
        raise argparse.ArgumentTypeError(f"{text!r} is neither only nor largest")
    return text


def send(
    given: argparse.Namespace, client: "Client", photos: Sequence[Path]
) -> "list[list[SentPhoto]]":
    """What is sent of each photo: its faces as the model wants them, or its file.

    Raises:
        PhotoError: One cannot be used; the message says which, and why.
        OSError: There is no such file.
        ServingError: The server does not say what the model wants.
    """
    from faces.record import AS_THEY_ARE
    from serving.sent_photos import send_photo

    canvas = None if given.as_is else client.canvas()
    if canvas is None and not given.as_is:
        print(f"note: {AS_THEY_ARE}", file=sys.stderr)
    return [send_photo(photo, canvas, given.face) for photo in photos]
