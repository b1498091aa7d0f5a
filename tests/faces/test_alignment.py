"""The similarity that brings landmarks to their positions, and the faces it gives."""

import math

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from faces.alignment import align, similarities
from faces.canvas import DLIB_150, LFW, FaceCanvas
from faces.sampling import build_mipmap

RANDOM = np.random.default_rng(0)


def umeyama(source: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Equations 34 to 43 of the paper, by singular values."""
    source_mean, goal_mean = source.mean(axis=0), goal.mean(axis=0)
    covariance = (goal - goal_mean).T @ (source - source_mean) / len(source)
    u, values, vt = np.linalg.svd(covariance)
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(signs) @ vt
    scale = (values * signs).sum() / (source - source_mean).var(axis=0).sum()
    return np.column_stack((scale * rotation, goal_mean - scale * rotation @ source_mean))


def test_against_umeyamas_equations():
    positions = RANDOM.uniform(0, 100, (5, 2))
    landmarks = RANDOM.uniform(0, 500, (20, 5, 2))
    # A mirrored face, where the signs matter.
    landmarks[0] = positions * [-2, 2] + RANDOM.normal(size=(5, 2))
    got = similarities(tf.constant(landmarks, tf.float32), tf.constant(positions, tf.float32))
    for matrix, points in zip(got.numpy(), landmarks, strict=True):
        np.testing.assert_allclose(matrix, umeyama(positions, points), rtol=1e-4, atol=2e-3)


def test_a_known_similarity_is_found_exactly():
    angle, scale, shift = math.radians(33), 2.5, np.array([40.0, -7.0])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    positions = np.float32(LFW.positions)
    landmarks = positions @ (scale * turn).T + shift
    got = similarities(tf.constant(landmarks[None], tf.float32), tf.constant(positions))
    expected = np.column_stack((scale * turn, shift))
    np.testing.assert_allclose(got[0], expected, rtol=1e-5, atol=1e-3)


def test_a_face_that_lies_as_the_canvas_wants_it_is_cut_out_as_it_is():
    photo = RANDOM.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    positions = np.float32(DLIB_150.positions)
    landmarks = tf.constant((positions + np.array((20, 30)))[None], tf.float32)
    faces = align(build_mipmap(tf.constant(photo)), landmarks, tf.constant(positions), 150, 150)
    assert faces.dtype == tf.uint8
    np.testing.assert_allclose(faces[0], photo[30:180, 20:170], atol=1)


def test_a_canvas_survives_json():
    for canvas in (DLIB_150, LFW):
        assert FaceCanvas.model_validate_json(canvas.model_dump_json()) == canvas
    assert (LFW.width, LFW.height) == (250, 250)


@pytest.mark.parametrize(
    "change",
    [{"width": 0}, {"positions": ((1, 1),) * 5}, {"positions": ((1, 1), (2, 2))}, {"side": 3}],
)
def test_a_canvas_that_cannot_be(change):
    with pytest.raises(ValidationError):
        FaceCanvas.model_validate({**LFW.model_dump(), **change})


@pytest.mark.parametrize("canvas", [DLIB_150, LFW])
def test_the_built_in_canvases_show_an_upright_face_in_the_middle(canvas):
    left_eye, right_eye, nose, mouth_left, mouth_right = np.array(canvas.positions)
    # Faces of many people: alike on both sides, to a hundredth of the picture.
    middle = np.mean([left_eye[0], right_eye[0], mouth_left[0], mouth_right[0]])
    assert middle == pytest.approx(canvas.width / 2, abs=0.01 * canvas.width)
    assert left_eye[1] == pytest.approx(right_eye[1], abs=0.01 * canvas.height)
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < mouth_left[1]
