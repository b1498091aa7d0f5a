import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from faces import PhotoError, read_photo
from serving.web.quality import MIN_SIDE, brightness_of, fault_of_whole, too_dark


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
    assert fault_of_whole(read_photo(photo())) is None
    assert fault_of_whole(read_photo(photo(MIN_SIDE, MIN_SIDE))) is None


@pytest.mark.parametrize(
    ("content", "reason", "says"),
    [
        (photo(MIN_SIDE - 1, 200), "too_small", "too small (79 x 200)"),
        (photo(light=0.19), "too_dark", "too dark"),
        (photo(blur=12), "too_blurred", "too blurred"),
    ],
)
def test_what_is_not_usable_is_said_with_what_to_do(content, reason, says):
    fault = fault_of_whole(read_photo(content))
    assert isinstance(fault, PhotoError)
    assert fault.reason == reason
    assert says in str(fault)


def test_brightness_by_hand():
    # Red, green and blue count .299, .587 and .114.
    assert brightness_of(np.full((2, 3, 3), (255, 0, 0), np.uint8)) == pytest.approx(0.299)
    assert brightness_of(np.full((2, 3, 3), (0, 255, 51), np.uint8)) == pytest.approx(0.6098)
    assert too_dark(np.full((2, 2, 3), 26, np.uint8)) is None
    assert too_dark(np.full((2, 2, 3), 25, np.uint8)).details["brightness"] < 0.1
