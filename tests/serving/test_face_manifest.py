import pytest

from serving.face_manifest import FILE, Entry, Manifest

ONE = Entry("aa", {"1.jpg": "bb", "1-2.jpg": "cc"})


def test_what_is_added_is_there_next_time(tmp_path):
    with Manifest(tmp_path, {"face": "all"}) as manifest:
        assert manifest.entry("1.jpg") is None
        manifest.add("1.jpg", ONE)
        manifest.add("2\udcff\n.jpg", Entry("dd", {}))
        manifest.add("3.jpg", Entry("ee", {}))
        manifest.forget("3.jpg")
    with Manifest(tmp_path, {"face": "all"}) as manifest:
        assert manifest.entry("1.jpg") == ONE
        assert manifest.entry("2\udcff\n.jpg") == Entry("dd", {})
        assert manifest.entry("3.jpg") is None
        assert manifest.owners() == {"1.jpg": "1.jpg", "1-2.jpg": "1.jpg"}
        manifest.keep(["1.jpg"])
    # With other settings the faces are still known, and the photo counts as changed.
    for _ in range(2):
        with Manifest(tmp_path, {"face": "only"}) as manifest:
            assert manifest.entry("1.jpg") == Entry("", ONE.faces)
            assert manifest.entry("2\udcff\n.jpg") is None


def test_an_interrupted_run_loses_nothing(tmp_path):
    manifest = Manifest(tmp_path, {}).__enter__()
    manifest.add("1.jpg", ONE)
    manifest.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"photo": "2.jp')
    with Manifest(tmp_path, {}) as again:
        assert again.entry("1.jpg").faces == ONE.faces
        assert again.entry("2.jpg") is None


def test_another_file_is_refused(tmp_path):
    (tmp_path / FILE).write_text("hello\n")
    with pytest.raises(ValueError, match="name another folder"), Manifest(tmp_path, {}):
        pass
    assert (tmp_path / FILE).read_text() == "hello\n"
