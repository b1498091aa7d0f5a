"""What is in an image file: whether it can be used, and what its pixels look like as numbers."""

import errno
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from components.pair_example_gen.errors import DataError
from components.storage import is_address, read_stored
from faces import CANVASES, LARGEST_FILE, FaceCanvas, PhotoError, face_file, find_faces, read_file
from faces.focus import GREY_MODES, luminance_statistics

if TYPE_CHECKING:
    # Aligned faces are kept from run to run until code changes that this module imports.
    from components.pair_example_gen.config import DataConfig

# Why an image is quarantined.
MISSING = "missing"  # no such file
UNREADABLE = "unreadable"  # the file cannot be opened
EMPTY = "empty"  # a file of zero bytes
NOT_AN_IMAGE = "neither JPEG nor PNG"
TOO_LARGE = "too large"  # more pixels than max_pixels by its header, which is not decoded
CMYK = "CMYK"  # colours of print, which are not decoded as grey: save it as RGB
ANIMATED = "animated"  # a PNG with several frames: which of them shows the face?
CORRUPT = "corrupt"  # truncated or damaged: its pixels cannot be decoded

# Errors that tell of the disk, or of the way to it, and nothing of the file.
_DISK_FAILS = frozenset(
    (
        *(errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT, errno.EREMOTEIO),
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOTCONN, errno.EHOSTDOWN),
    )
)

_ORIENTATION = 0x0112  # the EXIF tag


class ImageFacts(NamedTuple):
    """What is known of a usable image.

    Attributes:
      width: Pixels, as stored.
      height: Pixels, as stored.
      channels: 1 for a grey image, 3 for one with colour; alpha does not count.
      brightness: Mean of the luminance, 0 (black) to 1 (white).
      contrast: Standard deviation of the luminance, 0 to 0.5.
      sharpness: Variance of the luminance's Laplacian; see ``luminance_statistics``.
      rotated: Whether EXIF asks a viewer to turn or mirror the image. TensorFlow's decoders do not,
        neither in training nor in serving, so the face is seen as it is stored.
    """

    width: int
    height: int
    channels: int
    brightness: float
    contrast: float
    sharpness: float
    rotated: bool


# A file and facts about it; or nothing, and the reason for the image to be quarantined.
Found = tuple[bytes, ImageFacts | str]


def inspect(data: bytes, max_pixels: int) -> ImageFacts | str:
    """Decodes an image file to see whether the pipeline can use it.

    The header is read with Pillow; the pixels are decoded with TensorFlow, the very decoder of
    training and serving: it refuses some damage that Pillow forgives (a PNG without its end, a JPEG
    whose data stops early), and one such image fails a whole batch.

    Args:
      data: The bytes of the file.
      max_pixels: Width times height beyond which the image is not decoded.

    Returns:
      The facts, or the reason for the image to be quarantined.
    """
    import tensorflow as tf
    from PIL import Image

    if not data:
        return EMPTY
    try:
        # Pillow also refuses what it takes for a decompression bomb.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            header = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    except Image.DecompressionBombError:
        return TOO_LARGE
    except Exception:
        # Hostile or damaged bytes make Pillow raise errors of many kinds; none may end the run.
        return NOT_AN_IMAGE
    width, height = header.size
    if width * height > max_pixels:
        return TOO_LARGE
    if header.format == "PNG" and getattr(header, "is_animated", False):
        return ANIMATED
    channels = 1 if header.mode in GREY_MODES else 3
    try:
        pixels = tf.io.decode_image(data, channels=channels, expand_animations=False).numpy()
        if header.mode == "CMYK":
            # TensorFlow has colours of it, and no grey; which is wanted, only Transform knows.
            tf.io.decode_image(data, channels=1, expand_animations=False)
    except tf.errors.InvalidArgumentError:
        return CMYK if header.mode == "CMYK" else CORRUPT
    return ImageFacts(
        width, height, channels, *luminance_statistics(pixels), rotated=_is_rotated(header)
    )


def read_as(config: "DataConfig", path: str) -> Found:
    """Reads an image as a config wants it: as it is, or its face aligned."""
    if config.align == "none":
        return read_and_inspect(path, config.max_pixels)
    return read_and_align(path, CANVASES[config.align], config.face)


def read_and_align(path: str, canvas: FaceCanvas, which: str) -> Found:
    """Reads a photo, finds its face and aligns it.

    Args:
      path: The photo's file.
      canvas: How the face is wanted.
      which: Which of several, see ``faces.choice.choose``.

    Returns:
      The file of the aligned face, upright whatever the camera did, and facts about it; or nothing,
      and the reason for the photo to be quarantined.
    """
    return read_and(path, lambda photo: align(photo, canvas, which))


def align(photo: bytes, canvas: FaceCanvas, which: str) -> Found:
    """``read_and_align`` for a photo's content."""
    try:
        [face] = find_faces(photo, canvas, which)
    except PhotoError as error:
        return b"", error.reason
    height, width, channels = face.pixels.shape
    statistics = luminance_statistics(face.pixels)
    return face_file(face.pixels), ImageFacts(width, height, channels, *statistics, rotated=False)


def _is_rotated(header: Any) -> bool:
    # Only JPEG has its EXIF before the pixels; Pillow would decode a PNG to look for it.
    if header.format == "PNG":
        return False
    try:
        return int(header.getexif().get(_ORIENTATION, 1)) not in (0, 1)
    except Exception:
        # EXIF is free-form and decides nothing; damage in it does not make an image unusable.
        return False


def read_and_inspect(path: str, max_pixels: int) -> Found:
    """Reads an image file, once, and inspects it.

    Returns:
      The bytes of the file, and the facts or the reason for the image to be quarantined.
    """
    return read_and(path, lambda data: (data, inspect(data, max_pixels)))


def read_and(path: str, use: Callable[[bytes], Found]) -> Found:
    """What ``use`` makes of a file's content; nothing, and why, if it cannot be read.

    Raises:
      DataError: The disk, or the network that it is behind, failed.
    """
    try:
        data = read_stored(path, LARGEST_FILE + 1) if is_address(path) else read_file(path)
        if len(data) > LARGEST_FILE:
            return b"", TOO_LARGE
    except PhotoError as error:
        return b"", error.reason
    except FileNotFoundError:
        return b"", MISSING
    except OSError as error:
        if error.errno in _DISK_FAILS:
            raise DataError(
                f"{path} cannot be read: {error.strerror}; this is the disk's failure and not the "
                "image's: nothing was left out because of it. Run again once the disk can be read"
            ) from error
        return b"", UNREADABLE
    return use(data)
