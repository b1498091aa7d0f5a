"""What each ageing does to pixels, by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from components.val_scorer import ageing
from components.val_scorer.ageing import STRENGTHS, aged


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


GREY = np.full((100, 80), 128, np.uint8)


def test_every_ageing_is_described_and_keeps_grey_grey_and_colour_colour():
    colour = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    for name in STRENGTHS:
        assert pixels(aged(png(GREY), name, "a/1.jpg")).ndim == 2
        assert pixels(aged(png(colour), name, "a/1.jpg")).shape[2] == 3


@pytest.mark.parametrize("name", STRENGTHS)
def test_a_copy_is_always_the_same_one(name):
    data = png(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    assert aged(data, name, "a/1.jpg") == aged(data, name, "a/1.jpg")


def test_blur_spreads_a_point_over_a_share_of_the_shorter_side():
    point = np.zeros((200, 300), np.uint8)
    point[100, 150] = 255
    found = pixels(aged(png(point), "blur", "x")).astype(float)
    rows = found.sum(axis=1) / found.sum()
    spread = np.sqrt((rows * (np.arange(200) - 100) ** 2).sum())
    # 1.5 % of 200 px; Pillow makes it of boxes, and eight bits cut its tails off.
    assert spread == pytest.approx(3.0, abs=0.3)


def test_noise_has_its_standard_deviation_and_differs_from_image_to_image():
    first, second = (pixels(aged(png(GREY), "noise", name)).astype(float) for name in "ab")
    for found in (first, second):
        assert found.mean() == pytest.approx(128, abs=1)
        assert found.std() == pytest.approx(ageing.NOISE, rel=0.03)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(0, abs=0.05)


def test_jpeg_is_a_jpeg_of_its_quality():
    # The first entry of the standard's luminance table is 16; at quality 20 it is 16 * 250 / 100.
    image = Image.open(io.BytesIO(aged(png(GREY), "jpeg", "x")))
    assert image.format == "JPEG"
    assert image.quantization[0][0] == 40


def test_gamma_is_one_of_two_powers_for_a_whole_image():
    found = {int(pixels(aged(png(GREY), "gamma", str(number)))[0, 0]) for number in range(20)}
    # 255 * (128 / 255) ** 2 and ** 0.5.
    assert found == {64, 181}


def test_small_averages_blocks():
    blocks = np.kron(np.array([[10, 200], [90, 30]], np.uint8), np.ones((4, 4), np.uint8))
    assert pixels(aged(png(blocks), "small", "x")).tolist() == [[10, 200], [90, 30]]


def test_several_come_one_after_the_other():
    data = png(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    both = aged(data, "small+jpeg", "x")
    assert both == aged(aged(data, "small", "x"), "jpeg", "x")
    assert pixels(both).shape == (16, 16)


def test_large_images_are_reduced_first_by_a_whole_number():
    # 1600 // 512 = 3.
    large = np.zeros((900, 1600), np.uint8)
    assert pixels(aged(png(large), "noise", "x")).shape == (300, 534)
