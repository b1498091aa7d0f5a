"""The options of commands that frame faces; what frames them is imported only when it is used."""

import argparse
from typing import Final

# The side of LFW's pictures in widths of the face that is found in them: the median over the train
# images (`benchmarks/framing.py`).
LFW_FACE_WIDTHS: Final = 2.12


def add_framing(parser: argparse.ArgumentParser, default: bool) -> None:
    """Adds ``--frame``, ``--no-frame`` and ``--face_widths``.

    Args:
        parser: The command's.
        default: Whether it frames when it is not told.
    """
    parser.add_argument(
        "--frame",
        action=argparse.BooleanOptionalAction,
        default=default,
        help="find the face in each photo and use only what is around it",
    )
    add_face_widths(parser)


def add_face_widths(parser: argparse.ArgumentParser) -> None:
    """Adds ``--face_widths``, for ``FaceFramer``."""
    parser.add_argument(
        "--face_widths",
        type=float,
        default=LFW_FACE_WIDTHS,
        metavar="W",
        help="how many faces wide that is; %(default)s as in LFW",
    )
