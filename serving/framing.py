"""Finds the face in a photo and cuts the photo to the kind of picture a model was trained on.

A model knows faces as its training images show them: in LFW, upright in the middle, and a bit less
than half as wide as the picture. In a photo of a whole room it sees the room.
"""

import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from serving.framing_options import LFW_FACE_WIDTHS

_FORMATS: Final = ("JPEG", "PNG")
_SUFFIXES: Final = (".jpg", ".jpeg", ".png")
_MAX_PIXELS: Final = 25_000_000
_CASCADE: Final = "haarcascade_frontalface_alt2.xml"
# Faces are looked for in a copy with no side longer than this.
_SEARCHED_SIDE: Final = 800
# In that copy; smaller ones are not found.
_SMALLEST_FOUND: Final = 24
# In the photo. In LFW's pictures 118 are usual.
MIN_FACE: Final = 60
# Another face nearly as wide, that nearly as many windows agree on: whose photo is it then?
_AS_WIDE: Final = 0.7
_AS_SURE: Final = 0.5
# Twice as many pixels as LFW's pictures have on a side; no model looks at more.
_LONGEST_SIDE: Final = 500
_QUALITY: Final = 95


class PhotoError(ValueError):
    """A photo cannot be used; the message is for the person in front of the camera."""


@contextmanager
def opened(photo: bytes) -> Iterator[Image.Image]:
    """Opens a photo, for its pixels to be decoded inside the ``with`` block.

    Args:
        photo: A JPEG or PNG file.

    Raises:
        PhotoError: It is no photo, too large, or turns out damaged inside the block.
    """
    try:
        with Image.open(io.BytesIO(photo), formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise PhotoError("The photo is too large. Use a smaller one.")
            yield image
    except PhotoError:
        raise
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        raise PhotoError("This is not a photo. Use a JPEG or PNG file.") from None


class FaceFramer:
    """Cuts photos to a square around their face.

    Faces are found by boosted cascades (Viola and Jones, "Rapid Object Detection using a Boosted
    Cascade of Simple Features", CVPR 2001), with OpenCV and the cascade it comes with: upright
    faces seen from the front. Calls may come from several threads.

    Args:
        face_widths: The side of the square, in widths of the face that is found; by default as in
            LFW. Training images of another kind need their own.

    Raises:
        ValueError: The square would not hold the face.
    """

    def __init__(self, face_widths: float = LFW_FACE_WIDTHS) -> None:
        if not face_widths >= 1:
            raise ValueError(f"face_widths is {face_widths}; it must be at least 1")
        # Imported here: whoever frames nothing must not wait for it.
        import cv2
        import cv2.data

        self._face_widths = face_widths
        self._cascade: Any = cv2.CascadeClassifier(cv2.data.haarcascades + _CASCADE)
        self._lock = threading.Lock()  # a cascade keeps its state between calls

    def frame(self, photo: bytes | str | os.PathLike[str]) -> bytes:
        """Returns a JPEG file of the square around the face in a photo, upright.

        What of the square lies outside of the photo is black.

        Args:
            photo: A JPEG or PNG file, or its path. How the camera was held is taken from it.

        Raises:
            PhotoError: It is no photo, or shows no face, several, or one that is too small.
            OSError: There is no such file.
        """
        content = photo if isinstance(photo, bytes) else Path(photo).read_bytes()
        with opened(content) as stored:
            image = ImageOps.exif_transpose(stored).convert("RGB")
        x, y, width = self._face(image)
        side = round(self._face_widths * width)
        left, top = round(x - side / 2), round(y - side / 2)
        square = image.crop((left, top, left + side, top + side))
        square.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        buffer = io.BytesIO()
        square.save(buffer, "JPEG", quality=_QUALITY)
        return buffer.getvalue()

    def _face(self, image: Image.Image) -> tuple[float, float, float]:
        """The middle of the face and its width, in pixels."""
        copy = image.convert("L")
        copy.thumbnail((_SEARCHED_SIDE, _SEARCHED_SIDE))
        smallest = (_SMALLEST_FOUND, _SMALLEST_FOUND)
        with self._lock:
            boxes, windows = self._cascade.detectMultiScale2(
                np.asarray(copy), scaleFactor=1.1, minNeighbors=5, minSize=smallest
            )
        if not len(boxes):
            raise PhotoError(
                "No face was found. Look into the camera, with all of your face in the picture."
            )
        widths, windows = boxes[:, 2], np.ravel(windows)
        largest = int(widths.argmax())
        rivals = (widths > _AS_WIDE * widths[largest]) & (windows > _AS_SURE * windows[largest])
        if np.delete(rivals, largest).any():
            raise PhotoError("There is more than one face. Be alone in the picture.")
        left, top, width, height = boxes[largest] * (image.width / copy.width)
        if width < MIN_FACE:
            raise PhotoError(
                f"The face is too small ({width:.0f} pixels wide, {MIN_FACE} are needed). "
                "Move closer."
            )
        return left + width / 2, top + height / 2, width


def frame_folder(
    source: Path, target: Path, framer: FaceFramer, progress: Callable[[int, int], None]
) -> dict[Path, str]:
    """Frames every photo below a folder, into the same folders below another.

    Files are written under another name and renamed; what is there already is not made again, so a
    run that was interrupted can be repeated.

    Args:
        source: JPEG and PNG files, such as ``Ada/1.jpg``.
        target: Where ``Ada/1.jpg`` is written; ``Ada/2.png`` becomes ``Ada/2.png.jpg``.
        framer: Frames them.
        progress: Is called after each photo with how many are done, and of how many.

    Returns:
        Photos that cannot be used, and why.

    Raises:
        ValueError: There is no photo below ``source``, or one folder lies in the other.
        OSError: A file cannot be read or written.
    """
    source, target = source.resolve(), target.resolve()
    if source == target or source in target.parents or target in source.parents:
        raise ValueError(f"{target} and {source} must not lie in each other; name another folder")
    photos = sorted(path for path in source.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not photos:
        raise ValueError(f"no photo below {source}; it must hold {', '.join(_SUFFIXES)} files")
    unusable = {}
    for number, photo in enumerate(photos, 1):
        name = photo.name if photo.suffix.lower() != ".png" else f"{photo.name}.jpg"
        written = target / photo.relative_to(source).with_name(name)
        if not written.exists():
            try:
                square = framer.frame(photo)
            except PhotoError as error:
                unusable[photo] = str(error)
            else:
                written.parent.mkdir(parents=True, exist_ok=True)
                temporary = written.with_name(f"{name}.part")
                temporary.write_bytes(square)
                temporary.replace(written)
        progress(number, len(photos))
    return unusable
