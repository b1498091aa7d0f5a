import os

from serving.folder_walk import walk


def names(root):
    return [one.name for one in walk(root) if one.fault is None]


def faults(root):
    return {one.name: one.reason for one in walk(root) if one.fault is not None}


def test_links_are_followed_once_and_loops_end(tmp_path):
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    (photos / "b").mkdir(parents=True)
    (elsewhere / "deep").mkdir(parents=True)
    (photos / "b" / "1.jpg").touch()
    (elsewhere / "deep" / "2.jpg").touch()
    (photos / "a").symlink_to("b")  # before what it links to
    (photos / "b" / "up").symlink_to(photos)
    (photos / "linked").symlink_to(elsewhere)
    (elsewhere / "around").symlink_to(photos / "linked")
    (photos / "same.jpg").symlink_to(photos / "b" / "1.jpg")
    assert names(photos) == ["same.jpg", "b/1.jpg", "linked/deep/2.jpg"]
    assert faults(photos) == {
        "a": "seen_before",
        "b/up": "seen_before",
        "linked/around": "seen_before",
    }


def test_what_must_not_be_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "null.jpg").symlink_to("/dev/zero")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert names(tmp_path) == []
    assert faults(tmp_path) == {
        "pipe.jpg": "not_a_file",
        "gone.jpg": "unreadable",
        "null.jpg": "not_a_file",
        "self": "unreadable",
    }
