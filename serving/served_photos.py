"""What the photos are like that are served, in numbers: to be compared with what was trained on.

With ``FACEAUTH_SERVED_PHOTOS=FILE`` in the environment, whoever sends a photo to a model adds a
line to that CSV file: the day, and what PairExampleGen measures of its images. Nothing in it tells
who is shown. ``validation.served_photos`` of a config reads it.
"""

import fcntl
import io
import logging
import os
import warnings
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Final

from serving.served_file import COLUMNS, VARIABLE

_GREY: Final = ("1", "L", "LA", "I", "I;16", "F")


def note_photos(files: Iterable[bytes]) -> None:
    """Adds a line for each photo, if the environment names a file; photos alone count.

    A file that cannot be written is said in the log: nobody is locked out for it.

    Args:
        files: What a model gets: contents of JPEG or PNG files.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return
    lines = [line for file in files if (line := _line(file)) is not None]
    try:
        _append(path, lines)
    except OSError as error:
        logging.getLogger(__name__).warning(
            "%s: %d photos are not noted in %s: %s", VARIABLE, len(lines), path, error.strerror
        )


def _line(file: bytes) -> str | None:
    import numpy as np
    from PIL import Image

    from faces.focus import luminance_statistics

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file), formats=("JPEG", "PNG")) as image:
                grey = image.mode in _GREY
                pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except Exception:
        # Hostile or damaged bytes make Pillow raise errors of many kinds; the model refuses them.
        return None
    height, width = pixels.shape[:2]
    measured = luminance_statistics(pixels.reshape(height, width, -1))
    numbers = [width, height, 1 if grey else 3, *(f"{value:.6g}" for value in measured)]
    return ",".join(map(str, [f"{datetime.now(timezone.utc):%Y-%m-%d}", *numbers])) + "\n"


def _append(path: str, lines: Iterable[str]) -> None:
    # Whole lines, from any number of processes.
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.seek(0, os.SEEK_END) == 0:
            file.write((",".join(COLUMNS) + "\n").encode())
        file.write("".join(lines).encode())
