"""Augmentation: what each part does, one at a time."""

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.config import AugmentationConfig
from components.trainer.inputs.augmentation import Augmenter

OFF = {
    "flip": False,
    "rotation": 0,
    "zoom": 0,
    "aspect": 0,
    "shift": 0,
    "gamma": 0,
    "shading": 0,
    "cutout": 0,
}


def augmenter(size: int, **changes: object) -> Augmenter:
    return Augmenter(AugmentationConfig(**{**OFF, **changes}), size)


@pytest.fixture(autouse=True)
def seed():
    tf.random.set_seed(7)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 12, 12, 3), dtype=np.uint8)


def test_with_everything_off_nothing_changes(noise):
    np.testing.assert_allclose(augmenter(12)(tf.constant(noise)), noise, atol=1e-4)


def test_flip_gives_each_image_or_its_mirror_image(noise):
    found = augmenter(12, flip=True)(tf.constant(noise)).numpy()
    as_is = np.isclose(found, noise, atol=1e-3).all(axis=(1, 2, 3))
    mirrored = np.isclose(found, noise[:, :, ::-1], atol=1e-3).all(axis=(1, 2, 3))
    assert (as_is | mirrored).all()
    assert 5 < mirrored.sum() < 27  # 16 of 32 expected, standard deviation 2.8


def test_a_half_turn_shows_up_as_rotation(noise):
    # At most 180 degrees either way: draws are uniform, so no image stays as it was.
    found = augmenter(12, rotation=180)(tf.constant(noise)).numpy()
    assert not np.isclose(found, noise, atol=1.0).all(axis=(1, 2, 3)).any()


def test_a_crop_is_a_window_of_the_image():
    # Grey is 10 * column + row: any window's gradient is 10 across and 1 down.
    ramp = 10.0 * np.arange(20)[None, :] + np.arange(20)[:, None]
    images = np.tile(ramp.astype(np.uint8)[None, :, :, None], (8, 1, 1, 1))
    found = augmenter(12, shift=0.3)(tf.constant(images)).numpy()[..., 0]
    assert found.shape == (8, 12, 12)
    np.testing.assert_allclose(np.diff(found, axis=2), 10, atol=1e-2)
    np.testing.assert_allclose(np.diff(found, axis=1), 1, atol=1e-2)
    corners = found[:, 0, 0]
    # Centred, the crop starts at row 4 and column 4; it moves by up to .3 * 12 = 3.6 both ways.
    assert corners.min() >= (10 + 1) * (4 - 3.6)
    assert corners.max() <= (10 + 1) * (4 + 3.6)
    assert len(np.unique(corners.round(1))) == 8


def test_without_shift_the_crop_is_the_centre():
    images = np.random.default_rng(0).integers(0, 256, (2, 10, 10, 1), dtype=np.uint8)
    found = augmenter(6)(tf.constant(images)).numpy()
    np.testing.assert_allclose(found, images[:, 2:8, 2:8], atol=1e-3)


def test_brightness_adds_one_value_to_an_image():
    grey = np.full((16, 8, 8, 1), 100, np.uint8)
    found = augmenter(8, brightness=0.2)(tf.constant(grey)).numpy()
    np.testing.assert_allclose(np.ptp(found, axis=(1, 2, 3)), 0, atol=1e-3)
    assert np.abs(found[:, 0, 0, 0] - 100).max() <= 0.2 * 255 + 1e-3
    assert found[:, 0, 0, 0].std() > 5


def test_contrast_keeps_the_mean(noise):
    calm = (noise // 2 + 64).astype(np.uint8)  # far enough from black and white not to clip
    found = augmenter(12, contrast=0.3)(tf.constant(calm)).numpy()
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), calm.mean(axis=(1, 2, 3)), rtol=1e-4)
    ratio = found.std(axis=(1, 2, 3)) / calm.std(axis=(1, 2, 3))
    assert (ratio >= 0.699).all()
    assert (ratio <= 1.301).all()


def test_gamma_keeps_black_and_white(noise):
    ends = np.where(noise > 127, 255, 0).astype(np.uint8)
    found = augmenter(12, gamma=0.5)(tf.constant(ends)).numpy()
    np.testing.assert_allclose(found[ends == 255], 255, atol=1e-3)
    # Black is held at a thousandth before the power: e^-0.5 = 0.6065; .001^.6065 * 255 = 3.87.
    assert found[ends == 0].max() <= 3.87


def test_cutout_covers_a_square_with_the_mean():
    grey = np.zeros((64, 16, 16, 1), np.uint8)
    grey[:, :, :8] = 200
    found = augmenter(16, cutout=1.0, cutout_size=(0.25, 0.25))(tf.constant(grey)).numpy()
    covered = np.isclose(found[..., 0], 100, atol=1e-2).sum(axis=(1, 2))
    # 4 x 4 where it lies inside, less at an edge.
    assert covered.max() <= 16
    assert (covered > 0).all()


def test_blur_by_hand():
    dot = np.zeros((1, 5, 5, 1), np.uint8)
    dot[0, 2, 2, 0] = 160
    found = augmenter(5, blur=1.0)(tf.constant(dot)).numpy()[0, 1:4, 1:4, 0]
    np.testing.assert_allclose(found, [[10, 20, 10], [20, 40, 20], [10, 20, 10]], rtol=1e-4)


def test_jpeg_keeps_the_shape_and_changes_pixels(noise):
    found = augmenter(12, jpeg=1.0)(tf.constant(noise)).numpy()
    assert found.shape == noise.shape
    assert np.abs(found - noise).mean() > 1


def test_both_of_a_pair_change_alike_when_asked(noise):
    twice = tf.constant(np.concatenate([noise[:16], noise[:16]]))
    everything = {"rotation": 20, "zoom": 0.2, "gamma": 0.4, "shading": 0.2, "flip": True}
    alike = augmenter(10, same_for_pair=True, **everything)(twice, pairs=True).numpy()
    np.testing.assert_array_equal(alike[:16], alike[16:])
    apart = augmenter(10, **everything)(twice, pairs=True).numpy()
    assert np.abs(apart[:16] - apart[16:]).mean() > 1
