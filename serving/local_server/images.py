"""A look at an image's header before anything is decoded."""

import io
import warnings
from collections.abc import Iterable
from typing import Final

from PIL import Image, UnidentifiedImageError

from serving.local_server.status import invalid

_FORMATS: Final = ("JPEG", "PNG")


def check_images(where: str, images: Iterable[bytes], max_pixels: int) -> None:
    """Checks that each image is a JPEG or PNG of acceptable announced size; reads headers only.

    Args:
        where: The input's name, for the message.
        images: Files as they were sent.
        max_pixels: The largest width times height.

    Raises:
        StatusError: INVALID_ARGUMENT that names the row, what is wrong and what to send.
    """
    for row, content in enumerate(images):
        if not content:
            raise invalid(f"{where}[{row}] has zero bytes; send a JPEG or PNG file")
        width, height = _size(where, row, content)
        if width * height > max_pixels:
            raise invalid(
                f"{where}[{row}] is {width} x {height} pixels, more than the limit of "
                f"{max_pixels}; send a smaller picture"
            )


def _size(where: str, row: int, content: bytes) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images; the limit above is ours and stricter.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                return image.size
    except Image.DecompressionBombError:
        raise invalid(
            f"{where}[{row}] unfolds to far too many pixels; send a smaller one"
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        # Pillow reports a damaged PNG header as SyntaxError.
        raise invalid(f"{where}[{row}] ({len(content)} bytes) is not a JPEG or PNG image") from None
