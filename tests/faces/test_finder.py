"""The whole way, on drawn faces whose place is known, and on LFW where it is there."""

import csv
import io
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from faces import DLIB_150, LFW, NoFace, Photo, PhotoError, SeveralFaces, faces_of, find_faces


def found(pixels: np.ndarray) -> list:
    return faces_of(Photo(pixels, pixels.shape[1], pixels.shape[0]), DLIB_150)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def alone(drawn_face):
    """The face in the drawn picture by itself: the others must agree with it."""
    (face,) = found(drawn_face)
    return face


def test_a_face_is_found_where_it_was_put(alone, grey_room):
    (face,) = found(grey_room)
    assert face.confidence > 0.95
    np.testing.assert_allclose(face.landmarks - np.array((300, 150)), alone.landmarks, atol=3)
    left, top, right, bottom = face.box
    middle = face.landmarks.mean(axis=0)
    assert left < middle[0] < right
    assert top < middle[1] < bottom
    assert face.pixels.shape == (150, 150, 3)
    assert face.photo_size == (640, 480)


def test_aligned_landmarks_lie_where_the_canvas_wants_them(grey_room):
    """The aligned face, looked at again, has its landmarks at the canvas's positions."""
    (face,) = faces_of(Photo(grey_room, 640, 480), LFW)
    (again,) = faces_of(Photo(face.pixels, 250, 250), LFW)
    offset = again.landmarks.mean(axis=0) - np.mean(LFW.positions, axis=0)
    np.testing.assert_allclose(offset, 0, atol=2.5)


@pytest.mark.parametrize("degrees", [20, 45, 90, 135, 180, 270])
def test_turned_photos(grey_room, degrees):
    (upright,) = found(grey_room)
    size = 700
    photo = Image.new("RGB", (size, size), (90, 90, 90))
    photo.paste(Image.fromarray(grey_room), (30, 110))
    turned = np.asarray(photo.rotate(degrees, Image.Resampling.BICUBIC))
    face = found(turned)[0]
    # Pillow turns against the clock, about the middle; y runs downwards.
    angle = math.radians(degrees)
    spin = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    expected = (upright.landmarks + np.array((30, 110)) - size / 2) @ spin.T + size / 2
    distance = np.linalg.norm(face.landmarks - expected, axis=1).mean()
    assert distance < 0.1 * upright.height
    assert np.abs(face.pixels.astype(int) - upright.pixels).mean() < 16


def test_a_photo_without_a_face():
    light = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(light).resize((400, 300), Image.Resampling.BICUBIC))
    assert found(smooth) == []
    with pytest.raises(NoFace):
        find_faces(png(smooth), DLIB_150)


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (300, 5), (11, 11)])
def test_tiny_photos(size):
    assert found(np.full((*size, 3), 128, np.uint8)) == []


def test_two_people(drawn_face):
    both = np.concatenate((drawn_face, drawn_face), axis=1)
    with pytest.raises(SeveralFaces):
        find_faces(png(both), DLIB_150)
    assert len(find_faces(png(both), DLIB_150, which="all")) == 2
    assert len(find_faces(png(both), DLIB_150, which="largest")) == 1


def test_a_large_photo_is_looked_at_reduced_and_answered_in_its_own_pixels(alone, drawn_face):
    large = Image.new("RGB", (6_000, 4_000), (120, 110, 100))
    large.paste(Image.fromarray(drawn_face).resize((2_400, 2_400)), (3_000, 1_000))
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=90)
    (face,) = find_faces(buffer.getvalue(), DLIB_150)
    assert face.photo_size == (6_000, 4_000)
    np.testing.assert_allclose(
        (face.landmarks - np.array((3_000, 1_000))) / 10, alone.landmarks, atol=3
    )


def test_many_threads_get_the_same(grey_room):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: found(grey_room)[0], range(8)))
    for answer in answers:
        np.testing.assert_array_equal(answer.pixels, answers[0].pixels)
        assert answer.confidence == answers[0].confidence


def test_lfw_train_faces_lie_where_lfw_has_them(lfw):
    with (lfw / "images.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"][:60]
    distances = []
    for row in rows:
        try:
            face = find_faces(lfw / "images" / row["image"], LFW, which="largest")[0]
        except PhotoError:
            continue
        off = face.landmarks.mean(axis=0) - np.mean(LFW.positions, axis=0)
        distances.append(np.linalg.norm(off))
    assert len(distances) >= 59
    assert np.median(distances) < 10
