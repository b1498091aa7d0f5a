"""A drawn face depends on its numbers alone, and is what its attributes say."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from data import synthetic
from data._easel import curve, oval
from data._face_params import sample_identity, sample_shot


def test_a_face_has_the_promised_shape():
    face = synthetic.draw_face(0, 3, 1, 48)
    assert face.shape == (48, 48, 3)
    assert face.dtype == np.uint8


def test_the_same_numbers_give_the_same_bytes_whatever_was_drawn_before():
    first = synthetic.face_jpeg(5, 2, 7, 40)
    synthetic.face_jpeg(5, 2, 8, 40)
    np.random.default_rng(0).random()
    assert synthetic.face_jpeg(5, 2, 7, 40) == first


@pytest.mark.parametrize("other", [(6, 2, 7), (5, 3, 7), (5, 2, 8)])
def test_every_number_matters(other: tuple[int, int, int]):
    assert synthetic.face_jpeg(*other, 40) != synthetic.face_jpeg(5, 2, 7, 40)


def test_the_file_is_a_jpeg_of_the_drawn_face():
    drawn = synthetic.draw_face(1, 0, 0, 64).astype(float)
    with Image.open(BytesIO(synthetic.face_jpeg(1, 0, 0, 64))) as image:
        assert image.format == "JPEG"
        decoded = np.asarray(image.convert("RGB"), dtype=float)
    # JPEG loses something, but far less than there is between two pictures of one person.
    other = synthetic.draw_face(1, 0, 1, 64).astype(float)
    assert np.abs(decoded - drawn).mean() < 0.25 * np.abs(other - drawn).mean()


def test_a_person_keeps_what_is_theirs_and_only_that():
    attributes = [synthetic.face_attributes(0, 4, index) for index in range(40)]
    for fixed in ("skin", "hair", "beard"):
        assert len({row[fixed] for row in attributes}) == 1
    for varied in ("light", "occlusion", "pose"):
        assert len({row[varied] for row in attributes}) > 1


def test_attributes_take_the_documented_values_and_no_other():
    allowed = {
        "skin": {"light", "medium", "dark"},
        "hair": {"dark", "fair", "red", "grey", "none"},
        "beard": {"yes", "no"},
        "glasses": {"yes", "no"},
        "light": {"bright", "dim", "side"},
        "occlusion": {"yes", "no"},
        "pose": {"frontal", "turned"},
    }
    assert tuple(allowed) == synthetic.ATTRIBUTES
    seen: dict[str, set[str]] = {key: set() for key in allowed}
    for identity in range(200):
        for key, value in synthetic.face_attributes(0, identity, identity % 3).items():
            seen[key].add(value)
    assert seen == allowed


def test_attributes_say_what_the_picture_shows():
    for identity in range(60):
        person = sample_identity(0, identity)
        shot = sample_shot(0, identity, 0, person)
        attributes = synthetic.face_attributes(0, identity, 0)
        assert (attributes["pose"] == "turned") == (abs(np.degrees(shot.yaw)) >= 15)
        assert (attributes["hair"] == "none") == (person.hair_style == "bald")
        if attributes["glasses"] == "yes":
            assert person.glasses != "none"


def test_dim_pictures_are_darker():
    brightness: dict[str, list[float]] = {"bright": [], "dim": []}
    for identity in range(40):
        light = synthetic.face_attributes(0, identity, 0)["light"]
        if light in brightness:
            brightness[light].append(synthetic.draw_face(0, identity, 0, 32).mean())
    assert np.mean(brightness["dim"]) < 0.75 * np.mean(brightness["bright"])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((-1, 0, 0, 64), "seed is -1"),
        ((0, -2, 0, 64), "identity is -2"),
        ((0, 0, -3, 64), "index is -3"),
        ((0, 0, 0, 31), "size is 31; faces need 32"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers: tuple[int, int, int, int], message: str):
    with pytest.raises(ValueError, match=message):
        synthetic.draw_face(*numbers)


def test_curve_goes_through_its_controls():
    controls = [(0.0, 0.0), (1.0, 2.0), (3.0, -1.0)]
    points = curve(controls)
    assert len(points) == 17  # eight from each control to the next, and the last
    np.testing.assert_allclose(points[::8], controls, atol=1e-12)


def test_curve_through_points_on_a_line_stays_on_it():
    points = curve([(0, 1), (1, 3), (2, 5)])
    np.testing.assert_allclose(points[:, 1], 2 * points[:, 0] + 1, atol=1e-12)


def test_oval_is_an_ellipse():
    points = oval(1, 2, 3, 0.5)
    np.testing.assert_allclose(((points - (1, 2)) / (3, 0.5)) ** 2 @ [1, 1], 1, atol=1e-12)
    upright = oval(1, 2, 3, 0.5, np.pi / 2)
    np.testing.assert_allclose(((upright - (1, 2)) / (0.5, 3)) ** 2 @ [1, 1], 1, atol=1e-12)
