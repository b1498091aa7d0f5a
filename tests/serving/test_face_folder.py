"""Folders of drawn faces: names, changes, and what is not used."""

import csv
import io
import os

import numpy as np
import pytest
from PIL import Image

from faces import DLIB_150, LFW, find_faces
from serving.face_folder import align_folder, face_name


def file(image, kind="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folders(tmp_path):
    photos, faces = tmp_path / "photos", tmp_path / "faces"
    photos.mkdir()

    def put(name, content):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(content)

    return photos, faces, put


def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    hidden = (".faces.jsonl", "not_used.csv")
    return sorted(str(path.relative_to(folder)) for path in found if path.name not in hidden)


def not_used(folder):
    with (folder / "not_used.csv").open(newline="", errors="surrogateescape") as file:
        return {row["file"]: row["reason"] for row in csv.DictReader(file)}


def test_names():
    assert face_name("Ada/1.jpg", 1) == "Ada/1.jpg"
    assert face_name("Ada/1.JPEG", 2) == "Ada/1-2.JPEG"
    assert face_name("Ada/1.heic", 1) == "Ada/1.heic.png"
    assert face_name("Ada/1", 3) == "Ada/1-3.png"
    assert face_name("1.png", 1) == "1.png"


def test_a_folder_of_all_kinds(folders, face_in_room):
    photos, faces, put = folders
    room = face_in_room(200)
    put("Ada/1.png", file(room))
    put("Ada/a b\n.JPG", file(room))  # a PNG, whatever its name
    put("Bob/1.webp", file(room, "WEBP"))
    put("Bob/2.png", file(Image.new("RGB", (640, 480), (128, 128, 128))))
    put("Bob/notes.txt", b"hello")
    put("Bob/cut.jpg", file(room, "JPEG")[:2000])
    os.mkfifo(photos / "Bob/pipe.jpg")
    (photos / "Bob/again").symlink_to(photos)
    told = []
    outcome = align_folder(photos, faces, DLIB_150, progress=lambda *done: told.append(done))
    assert files(faces) == ["Ada/1.png", "Ada/a b\n.JPG", "Bob/1.webp.png"]
    assert (outcome.faces, outcome.used, outcome.made, outcome.gone) == (3, 3, 3, [])
    assert told[-1] == (8, 8)
    assert not_used(faces) == {
        "Bob/2.png": "no_face",
        "Bob/notes.txt": "not_a_photo",
        "Bob/cut.jpg": "damaged",
        "Bob/pipe.jpg": "not_a_file",
        "Bob/again": "seen_before",
    }
    assert outcome.counts() == dict.fromkeys(
        ("not_a_file", "seen_before", "no_face", "not_a_photo", "damaged"), 1
    )
    [face] = find_faces(photos / "Ada/1.png", DLIB_150)
    np.testing.assert_array_equal(np.asarray(Image.open(faces / "Ada/1.png")), face.pixels)
    jpeg = np.asarray(Image.open(faces / "Ada/a b\n.JPG"), float)
    assert np.abs(jpeg - face.pixels).mean() < 2


def test_what_changed_is_made_again_and_what_is_gone_is_named(folders, face_in_room):
    photos, faces, put = folders
    for name in ("1.png", "2.png", "3.png", "4.png"):
        put(name, file(face_in_room(100)))
    assert align_folder(photos, faces, DLIB_150).made == 4
    assert align_folder(photos, faces, DLIB_150).made == 0
    before = (faces / "1.png").read_bytes()
    put("1.png", file(face_in_room(300).rotate(20)))
    (faces / "2.png").unlink()
    (photos / "3.png").unlink()
    put("4.png", file(Image.new("RGB", (640, 480), (128, 128, 128))))
    outcome = align_folder(photos, faces, DLIB_150)
    assert (outcome.made, outcome.used, outcome.gone) == (2, 2, ["3.png"])
    assert (faces / "1.png").read_bytes() != before
    # The face of the photo that was there before is nobody's.
    assert files(faces) == ["1.png", "2.png", "3.png"]
    assert not_used(faces) == {"4.png": "no_face"}
    assert align_folder(photos, faces, DLIB_150).gone == ["3.png"]
    (faces / "3.png").unlink()
    assert align_folder(photos, faces, DLIB_150).gone == []
    assert align_folder(photos, faces, LFW).made == 2
    assert Image.open(faces / "1.png").size == (250, 250)


def test_nothing_is_overwritten(folders, face_in_room):
    photos, faces, put = folders
    room = file(face_in_room(100))
    for name in ("1", "1.png", "2.png"):
        put(name, room)
    faces.mkdir()
    (faces / "2.png").write_bytes(b"mine")
    outcome = align_folder(photos, faces, DLIB_150)
    assert outcome.used == 1
    assert not_used(faces) == {"1.png": "name_taken", "2.png": "name_taken"}
    assert (faces / "2.png").read_bytes() == b"mine"
    messages = sorted(one.message for one in outcome.not_used)
    assert "which is another file" in messages[1]
    assert "which is made of 1." in messages[0]


def test_all_faces(folders, face_in_room):
    photos, faces, put = folders
    both = face_in_room(0)
    both.paste(face_in_room(0).crop((0, 100, 240, 340)), (300, 100))
    put("1.png", file(both))
    assert align_folder(photos, faces, DLIB_150, "all").faces == 2
    assert files(faces) == ["1-2.png", "1.png"]
    # What is not asked for any more goes.
    assert align_folder(photos, faces, DLIB_150, "largest").faces == 1
    assert files(faces) == ["1.png"]


def test_an_interrupted_run_goes_on(folders, face_in_room):
    photos, faces, put = folders
    for name in ("1.png", "2.png"):
        put(name, file(face_in_room(100)))

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        align_folder(photos, faces, DLIB_150, progress=interrupt)
    assert files(faces) == ["1.png"]
    outcome = align_folder(photos, faces, DLIB_150)
    assert (outcome.made, outcome.used) == (1, 2)


def test_folders_must_be_apart_and_hold_files(folders):
    photos, faces, _ = folders
    for source, target in ((photos, photos), (photos, photos / "b"), (photos / "b", photos)):
        with pytest.raises(ValueError, match="lie in each other"):
            align_folder(source, target, DLIB_150)
    with pytest.raises(ValueError, match="no file below"):
        align_folder(photos, faces, DLIB_150)
    with pytest.raises(ValueError, match="no folder"):
        align_folder(faces, photos, DLIB_150)
