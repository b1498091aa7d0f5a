import pytest

from serving.versions import newest_version, versions_in


def test_versions_are_folders_with_the_names_of_numbers(tmp_path):
    for name in ("9", "10", "200", "007", "pushing-300", "1.5"):
        (tmp_path / name).mkdir()
    (tmp_path / "12").write_text("a file")
    assert versions_in(tmp_path) == [9, 10, 200]
    assert versions_in(tmp_path / "none") == []


def test_the_newest_version_by_number(tmp_path):
    for name in ("9", "10", "11", "new"):
        (tmp_path / name).mkdir()
    for name in ("9", "10", "new"):
        (tmp_path / name / "saved_model.pb").touch()
    assert newest_version(tmp_path) == tmp_path / "10"
    assert newest_version(tmp_path / "9") == tmp_path / "9"
    with pytest.raises(ValueError, match="neither a SavedModel nor a folder of versions"):
        newest_version(tmp_path / "11")
