"""How much in focus a picture is, as it is; of a face, whatever the photo's size, ``sharpness``."""

import numpy as np


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
