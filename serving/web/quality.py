"""Is a picture of a face good enough? Light, sharpness and size; it looks for no face."""

from typing import Final

import numpy as np

from serving.framing import PhotoError, opened

# Sharpness depends on scale, so it is measured at one: this many pixels on the longer side.
_SIDE: Final = 128
MIN_SIDE: Final = 80
# Of 300 LFW photos none is darker than 0.12 or less sharp than 8.6e-4. Blurred by a Gaussian of 4
# pixels all are below 5.8e-4; at a fifth of their light, 95 in 100 are below 0.12.
MIN_BRIGHTNESS: Final = 0.1
MIN_SHARPNESS: Final = 6e-4


def complaint(photo: bytes) -> str | None:
    """Returns why a photo is not usable and what to do, or None when it is.

    Args:
        photo: A JPEG or PNG file.
    """
    try:
        with opened(photo) as image:
            width, height = image.size
            if min(width, height) < MIN_SIDE:
                return f"The photo is too small ({width} x {height}). Move closer or use another."
            grey = image.convert("L")
    except PhotoError as error:
        return str(error)
    grey.thumbnail((_SIDE, _SIDE))
    pixels = np.asarray(grey, np.float64) / 255
    if pixels.mean() < MIN_BRIGHTNESS:
        return "The photo is too dark. Turn towards the light."
    if sharpness(pixels) < MIN_SHARPNESS:
        return "The photo is too blurred. Hold still and wipe the lens."
    return None


def sharpness(pixels: np.ndarray) -> float:
    """Returns the variance of the Laplacian of a luminance of 0 to 1, float [H, W].

    The measure is Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000.
    """
    laplacian = (
        4 * pixels[1:-1, 1:-1]
        - pixels[:-2, 1:-1]
        - pixels[2:, 1:-1]
        - pixels[1:-1, :-2]
        - pixels[1:-1, 2:]
    )
    return float(laplacian.var())
