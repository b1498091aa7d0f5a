import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from serving.web.quality import MIN_SIDE, complaint, sharpness


def photo(width=160, height=160, light=1.0, blur=0.0):
    """A pattern with edges, of mean luminance 0.5 * light."""
    random = np.random.default_rng(0)
    blocks = random.permutation(np.repeat([0, 255], 32)).reshape(8, 8)
    image = Image.fromarray((blocks * light).astype(np.uint8)).resize(
        (width, height), Image.Resampling.NEAREST
    )
    buffer = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(blur)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_sharp_bright_photo_is_usable():
    assert complaint(photo()) is None
    assert complaint(photo(MIN_SIDE, MIN_SIDE)) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (photo(MIN_SIDE - 1, 200), "too small (79 x 200)"),
        (photo(light=0.19), "too dark"),
        (photo(blur=12), "too blurred"),
        (b"hello", "not a photo"),
        (b"", "not a photo"),
        (photo()[:60], "not a photo"),
        (photo(6000, 6000), "too large"),
    ],
)
def test_what_is_not_usable_is_said_with_what_to_do(content, says):
    assert says in complaint(content)


def test_sharpness_by_hand():
    # One white pixel in the middle of 5 x 5: the Laplacian is 4 there, -1 beside it, else 0.
    pixels = np.zeros((5, 5))
    pixels[2, 2] = 1
    laplacian = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    assert sharpness(pixels) == pytest.approx(laplacian.var())
    assert sharpness(np.full((5, 5), 0.3)) == 0
