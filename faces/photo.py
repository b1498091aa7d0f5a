"""From the file of a photo to upright pixels.

What a file holds is decided by its content, never by its name. How the camera was held (EXIF tag
0x0112) is read from the tag alone: an EXIF block that is damaged elsewhere costs nothing.
"""

import io
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from faces.errors import PhotoError

# The largest photos that are sold: 200 million pixels. A JPEG is decoded at a half, a quarter or an
# eighth of its size, a few rows at a time, so that it costs neither memory nor time.
LARGEST_PHOTO: Final = 210_000_000
# Whatever must be decoded whole first: other formats, and JPEGs that are stored in several scans.
LARGEST_WHOLE: Final = 70_000_000
# No file of a photo is larger; nothing more is read.
LARGEST_FILE: Final = 300_000_000
# Photos are given out with at least that many pixels on their longer side, if they have them, and
# fewer than twice as many: enough for any face that can be recognised.
LONGER_SIDE: Final = 2_000

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "HEIF", "AVIF")
# What Pillow's readers raise on damaged files.
_DAMAGED: Final = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError,
    OverflowError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip
_ORIENTATION: Final = 0x0112
# What turns a picture upright, by the value of the tag; 1 is upright.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Photo(NamedTuple):
    """A photo as it is looked at.

    Attributes:
        pixels: uint8 [height, width, 3], RGB; what was transparent is white.
        width: Of the photo in its file, upright; ``pixels`` may have fewer.
        height: Likewise.
    """

    pixels: np.ndarray
    width: int
    height: int


def read_photo(photo: bytes | str | os.PathLike[str]) -> Photo:
    """Reads a photo: JPEG, PNG, WebP, BMP, TIFF, GIF (its first picture), AVIF; HEIC where
    ``pillow_heif`` is installed.

    Args:
        photo: The file's content, or its path.

    Raises:
        PhotoError: It is no photo (``not_a_photo``, ``needs_heif``), ends too early or is damaged
            (``damaged``), or is too large (``too_large``).
        OSError: There is no such file, or it cannot be read.
    """
    content = photo if isinstance(photo, bytes) else read_file(photo)
    with _opened(content) as image:
        _check_size(image)
        width, height = image.size
        try:
            _draft(image)
            _load(image)
            image = _eight_bits(image)
            turn = _UPRIGHT.get(_orientation(image))
            image = _shrunk(_rgb(image))
        except MemoryError:
            raise _too_large(width, height, LARGEST_WHOLE) from None
        except _DAMAGED as error:
            raise PhotoError(
                f"The photo's file is damaged or incomplete ({error}). Save or send it again.",
                "damaged",
            ) from error
    if turn is not None:
        image = image.transpose(turn)
        if turn in _SIDEWAYS:
            width, height = height, width
    return Photo(np.asarray(image), width, height)


_SIDEWAYS: Final = tuple(_UPRIGHT[value] for value in (5, 6, 7, 8))


def read_file(photo: str | os.PathLike[str]) -> bytes:
    """The content of a photo's file. What is no file (a pipe, a device) is never opened.

    Raises:
        PhotoError: It is no file (``not_a_photo``), or a larger one than any photo's
            (``too_large``).
        OSError: There is no such file, or it cannot be read.
    """
    path = Path(photo)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError("This is not a file. Choose a photo.", "not_a_photo")
    if status.st_size > LARGEST_FILE:
        raise PhotoError(
            f"The file is too large ({status.st_size:,} bytes; at most {LARGEST_FILE:,}). "
            "Use a smaller photo.",
            "too_large",
            bytes=status.st_size,
        )
    return path.read_bytes()


def _opened(content: bytes) -> Image.Image:
    """The photo, with nothing but its header read.

    Pillow's own ``open`` refuses what is large, by a limit of the whole process; ours is another.
    """
    heif = _register_heif()
    Image.init()
    start = content[:16]
    for name in _FORMATS:
        if name not in Image.OPEN:
            continue
        reader, accepts = Image.OPEN[name]
        accepted = accepts is None or accepts(start)
        if not accepted or isinstance(accepted, str):
            continue
        try:
            return reader(io.BytesIO(content), "")
        except (*_DAMAGED, UnidentifiedImageError):
            continue
    if not heif and start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        raise PhotoError(
            "This is a HEIC photo, which needs pillow-heif. Install it (pip install pillow-heif), "
            "or use a JPEG.",
            "needs_heif",
        )
    raise PhotoError(
        "This is not a photo. Use a JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF file.",
        "not_a_photo",
    )


def _register_heif() -> bool:
    if "HEIF" in Image.OPEN:
        return True
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _check_size(image: Image.Image) -> None:
    in_rows = image.format in ("JPEG", "MPO") and not image.info.get("progressive")
    most = LARGEST_PHOTO if in_rows else LARGEST_WHOLE
    if image.width * image.height > most:
        raise _too_large(*image.size, most)


def _too_large(width: int, height: int, most: int) -> PhotoError:
    return PhotoError(
        f"The photo is too large ({width:,} x {height:,} pixels; at most {most / 1e6:.0f} "
        "million). Use a smaller one.",
        "too_large",
        width=width,
        height=height,
    )


def _draft(image: Image.Image) -> None:
    """Has a JPEG decoded at a half, a quarter or an eighth."""
    for factor in (8, 4, 2):
        if max(image.size) // factor >= LONGER_SIDE:
            image.draft(None, (image.width // factor, image.height // factor))
            return


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except (AttributeError, TypeError, struct.error):
        # Of a TIFF, Pillow applies the orientation itself, and stumbles over damaged tags after the
        # pixels are there: the second call does nothing else.
        image.load()


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, which Pillow would cut off at 255, scaled."""
    if not image.mode.startswith("I"):
        return image
    values = np.clip(np.asarray(image), 0, 65_535)
    scaled = Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    scaled.info = image.info
    return scaled


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _shrunk(image: Image.Image) -> Image.Image:
    factor = max(image.size) // LONGER_SIDE
    return image.reduce(factor) if factor > 1 else image


def _orientation(image: Image.Image) -> int:
    """The value of the EXIF tag; 1, upright, where there is none that can be read."""
    exif = image.info.get("exif")
    if not isinstance(exif, bytes):
        return 1
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (at,) = struct.unpack_from(f"{order}I", tiff, 4)
    if at + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(f"{order}H", tiff, at)
    for start in range(at + 2, min(at + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", tiff, start)
        if tag == _ORIENTATION and count == 1:
            code = {1: "B", 3: "H", 4: "I"}.get(kind)
            return struct.unpack_from(f"{order}{code}", tiff, start + 8)[0] if code else 1
    return 1
