"""Which face of a photo is meant, and whether it will do."""

import dataclasses

import numpy as np
import pytest

from faces import choice
from faces.choice import Face, choose, height_of
from faces.errors import NoFace, PhotoError, SeveralFaces, TooBlurred, TooSmall, UnsureFace


def face(height: float = 100, confidence: float = 0.999, sharpness: float = 100) -> Face:
    return Face(
        pixels=np.zeros((1, 1, 3), np.uint8),
        box=(0.0, 0.0, height, height),
        landmarks=np.zeros((5, 2), np.float32),
        confidence=confidence,
        sharpness=sharpness,
        height=height,
        photo_size=(640, 480),
    )


def heights(faces: list[Face], which: str | int) -> list[float]:
    return [one.height for one in choose(faces, which)]


def test_the_largest_first():
    faces = [face(60), face(100), face(80)]
    assert heights(faces, "all") == [100, 80, 60]
    assert heights(faces, 2) == [100, 80]
    assert heights(faces, 7) == [100, 80, 60]
    assert heights(faces, "largest") == [100]


def test_only_refuses_a_second_face_that_is_nearly_as_large():
    assert heights([face(100), face(59)], "only") == [100]
    with pytest.raises(SeveralFaces, match="There are 2 faces of about the same size") as raised:
        choose([face(100), face(61), face(20)], "only")
    assert raised.value.reason == "several_faces"
    assert raised.value.details == {"faces": 2}


def test_a_large_knee_neither_wins_nor_counts():
    knee = face(300, confidence=choice.SURE_ENOUGH - 0.01)
    for which in ("only", "largest", "all", 2):
        assert heights([knee, face(50)], which) == [50]


@pytest.mark.parametrize("which", ["only", "largest", "all", 1, 3])
@pytest.mark.parametrize(
    ("faces", "error", "words"),
    [
        ([], NoFace, "No face was found"),
        ([face(confidence=0.7)], UnsureFace, "70% sure, "),
        ([face(height=31.4)], TooSmall, r"31 pixels from chin to brow, 32 are needed"),
        ([face(sharpness=0)], TooBlurred, "sharpness 0.000"),
    ],
)
def test_what_is_wrong(which, faces, error, words):
    with pytest.raises(error, match=words) as raised:
        choose(faces, which)
    assert isinstance(raised.value, PhotoError)
    assert raised.value.reason == error.reason


def test_of_an_album_only_what_is_good_enough():
    assert heights([face(100, sharpness=0), face(80), face(30)], "all") == [80]
    # One person's photo: that the larger face is blurred is what one must know.
    with pytest.raises(TooBlurred):
        choose([face(100, sharpness=0), face(55)], "only")


@pytest.mark.parametrize("which", [0, -1, "first", 1.5, None])
def test_another_choice(which):
    with pytest.raises(ValueError, match="it must be only, largest, central, all or a number"):
        choose([face()], which)


def test_height_from_landmarks():
    # Between the eyes at (50, 40), between the corners of the mouth at (80, 80): 50 apart.
    landmarks = np.array([(40, 40), (60, 40), (0, 0), (75, 80), (85, 80)], np.float32)
    assert height_of(landmarks) == pytest.approx(1.9 * 50)


def test_the_central_face_is_the_one_nearest_to_the_middle():
    large, small = face(height=200), face(height=80)
    # The middle of the photo is at (320, 240).
    large = dataclasses.replace(large, landmarks=large.landmarks * 0 + np.array((100, 100)))
    small = dataclasses.replace(small, landmarks=small.landmarks * 0 + np.array((330, 250)))
    assert choose([large, small], "central")[0] is small
    assert choose([large, small], "largest")[0] is large
