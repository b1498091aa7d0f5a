import io

import numpy as np
import pytest
from PIL import Image

from components.pair_example_gen.images import read_and_align
from faces import DLIB_150, PhotoError, find_faces
from serving.sent_photos import png, send_photo, shown


def file(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_the_aligned_face_is_sent_as_it_is_trained_on(face_in_room, tmp_path):
    photo = file(face_in_room(100))
    [face] = find_faces(photo, DLIB_150)
    [sent] = send_photo(photo, DLIB_150)
    (tmp_path / "a.png").write_bytes(photo)
    trained_on, _ = read_and_align(str(tmp_path / "a.png"), DLIB_150, "only")
    assert sent.content == trained_on
    decoded = np.asarray(Image.open(io.BytesIO(sent.content))).astype(int)
    assert np.abs(decoded - face.pixels).mean() < 2
    assert sent.box == face.box


def test_as_it_is(jpeg, png, face_in_room):
    for content in (jpeg(1), png(1)):
        [sent] = send_photo(content, None)
        assert (sent.content, sent.box) == (content, None)
    # What no model decodes is turned into what it does, upright.
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    turned = face_in_room(0).transpose(Image.Transpose.ROTATE_90)
    [sent] = send_photo(file(turned, "WEBP", lossless=True, exif=exif), None)
    upright = np.asarray(Image.open(io.BytesIO(sent.content)))
    np.testing.assert_array_equal(upright, np.asarray(face_in_room(0)))


def test_a_fault_names_the_file_on_one_line(tmp_path, png):
    path = tmp_path / "a\nb.png"
    path.write_bytes(png(1))
    with pytest.raises(PhotoError, match=r"a\\nb\.png': No face was found") as caught:
        send_photo(path, DLIB_150)
    assert caught.value.reason == "no_face"
    with pytest.raises(PhotoError, match=r"^No face"):
        send_photo(png(1), DLIB_150)
    with pytest.raises(FileNotFoundError):
        send_photo(tmp_path / "none.png", None)


def test_shown():
    assert shown("a b.png") == "a b.png"
    assert shown("a\udcff.png") == "'a\\udcff.png'"


def test_png_is_lossless():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)
