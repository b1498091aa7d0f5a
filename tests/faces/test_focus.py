import numpy as np
import pytest

from faces.focus import variance_of_laplacian


def test_the_variance_by_hand():
    # One white pixel in the middle of 5 x 5: the Laplacian is -4 there, 1 beside it, else 0. Of the
    # nine, the mean is 0 and the squares add up to 16 + 4.
    pixels = np.zeros((5, 5))
    pixels[2, 2] = 1
    assert variance_of_laplacian(pixels) == pytest.approx(20 / 9)
    assert variance_of_laplacian(np.full((5, 5), 0.3)) == 0
    assert variance_of_laplacian(np.zeros((2, 9))) == 0
