"""What is advised, on faces whose measures are given."""

import numpy as np
import pytest

from faces import DLIB_150, Face
from serving.web.looking import Look, look_at, turn_of

STRAIGHT = np.float32([(40, 40), (60, 40), (50, 50), (42, 60), (58, 60)])


def seen(landmarks=STRAIGHT, height=100.0, light=128):
    pixels = np.full((150, 150, 3), light, np.uint8)
    face = Face(pixels, (0, 0, 9, 9), landmarks, 1.0, 1.0, height, (640, 480))
    return Look(640, 480, face, b"sent").advice()[0]


def test_turned_by_hand():
    assert turn_of(STRAIGHT) == 0
    # The nose 6 pixels beside the middle, with 20 between the eyes.
    turned = STRAIGHT + np.float32([(0, 0), (0, 0), (6, 0), (0, 0), (0, 0)])
    assert turn_of(turned) == pytest.approx(0.3)
    # Leaning to a side by 90 degrees changes nothing.
    assert turn_of(turned @ np.float32([(0, 1), (-1, 0)])) == pytest.approx(0.3)
    assert seen(turned) == "turned"


def test_advice():
    assert seen() == "ok"
    # A fifth of the shorter side is 96.
    assert seen(height=95) == "too_far"
    # 0.15 of 255 is 38.25.
    assert seen(light=38) == "too_dark"
    assert seen(light=39) == "ok"


def test_what_is_no_photo():
    look = look_at(b"hello", DLIB_150)
    assert look.sent is None
    assert look.advice()[0] == "not_a_photo"
    assert look.content()["usable"] is False
