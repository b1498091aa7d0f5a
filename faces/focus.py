"""Light and focus of a picture, as it is; of a face, whatever the photo's size, ``sharpness``."""

from typing import Final

import numpy as np

# Pillow's modes of pictures without colour.
GREY_MODES: Final = frozenset(("1", "L", "LA", "La", "I", "I;16", "F"))

# Statistics are taken with the longer side at most this long, so that they cost the same for every
# image and that sharpness compares between a portrait of 250 and one of 4,000 pixels.
_MEASURED_SIDE: Final = 512


def variance_of_laplacian(luminance: np.ndarray) -> float:
    """Returns var(L) over the inner pixels; 0 for a picture without any.

    L(x, y) = Y(x-1, y) + Y(x+1, y) + Y(x, y-1) + Y(x, y+1) - 4 Y(x, y), the focus measure of J. L.
    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000. It depends on
    the scale of a picture, so callers bring theirs to one size first.

    Args:
        luminance: Y, float [H, W], from 0 to 1.
    """
    if min(luminance.shape) < 3:
        return 0.0
    laplacian = (
        luminance[:-2, 1:-1]
        + luminance[2:, 1:-1]
        + luminance[1:-1, :-2]
        + luminance[1:-1, 2:]
        - 4 * luminance[1:-1, 1:-1]
    )
    return float(laplacian.var())


def luminance_statistics(pixels: np.ndarray) -> tuple[float, float, float]:
    """Brightness, contrast and sharpness of an image.

    Luminance Y is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) in [0, 1], in steps of 1/255, of the
    image averaged over n x n blocks, with the smallest n that makes no side longer than 512. Then
    brightness is mean(Y), contrast is std(Y), and sharpness is ``variance_of_laplacian`` of Y.

    Args:
        pixels: uint8 [H, W, 1] or [H, W, 3].

    Returns:
        Brightness in [0, 1], contrast in [0, 0.5], sharpness in [0, 16].
    """
    from PIL import Image

    grey = pixels.shape[-1] == 1
    image = Image.fromarray(pixels[..., 0] if grey else pixels).convert("L")
    factor = -(-max(image.size) // _MEASURED_SIDE)
    luminance = np.asarray(image.reduce(factor), dtype=np.float32) / 255
    sharpness = variance_of_laplacian(luminance)
    return float(luminance.mean()), float(luminance.std()), sharpness
