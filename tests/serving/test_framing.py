"""Drawn faces that OpenCV's cascade finds, in larger pictures."""

import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from data.synthetic import draw_face
from serving.framing import FaceFramer, PhotoError, frame_folder

SIDE = 250
# Two drawn people whom the cascade finds easily.
ONE, OTHER = 39, 45


@pytest.fixture(scope="module")
def framer():
    return FaceFramer()


def file(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def face(identity=ONE, side=SIDE):
    return Image.fromarray(draw_face(0, identity, 0, side))


def scene(*placed, size=(1280, 720)):
    """Pictures at their places, on even grey."""
    image = Image.new("RGB", size, (128, 128, 128))
    for picture, at in placed:
        image.paste(picture, at)
    return image


def opened(content):
    return Image.open(io.BytesIO(content))


def difference(one, other):
    """The mean difference of grey values, 0 to 255, at 64 x 64."""
    small = [np.asarray(each.convert("L").resize((64, 64)), float) for each in (one, other)]
    return np.abs(small[0] - small[1]).mean()


def test_a_face_is_framed_alike_wherever_it_is(framer):
    alone = opened(framer.frame(file(scene((face(), (500, 200))))))
    assert alone.width == alone.height
    for at, size in (((0, 470), (1280, 720)), ((900, 100), (1280, 720)), ((60, 300), (480, 640))):
        there = opened(framer.frame(file(scene((face(), at), size=size))))
        # Another part of the scene is seen around it, and black where it ends.
        middle = tuple(side // 5 for side in (alone.width, alone.width)) + tuple(
            side * 4 // 5 for side in (alone.width, alone.width)
        )
        resized = there.resize(alone.size)
        assert difference(alone.crop(middle), resized.crop(middle)) < 8
        assert difference(alone.crop(middle), opened(file(face(OTHER))).resize(alone.size)) > 20


def test_the_square_is_so_many_faces_wide():
    narrow, wide = (
        opened(FaceFramer(widths).frame(file(scene((face(), (500, 200)))))).width
        for widths in (1.5, 3)
    )
    assert wide == pytest.approx(2 * narrow, abs=1)
    assert 1.5 * SIDE * 0.3 < narrow < 1.5 * SIDE * 0.8
    with pytest.raises(ValueError, match=r"0\.9"):
        FaceFramer(0.9)


def test_what_lies_outside_is_black(framer):
    corner = opened(framer.frame(file(face().crop((45, 60, 205, 220)))))
    assert np.asarray(corner)[:5, :5].max() < 20


def test_a_photo_is_turned_as_the_camera_was_held(framer):
    upright = scene((face(), (500, 200)))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    turned = file(upright.transpose(Image.Transpose.ROTATE_90), exif=exif)
    assert difference(opened(framer.frame(turned)), opened(framer.frame(file(upright)))) < 1


def test_large_photos_give_no_large_squares(framer):
    photo = file(scene((face(side=1500), (300, 200)), size=(2400, 1800)))
    assert opened(framer.frame(photo)).size == (500, 500)


@pytest.mark.parametrize(
    ("photo", "says"),
    [
        (lambda: file(scene()), "No face"),
        (lambda: file(scene((face(), (100, 200)), (face(OTHER), (800, 200)))), "more than one"),
        (lambda: file(scene((face(side=90), (300, 300)), size=(640, 640))), "too small"),
        (lambda: b"hello", "not a photo"),
        (lambda: b"", "not a photo"),
        (lambda: file(Image.new("L", (6000, 5000))), "too large"),
    ],
)
def test_what_cannot_be_used_is_said(framer, photo, says):
    with pytest.raises(PhotoError, match=says):
        framer.frame(photo())


def test_a_small_face_behind_is_nobody(framer):
    behind = scene((face(), (300, 200)), (face(OTHER, side=140), (900, 100)))
    alone = scene((face(), (300, 200)))
    assert difference(opened(framer.frame(file(behind))), opened(framer.frame(file(alone)))) < 1


def test_several_threads_may_call(framer):
    photo = file(scene((face(), (500, 200))))
    with ThreadPoolExecutor(4) as executor:
        assert len(set(executor.map(framer.frame, [photo] * 20))) == 1


def test_a_folder_is_framed_and_an_interrupted_run_goes_on(framer, tmp_path):
    photos, faces = tmp_path / "photos", tmp_path / "faces"
    room = file(scene((face(), (500, 200))))
    for name in ("ada/1.png", "ada/2.JPG", "bob/1.png", "notes.txt"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(room)
    (photos / "bob/1.png").write_bytes(file(scene()))
    told = []

    def once(done, total):
        told.append((done, total))
        if done == 1 and len(told) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frame_folder(photos, faces, framer, once)
    first = faces / "ada/1.png.jpg"
    assert [path for path in faces.rglob("*") if path.is_file()] == [first]
    made = first.stat().st_mtime_ns
    unusable = frame_folder(photos, faces, framer, once)
    assert list(unusable) == [photos / "bob/1.png"]
    assert "No face" in unusable[photos / "bob/1.png"]
    assert told[1:] == [(1, 3), (2, 3), (3, 3)]
    assert sorted(path for path in faces.rglob("*") if path.is_file()) == [
        first,
        faces / "ada/2.JPG",
    ]
    assert first.stat().st_mtime_ns == made
    assert first.read_bytes() == framer.frame(room)


def test_folders_must_be_apart_and_hold_photos(framer, tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    for source, target in (("a", "a"), ("a", "a/b"), ("a/b", "a")):
        with pytest.raises(ValueError, match="lie in each other"):
            frame_folder(tmp_path / source, tmp_path / target, framer, print)
    with pytest.raises(ValueError, match="no photo below"):
        frame_folder(tmp_path / "a", tmp_path / "c", framer, print)


def test_lfws_pictures_stay_about_as_they_are(framer):
    folder = os.path.join(os.environ.get("LFW_DIR", "data/lfw"), "images")
    if not os.path.isdir(folder):
        pytest.skip("no LFW here: LFW_DIR names no folder with images")
    names = sorted(os.listdir(folder))[::300]
    moved = []
    for name in names:
        path = os.path.join(folder, name, f"{name}_0001.jpg")
        try:
            square = opened(framer.frame(path))
        except PhotoError:
            continue
        moved.append(square.width)
    assert len(moved) >= 0.9 * len(names)
    assert np.median(moved) == pytest.approx(SIDE, rel=0.05)
