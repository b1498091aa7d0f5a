"""An aligned face as a file, the same wherever one is written or sent."""

import io

import numpy as np
from PIL import Image


def face_file(pixels: np.ndarray) -> bytes:
    """A JPEG of an aligned face: quality 95, colours at full resolution.

    Args:
        pixels: uint8 [height, width, 3], RGB.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
