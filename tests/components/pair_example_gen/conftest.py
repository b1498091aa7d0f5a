"""Small synthetic data sets on disk."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Faces = Callable[[Path, Mapping[str, int]], list[str]]


def noise(seed: int, side: int = 12) -> np.ndarray:
    """uint8 [side, side, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Encodes a Pillow image or an array: ``encode(pixels, "PNG", **options)``."""

    def encode_image(image: Image.Image | np.ndarray, file_format: str, **options) -> bytes:
        buffer = io.BytesIO()
        if isinstance(image, np.ndarray):
            image = Image.fromarray(image)
        image.save(buffer, file_format, **options)
        return buffer.getvalue()

    return encode_image


@pytest.fixture
def write_faces(encode) -> Faces:
    """Writes JPEGs ``<root>/<identity>/<n>.jpg``, n from 0; returns their image ids."""

    def write(root: Path, counts: Mapping[str, int]) -> list[str]:
        image_ids = []
        for identity, count in counts.items():
            (root / identity).mkdir(parents=True)
            for number in range(count):
                image_id = f"{identity}/{number}.jpg"
                (root / image_id).write_bytes(encode(noise(len(image_ids)), "JPEG"))
                image_ids.append(image_id)
        return image_ids

    return write
