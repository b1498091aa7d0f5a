"""The graph that prepares images, against Pillow and by hand."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components import features
from components.transform.config import ImageConfig
from components.transform.preprocessing import (
    crop_window,
    prepare_image,
    prepare_images,
    preprocessing_fn,
)


def encode(pixels: np.ndarray, file_format: str) -> bytes:
    buffer = io.BytesIO()
    options = {"quality": 95} if file_format == "JPEG" else {}
    Image.fromarray(pixels).save(buffer, file_format, **options)
    return buffer.getvalue()


def ramp(height: int, width: int) -> np.ndarray:
    """Grey rises by 2 from column to column."""
    return np.tile(np.arange(width, dtype=np.uint8) * 2, (height, 1))


def test_a_png_without_crop_or_resize_comes_out_as_it_went_in():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    config = ImageConfig(size=16, channels=3)
    found = prepare_image(tf.constant(encode(pixels, "PNG")), config)
    np.testing.assert_array_equal(found, pixels)


def test_the_window_of_a_box_in_fractions():
    config = ImageConfig(crop=(0.25, 0.1, 0.75, 0.9))
    # 40 wide: x from 10 to 30. 20 high: y from 2 to 18.
    np.testing.assert_array_equal(crop_window(tf.constant([20, 40, 1]), config), [2, 10, 16, 20])


def test_the_window_of_a_central_fraction():
    np.testing.assert_array_equal(
        crop_window(tf.constant([100, 60, 1]), ImageConfig(crop=0.5)), [25, 15, 50, 30]
    )


def test_the_window_never_leaves_a_tiny_image():
    config = ImageConfig(crop=(0.9, 0.9, 1.0, 1.0))
    np.testing.assert_array_equal(crop_window(tf.constant([1, 1, 1]), config), [0, 0, 1, 1])


def test_png_crop_takes_the_right_columns():
    config = ImageConfig(size=8, crop=(0.25, 0.25, 0.75, 0.75))
    found = prepare_image(tf.constant(encode(ramp(16, 16), "PNG")), config)
    np.testing.assert_array_equal(found[:, :, 0], np.tile(np.arange(4, 12) * 2, (8, 1)))


def test_jpeg_is_cropped_while_decoding_to_what_a_full_decode_gives():
    pixels = np.asarray(Image.effect_noise((64, 48), 40).resize((48, 64)))
    data = encode(pixels, "JPEG")
    config = ImageConfig(size=24, crop=(0.25, 0.3125, 0.75, 0.6875))
    full = tf.io.decode_jpeg(data, channels=1, dct_method="INTEGER_ACCURATE")[20:44, 12:36]
    np.testing.assert_array_equal(prepare_image(tf.constant(data), config), full)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_grey_files_as_colour_and_colour_files_as_grey(file_format: str):
    colour = np.zeros((16, 16, 3), np.uint8)
    colour[..., 0] = 200
    grey = np.full((16, 16), 120, np.uint8)
    as_grey = prepare_image(tf.constant(encode(colour, file_format)), ImageConfig(size=16))
    as_colour = prepare_image(
        tf.constant(encode(grey, file_format)), ImageConfig(size=16, channels=3)
    )
    # ITU-R BT.601: 0.299 of red.
    assert abs(int(as_grey[8, 8, 0]) - 60) <= 1
    np.testing.assert_array_equal(as_colour, np.full((16, 16, 3), 120))


def test_halving_a_flat_image_keeps_its_grey():
    data = encode(np.full((32, 32), 77, np.uint8), "PNG")
    found = prepare_image(tf.constant(data), ImageConfig(size=16))
    np.testing.assert_array_equal(found, np.full((16, 16, 1), 77))


def test_an_empty_batch_has_the_right_shape():
    found = prepare_images(tf.constant([], tf.string), ImageConfig(size=12, channels=3))
    assert found.shape == (0, 12, 12, 3)
    assert found.dtype == tf.uint8


def test_what_is_no_image_fails():
    with pytest.raises(tf.errors.InvalidArgumentError):
        prepare_image(tf.constant(b"not an image"), ImageConfig())


def test_preprocessing_fn_writes_the_pixels_row_by_row():
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    config = ImageConfig(size=8, channels=3)
    found = preprocessing_fn(
        {
            features.IMAGE_ID: tf.constant([["a/1.png"]]),
            features.IDENTITY: tf.constant([["a"]]),
            features.IMAGE_ENCODED: tf.constant([[encode(pixels, "PNG")]]),
        },
        {"image": config.model_dump_json()},
    )
    assert found[features.IMAGE_RAW].numpy().tolist() == [[pixels.tobytes()]]
    assert found[features.IMAGE_ID].numpy().tolist() == [[b"a/1.png"]]


@pytest.mark.parametrize("crop", [0.0, 1.5, (0.5, 0.0, 0.4, 1.0), (0.0, 0.0, 1.0, 1.2)])
def test_an_impossible_crop_is_refused(crop: object):
    with pytest.raises(ValueError, match=r"crop|box"):
        ImageConfig(crop=crop)
