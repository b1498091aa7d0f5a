"""Is a picture good enough? Light, for any; sharpness and size, where no face is looked for."""

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from faces import Photo, PhotoError

# Sharpness depends on scale, so it is measured at one: this many pixels on the longer side.
_SIDE: Final = 128
MIN_SIDE: Final = 80
# Of 300 LFW photos none is darker than 0.12 or less sharp than 8.6e-4. Blurred by a Gaussian of 4
# pixels all are below 5.8e-4; at a fifth of their light, 95 in 100 are below 0.12.
MIN_BRIGHTNESS: Final = 0.1
MIN_SHARPNESS: Final = 6e-4


def too_dark(pixels: np.ndarray) -> "PhotoError | None":
    """What to say of uint8 [height, width, 3] without light; None where there is enough."""
    from faces import PhotoError

    brightness = brightness_of(pixels)
    if brightness >= MIN_BRIGHTNESS:
        return None
    return PhotoError(
        "The photo is too dark. Turn towards the light.", "too_dark", brightness=brightness
    )


def fault_of_whole(photo: "Photo") -> "PhotoError | None":
    """Why a photo that is compared as it is cannot be used, or None."""
    from PIL import Image

    from faces import PhotoError
    from faces.focus import variance_of_laplacian

    if min(photo.width, photo.height) < MIN_SIDE:
        return PhotoError(
            f"The photo is too small ({photo.width} x {photo.height}). Move closer or use another.",
            "too_small",
        )
    fault = too_dark(photo.pixels)
    if fault is not None:
        return fault
    grey = Image.fromarray(photo.pixels).convert("L")
    grey.thumbnail((_SIDE, _SIDE))
    if variance_of_laplacian(np.asarray(grey, np.float64) / 255) < MIN_SHARPNESS:
        return PhotoError("The photo is too blurred. Hold still and wipe the lens.", "too_blurred")
    return None


def brightness_of(pixels: np.ndarray) -> float:
    """The mean luminance, 0 to 1, of uint8 [height, width, 3] (ITU-R BT.601)."""
    return float(pixels.reshape(-1, 3).mean(axis=0) @ (0.299, 0.587, 0.114)) / 255
