import pytest

from components.pair_example_gen.images import ImageFacts
from components.pair_example_gen.kept_faces import KeptFaces

FACTS = ImageFacts(150, 150, 3, 0.5, 0.25, 0.01, rotated=False)


def never(photo):
    raise AssertionError(f"{photo!r} is aligned again")


def test_a_photo_is_aligned_once(tmp_path):
    kept = KeptFaces(str(tmp_path), "code", "dlib_150 largest")
    # The face's own bytes may hold line breaks.
    assert kept.get(b"photo", lambda photo: (b"face\nof " + photo, FACTS)) == (
        b"face\nof photo",
        FACTS,
    )
    assert kept.get(b"landscape", lambda photo: (b"", "no face")) == (b"", "no face")
    again = KeptFaces(str(tmp_path), "code", "dlib_150 largest")
    again.clean()
    assert again.get(b"photo", never) == (b"face\nof photo", FACTS)
    assert again.get(b"landscape", never) == (b"", "no face")
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    "other",
    [
        ("other code", "dlib_150 largest", b"photo"),
        ("code", "lfw largest", b"photo"),
        ("code", "dlib_150 largest", b"another"),
    ],
)
def test_what_it_depends_on(tmp_path, other):
    KeptFaces(str(tmp_path), "code", "dlib_150 largest").get(b"photo", lambda _: (b"1", FACTS))
    code, wanted, photo = other
    assert KeptFaces(str(tmp_path), code, wanted).get(photo, lambda _: (b"2", FACTS))[0] == b"2"


def test_other_code_cleans_up(tmp_path):
    KeptFaces(str(tmp_path), "old", "").get(b"photo", lambda _: (b"1", FACTS))
    kept = KeptFaces(str(tmp_path), "new", "")
    kept.get(b"photo", lambda _: (b"2", FACTS))
    kept.clean()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("damage", [lambda all: all[:-1], lambda all: b"", lambda all: b"x" + all])
def test_an_entry_that_is_not_whole_is_made_again(tmp_path, damage):
    kept = KeptFaces(str(tmp_path), "code", "")
    kept.get(b"photo", lambda _: (b"face", FACTS))
    [entry] = [path for path in tmp_path.rglob("*") if path.is_file()]
    entry.write_bytes(damage(entry.read_bytes()))
    assert kept.get(b"photo", lambda _: (b"anew", FACTS)) == (b"anew", FACTS)
    assert kept.get(b"photo", never) == (b"anew", FACTS)
