"""The finder in a SavedModel answers as the finder in Python does."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from faces import DLIB_150, Photo, face_file, faces_of
from faces.exported import FindModule, decode


def encoded(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def test_saved_and_loaded_again(tmp_path, grey_room, drawn_face):
    module = FindModule(DLIB_150, most=2)
    tf.saved_model.save(module, str(tmp_path), signatures={"find": module.signature()})
    find = tf.saved_model.load(str(tmp_path)).signatures["find"]
    light = np.full((100, 100, 3), 77, np.uint8)
    answers = find(image=tf.constant([encoded(part, "PNG") for part in (grey_room, light)]))
    (face,) = faces_of(Photo(grey_room, 640, 480), DLIB_150)
    assert {name: part.shape for name, part in answers.items()} == {
        "face": (2, 2),
        "boxes": (2, 2, 4),
        "landmarks": (2, 2, 5, 2),
        "confidence": (2, 2),
        "sharpness": (2, 2),
        "aligned": (2, 2, 150, 150, 3),
    }
    np.testing.assert_allclose(answers["boxes"][0, 0], face.box, atol=0.01)
    np.testing.assert_allclose(answers["landmarks"][0, 0], face.landmarks, atol=0.01)
    assert answers["confidence"][0, 0].numpy() == pytest.approx(face.confidence, abs=1e-4)
    assert np.abs(answers["aligned"][0, 0].numpy().astype(int) - face.pixels).max() <= 1
    # The file that Pillow would make of it: both write it by libjpeg.
    ours = Image.open(io.BytesIO(face_file(answers["aligned"][0, 0].numpy())))
    in_graph = Image.open(io.BytesIO(answers["face"][0, 0].numpy()))
    np.testing.assert_allclose(np.asarray(in_graph).astype(int), np.asarray(ours), atol=3)
    assert in_graph.layer == ours.layer  # no colours at half the resolution
    assert answers["face"][0, 1] == b""
    # One face in the first photo, none in the second: the rest is zero.
    np.testing.assert_array_equal(answers["confidence"][:, 1], 0)
    np.testing.assert_array_equal(answers["confidence"][1], 0)


@pytest.mark.parametrize(
    ("size", "decoded"),
    [((300, 200), (300, 200)), ((4_100, 300), (2_050, 150)), ((16_000, 16), (2_000, 2))],
)
def test_large_jpegs_are_decoded_at_a_fraction(size, decoded):
    smooth = Image.new("RGB", size, (200, 100, 50))
    pixels, scale = decode(tf.constant(encoded(np.asarray(smooth), "JPEG")))
    assert (pixels.shape[1], pixels.shape[0]) == decoded
    assert scale.numpy() == size[0] / decoded[0]
    np.testing.assert_allclose(pixels[0, 0], (200, 100, 50), atol=3)


def test_other_large_photos_are_reduced_afterwards():
    wide = np.full((30, 4_000, 3), (9, 99, 199), np.uint8)
    pixels, scale = decode(tf.constant(encoded(wide, "PNG")))
    assert pixels.shape == (15, 2_000, 3)
    assert scale.numpy() == 2
    np.testing.assert_array_equal(pixels[7, 1_000], (9, 99, 199))
