"""Drawn faces lying in drawn photos, so that where they are is known."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.synthetic import draw_face


@pytest.fixture(scope="session")
def drawn_face() -> np.ndarray:
    """uint8 [240, 240, 3]: a drawn face that is seen from the front."""
    return draw_face(seed=0, identity=9, index=0, size=240)


@pytest.fixture(scope="session")
def grey_room(drawn_face: np.ndarray) -> np.ndarray:
    """uint8 [480, 640, 3]: smooth light, and the drawn face with its corner at (300, 150)."""
    light = np.random.default_rng(1).integers(60, 200, (4, 6, 3), dtype=np.uint8)
    room = np.array(Image.fromarray(light).resize((640, 480), Image.Resampling.BICUBIC))
    room[150:390, 300:540] = drawn_face
    return room


@pytest.fixture(scope="session")
def lfw() -> Path:
    """The folder of LFW."""
    folder = Path(os.environ.get("LFW_DIR", "data/lfw"))
    if not (folder / "images.csv").is_file():
        pytest.skip("LFW is not there; LFW_DIR names its folder")
    return folder
