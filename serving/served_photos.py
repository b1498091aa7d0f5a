"""What the photos are like that are served, in numbers: to be compared with what was trained on.

With ``FACEAUTH_SERVED_PHOTOS=FILE`` in the environment, whoever sends a photo to a model adds a
line to that CSV file: the day, and what PairExampleGen measures of its images, in three digits.
``validation.served_photos`` of a config reads it.
"""

import contextlib
import io
import logging
import os
import uuid
import warnings
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Final

from serving.limits import MAX_PIXELS
from serving.served_file import COLUMNS, VARIABLE

_SIXTEEN_BITS: Final = ("I", "I;16")


def note_photos(files: Iterable[bytes]) -> None:
    """Adds a line for each photo, if the environment names a file; photos alone count.

    A file that cannot be written is said in the log, and waited for by nobody: nobody is locked out
    for it.

    Args:
        files: What a model gets: contents of JPEG or PNG files.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return
    lines = [line for file in files if (line := _line(file)) is not None]
    try:
        _append(path, "".join(lines).encode())
    except OSError as error:
        logging.getLogger(__name__).warning(
            "%s: %d photos are not noted in %s: %s", VARIABLE, len(lines), path, error
        )


def _line(file: bytes) -> str | None:
    import numpy as np
    from PIL import Image

    from faces.focus import GREY_MODES, luminance_statistics

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file), formats=("JPEG", "PNG")) as image:
                # What PairExampleGen takes no more than servers do.
                if image.width * image.height > MAX_PIXELS or image.mode == "CMYK":
                    return None
                if getattr(image, "is_animated", False):
                    return None
                grey = image.mode in GREY_MODES
                if image.mode in _SIXTEEN_BITS:
                    pixels = (np.asarray(image) >> 8).astype(np.uint8)
                else:
                    pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except Exception:
        # Hostile or damaged bytes make Pillow raise errors of many kinds; the model refuses them.
        return None
    height, width = pixels.shape[:2]
    # Enough to compare; not enough to know a photo again by.
    measured = (f"{each:.3g}" for each in luminance_statistics(pixels.reshape(height, width, -1)))
    day = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    return ",".join([day, str(width), str(height), "1" if grey else "3", *measured]) + "\n"


def _append(path: str, lines: bytes) -> None:
    if not os.path.exists(path):
        # Whole with its first line, whoever else makes it at this moment.
        part = f"{path}.{uuid.uuid4().hex}.part"
        with open(part, "xb") as file:
            file.write((",".join(COLUMNS) + "\n").encode())
        try:
            with contextlib.suppress(FileExistsError):
                os.link(part, path)
        finally:
            os.unlink(part)
    # One write of an appending file is not torn; and a pipe that nobody reads is an error.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    try:
        os.write(descriptor, lines)
    finally:
        os.close(descriptor)
