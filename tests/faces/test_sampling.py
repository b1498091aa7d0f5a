"""Halvings of a photo, and crops from them."""

import numpy as np
import pytest
import tensorflow as tf

from faces.sampling import build_mipmap, sample, shrink

RANDOM = np.random.default_rng(0)
PHOTO = RANDOM.integers(0, 256, (37, 52, 3), dtype=np.uint8)


def crop(photo: np.ndarray, matrix: object, height: int, width: int) -> np.ndarray:
    matrices = tf.constant([matrix], tf.float32)
    return sample(build_mipmap(tf.constant(photo)), matrices, height, width).numpy()[0]


def test_the_first_level_is_the_photo_and_the_next_means_of_four():
    mipmap = build_mipmap(tf.constant(PHOTO))
    np.testing.assert_array_equal(mipmap.sizes[:3], [(37, 52), (19, 26), (10, 13)])
    np.testing.assert_array_equal(mipmap.starts[:3], [0, 37 * 52, 37 * 52 + 19 * 26])
    np.testing.assert_array_equal(mipmap.texels[: 37 * 52], PHOTO.reshape(-1, 3))
    even = RANDOM.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    mipmap = build_mipmap(tf.constant(even))
    second = mipmap.texels.numpy()[16 * 24 : 16 * 24 + 8 * 12].reshape(8, 12, 3)
    np.testing.assert_allclose(second, even.reshape(8, 2, 12, 2, 3).mean(axis=(1, 3)), atol=0.501)


def test_the_identity_gives_the_photo_and_a_shift_a_part_of_it():
    np.testing.assert_array_equal(crop(PHOTO, [[1, 0, 0], [0, 1, 0]], 37, 52), PHOTO)
    np.testing.assert_array_equal(crop(PHOTO, [[1, 0, 7], [0, 1, 5]], 9, 11), PHOTO[5:14, 7:18])


def test_half_a_pixel_further_is_the_mean_of_two():
    got = crop(PHOTO, [[1, 0, 3.5], [0, 1, 2]], 4, 5)
    expected = (PHOTO[2:6, 3:8].astype(float) + PHOTO[2:6, 4:9]) / 2
    np.testing.assert_allclose(got, expected)


def test_turned_and_mirrored():
    # x of the crop runs down the photo, y to its left: the photo turned left.
    np.testing.assert_array_equal(crop(PHOTO, [[0, -1, 52], [1, 0, 0]], 52, 37), np.rot90(PHOTO))
    np.testing.assert_array_equal(crop(PHOTO, [[-1, 0, 52], [0, 1, 0]], 37, 52), PHOTO[:, ::-1])


def test_outside_of_the_photo_is_black():
    got = crop(PHOTO, [[1, 0, -3], [0, 1, 35]], 6, 6)
    np.testing.assert_array_equal(got[:, :3], 0)
    np.testing.assert_array_equal(got[2:], 0)
    np.testing.assert_array_equal(got[:2, 3:], PHOTO[35:, :3])
    np.testing.assert_array_equal(crop(PHOTO, [[1, 0, 1e9], [0, 1, -1e9]], 2, 2), 0)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_fine_stripes_are_averaged_when_a_crop_is_smaller_than_what_it_shows(factor):
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 254
    got = crop(stripes, [[factor, 0, 0], [0, factor, 0]], 256 // factor, 256 // factor)
    np.testing.assert_allclose(got, 127, atol=1)


def test_places_are_right_where_halves_are_not_whole():
    # 101 pixels halve to 51 and 26: a slope must stay the slope that it is.
    slope = np.broadcast_to(np.arange(101)[None, :, None] * 2, (101, 101, 3)).astype(np.uint8)
    got = crop(slope, [[4, 0, 2], [0, 4, 2]], 24, 24)
    np.testing.assert_allclose(got[12, :, 0], 2 * (np.arange(24) * 4 + 3.5), atol=1)


def test_the_whole_photo_shrunk():
    smooth = np.broadcast_to(np.linspace(0, 255, 300)[None, :, None], (200, 300, 3))
    mipmap = build_mipmap(tf.constant(smooth.astype(np.uint8)))
    for size in ((200, 300), (90, 140), (13, 21), (220, 330)):
        shrunk = shrink(mipmap, tf.constant(size))
        assert shrunk.shape == (*size, 3)
        middles = (np.arange(size[1]) + 0.5) / size[1] * 300 - 0.5
        expected = middles.clip(0, 299) * 255 / 299
        np.testing.assert_allclose(shrunk[0, :, 0], expected, atol=2)
