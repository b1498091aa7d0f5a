"""A look at an image's header before anything is decoded."""

import io
from collections.abc import Iterable
from typing import Final

from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from serving.local_server.status import invalid

# By their first bytes. Image.open would warn of large images, through a filter that all threads
# share; the limit here is ours and stricter.
_READERS: Final = ((b"\xff\xd8\xff", JpegImageFile), (b"\x89PNG\r\n\x1a\n", PngImageFile))


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
    for first, reader in _READERS:
        if content.startswith(first):
            try:
                return reader(io.BytesIO(content)).size
            except (OSError, SyntaxError, ValueError):  # SyntaxError: a damaged header
                break
    raise invalid(f"{where}[{row}] ({len(content)} bytes) is not a JPEG or PNG image")
