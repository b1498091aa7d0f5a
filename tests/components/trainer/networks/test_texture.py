"""Local patterns by hand and against plain loops."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA

from components.trainer.config import TextureConfig
from components.trainer.networks.texture import (
    PATTERNS,
    fit_texture,
    local_binary_patterns,
    local_phases,
    phase_kernels,
    texture_histograms,
    texture_window,
    uniform_bins,
)

BINS = PATTERNS["lbp"].bins


def test_there_are_58_uniform_patterns_and_one_bin_for_the_rest():
    bins = uniform_bins()
    # 8 starts times 7 lengths of a run of ones, all zeros, all ones.
    assert BINS == 8 * 7 + 2 + 1
    assert sorted(set(bins.tolist())) == list(range(59))
    assert (np.bincount(bins)[:58] == 1).all()
    assert bins[0b01010101] == bins[0b00110011] == 58
    assert bins[0b00001111] != 58


def test_a_bright_point_is_seen_from_where_it_lies():
    image = np.zeros((1, 5, 7, 1), np.float32)
    image[0, 2, 4] = 100  # two to the right of (2, 2)
    image[0, 2, 2] = 50
    # Interior pixel (2, 2): only neighbour 0 (to the right) is at least 50.
    found = local_binary_patterns(tf.constant(image[..., 0]))
    assert found.shape == (1, 1, 3)
    assert int(found[0, 0, 0]) == 0b00000001
    # (2, 4) is brighter than all around it.
    assert int(found[0, 0, 2]) == 0


def test_a_flat_image_has_every_neighbour_at_least_as_bright():
    found = local_binary_patterns(tf.fill((1, 9, 9), 131.0))
    np.testing.assert_array_equal(found, np.full((1, 5, 5), 255))


def plain_pattern(image: np.ndarray, y: int, x: int) -> int:
    pattern = 0
    for place in range(8):
        angle = 2 * np.pi * place / 8
        v, u = y - 2 * np.sin(angle), x + 2 * np.cos(angle)
        v, u = round(v, 6), round(u, 6)
        top, left = int(np.floor(v)), int(np.floor(u))
        fv, fu = v - top, u - left
        bottom, right = min(top + 1, len(image) - 1), min(left + 1, image.shape[1] - 1)
        value = (
            image[top, left] * (1 - fv) * (1 - fu)
            + image[top, right] * (1 - fv) * fu
            + image[bottom, left] * fv * (1 - fu)
            + image[bottom, right] * fv * fu
        )
        pattern |= int(value >= image[y, x] - 1e-3) << place
    return pattern


def test_histograms_against_a_plain_loop():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2, 30, 30, 1), dtype=np.uint8)
    config = TextureConfig(patterns=("lbp",), components=2)
    # 30 px: 26 inside the circle, 3 blocks of 7 and 5 px left over, two cells a side.
    described = texture_histograms(tf.constant(pixels), config, "lbp")
    found = described.numpy().reshape(2, 2, 2, BINS)
    bins = uniform_bins()
    for image in range(2):
        grey = pixels[image, ..., 0].astype(np.float64)
        for row in range(2):
            for column in range(2):
                counts = np.zeros(BINS)
                # Two of the five pixels left over are above and on the left.
                for y in range(7 * row + 4, 7 * row + 18):
                    for x in range(7 * column + 4, 7 * column + 18):
                        counts[bins[plain_pattern(grey, y, x)]] += 1
                np.testing.assert_allclose(
                    found[image, row, column] ** 2, counts / 14**2, atol=1e-6
                )


def test_a_wave_has_the_phase_that_it_is_drawn_with():
    # Across, one cycle in 7 pixels, the crest at column 3: seen from there its cosine is above 0
    # and its sine 0; a quarter of a cycle on, where it falls, so is the negative sine below.
    columns = np.arange(14)
    wave = np.round(100 + 100 * np.cos(2 * np.pi * (columns - 3) / 7))
    found = local_phases(tf.constant(np.tile(wave, (7, 1))[np.newaxis], tf.float32)).numpy()
    assert found.shape == (1, 1, 8)
    across = found[0, 0] & 0b11
    # Column 3: cosine above 0. 5 (0.29 of a cycle on): it falls, so the negative sine is above 0.
    # 7 (0.57): cosine below 0. 9 (0.86): it rises, so the negative sine is below 0.
    assert across[0] & 1 == 1
    assert across[2] & 2 == 2
    assert across[4] & 1 == 0
    assert across[6] & 2 == 0


def test_phases_against_the_fourier_transform():
    grey = np.random.default_rng(0).integers(0, 256, (12, 15)).astype(np.float64)
    found = local_phases(tf.constant(grey[np.newaxis], tf.float32)).numpy()[0]
    assert found.shape == (6, 9)
    for y in range(6):
        for x in range(9):
            # The transform starts at a corner, the phases at the centre: three pixels each way.
            spectrum = np.fft.fft2(np.roll(grey[y : y + 7, x : x + 7], (-3, -3), axis=(0, 1)))
            values = [spectrum[0, 1], spectrum[1, 0], spectrum[1, 1], spectrum[-1, 1]]
            for place, value in enumerate(values):
                for bit, part in ((2 * place, value.real), (2 * place + 1, value.imag)):
                    # Kernels are rounded to 1/1024; 49 pixels of 255 could turn this much.
                    if abs(part) > 49 * 255 / 1024:
                        assert found[y, x] >> bit & 1 == int(part > 0)


def test_phases_are_exact_whatever_the_order_of_the_sum():
    kernels = phase_kernels()
    assert (kernels == np.round(kernels)).all()
    # Whole numbers below 2^24 add up without rounding in float32.
    assert (255 * np.abs(kernels).sum(axis=(0, 1))).max() < 2**24
    assert (kernels.sum(axis=(0, 1)) == 0).all()


def test_flat_ground_has_no_phase():
    np.testing.assert_array_equal(local_phases(tf.fill((1, 9, 9), 131.0)), np.zeros((1, 3, 3)))


def test_the_projection_is_that_of_principal_components():
    random = np.random.default_rng(0)
    # Four pictures under noise: three components stand out, as the decomposition needs.
    kinds = random.integers(0, 256, (4, 25, 25, 1))[np.arange(40) % 4]
    pixels = np.clip(kinds + random.normal(0, 4, kinds.shape), 0, 255).astype(np.uint8)
    config = TextureConfig(components=3)
    texture = fit_texture(pixels, config, seed=0)
    parts = []
    for name in config.patterns:
        described = texture_histograms(tf.constant(pixels), config, name).numpy()
        part = PCA(3, whiten=True, svd_solver="full").fit_transform(described)
        parts.append(part / np.linalg.norm(part, axis=1, keepdims=True))
    expected = np.concatenate(parts, axis=1)
    found = texture(tf.constant(pixels)).numpy()
    assert texture.size == 6
    # The sign of a component is free.
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-3)


def test_colour_is_taken_as_luminance():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 25, 25, 1), dtype=np.uint8)
    config = TextureConfig(components=2)
    for name in config.patterns:
        grey = texture_histograms(tf.constant(pixels), config, name)
        colour = texture_histograms(tf.constant(pixels.repeat(3, axis=3)), config, name)
        np.testing.assert_array_equal(grey, colour)


def test_the_window_is_the_box():
    assert texture_window(TextureConfig(box=(0.25, 0.0, 0.75, 1.0)), 80) == (0, 20, 80, 60)


@pytest.mark.parametrize(("patterns", "least"), [(("lbp",), "18 px"), (("lbp", "lpq"), "20 px")])
def test_a_box_smaller_than_a_cell_is_refused(patterns, least):
    with pytest.raises(ValueError, match=least):
        texture_window(TextureConfig(patterns=patterns, box=(0.4, 0.0, 0.6, 1.0)), 40)


def test_more_components_than_images_are_refused():
    with pytest.raises(ValueError, match="fewer components"):
        fit_texture(np.zeros((5, 25, 25, 1), np.uint8), TextureConfig(components=5), seed=0)
