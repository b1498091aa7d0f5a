"""The digest of source code that goes into TFX's cache key."""

import hashlib
from pathlib import Path

import pytest

from components import code_digest as module
from components.code_digest import code_digest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two parts, in the place of ``components``, and versions of libraries."""
    files = {
        "eyes/__init__.py": "",
        "eyes/left.py": "x = 1\n",
        "eyes/deep/right.py": "x = 2\n",
        "eyes/notes.md": "of no matter",
        "nose.py": "x = 3\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    versions = {"tensorflow": "2.0.0", "tfx": "3.0.0"}
    monkeypatch.setattr(module.metadata, "version", versions.__getitem__)
    return tmp_path


def test_it_is_the_hash_of_each_name_and_content_in_order(root: Path) -> None:
    expected = hashlib.sha256(b"tensorflow==2.0.0\0tfx==3.0.0\0")
    for name, text in [
        ("eyes/__init__.py", b""),
        ("eyes/deep/right.py", b"x = 2\n"),
        ("eyes/left.py", b"x = 1\n"),
        ("nose.py", b"x = 3\n"),
    ]:
        expected.update(name.encode() + b"\0" + hashlib.sha256(text).digest())
    assert code_digest("eyes", "nose") == expected.hexdigest()[:16]


def test_order_and_repetition_of_the_parts_do_not_matter(root: Path) -> None:
    assert code_digest("nose", "eyes", "nose") == code_digest("eyes", "nose")


@pytest.mark.parametrize("name", ["eyes/left.py", "eyes/deep/right.py", "eyes/__init__.py"])
def test_an_edit_anywhere_below_a_part_changes_it(root: Path, name: str) -> None:
    before = {part: code_digest(part) for part in ("eyes", "nose", "eyes/deep", "eyes/left")}
    (root / name).write_text("x = 4\n")
    after = {part: code_digest(part) for part in before}
    assert after["eyes"] != before["eyes"]
    assert after["nose"] == before["nose"]
    assert (after["eyes/deep"] != before["eyes/deep"]) == (name == "eyes/deep/right.py")
    assert (after["eyes/left"] != before["eyes/left"]) == (name == "eyes/left.py")


def test_a_new_name_changes_it_and_what_is_no_code_does_not(root: Path) -> None:
    before = code_digest("eyes")
    (root / "eyes" / "notes.md").write_text("other notes")
    (root / "eyes" / "__pycache__").mkdir()
    (root / "eyes" / "__pycache__" / "left.cpython-310.pyc").write_bytes(b"compiled")
    assert code_digest("eyes") == before
    (root / "eyes" / "left.py").rename(root / "eyes" / "mouth.py")
    assert code_digest("eyes") != before


@pytest.mark.parametrize("library", ["tensorflow", "tfx"])
def test_another_version_of_a_library_changes_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    before = code_digest("nose")
    newer = {"tensorflow": "2.0.0", "tfx": "3.0.0", library: "9.0.0"}
    monkeypatch.setattr(module.metadata, "version", newer.__getitem__)
    assert code_digest("nose") != before


def test_a_package_beside_components_is_a_part(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = tmp_path_factory.mktemp("project")
    monkeypatch.setattr(module, "_PROJECT", project)
    (project / "ears").mkdir()
    with pytest.raises(FileNotFoundError, match="no part 'ears'"):
        code_digest("ears")
    (project / "ears" / "__init__.py").write_text("")
    before = code_digest("ears")
    (project / "ears" / "left.py").write_text("x = 1\n")
    assert code_digest("ears") != before


def test_a_part_that_does_not_exist_is_named(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"components has no part 'ears': neither .*ears"):
        code_digest("eyes", "ears")


def test_the_parts_of_the_project_have_digests_of_their_own() -> None:
    parts = ("pair_example_gen", "anomaly_gate", "transform", "trainer", "pair_scorer", "report")
    assert len({code_digest(part) for part in parts}) == len(parts)
