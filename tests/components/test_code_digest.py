"""The digest of source code that goes into TFX's cache key."""

import hashlib
from pathlib import Path

import pytest

from components import code_digest as module
from components.code_digest import code_digest, source_files, started_by

FILES = {
    "data/__init__.py": "",
    "data/leaf.py": "x = 1\n",
    "data/nested/__init__.py": "from data import leaf\n",
    "data/nested/deep.py": "x = 2\n",
    "data/nested/near.py": "from . import deep\nfrom .. import late\n",
    "data/late.py": "def f():\n    import data.nested.deep as deep\n    return deep\n",
    "data/typed.py": (
        "import numpy\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from data import leaf\nelse:\n    from data import late\n"
    ),
    "data/round.py": "from data.again import x\n",
    "data/again.py": "from data.round import y\n",
    "data/pages/a.css": "a {}\n",
    "data/pages/deep/b.js": "b()\n",
    "data/pages/__pycache__/c.pyc": "compiled",
    "serving/__init__.py": "",
    "serving/server/__init__.py": "",
    "serving/server/__main__.py": "import data.leaf\n",
    "tensorflow/__init__.py": "x = 3\n",
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project beside which a library lies, and versions of libraries."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    versions = {"tensorflow": "2.0.0", "tfx": "3.0.0"}
    monkeypatch.setattr(module.metadata, "version", versions.__getitem__)
    return tmp_path


def names(project: Path, *entries: str) -> list[str]:
    return [path.relative_to(project / "data").as_posix() for path in source_files(*entries)]


def test_it_is_the_hash_of_each_name_and_content_in_order() -> None:
    expected = hashlib.sha256(b"tensorflow==2.0.0\0tfx==3.0.0\0")
    for name in ("data/__init__.py", "data/leaf.py", "data/pages/a.css"):
        text = FILES[name].encode()
        expected.update(name.encode() + b"\0" + hashlib.sha256(text).digest())
    assert code_digest("data.leaf", "data/pages/a.css") == expected.hexdigest()[:16]
    assert code_digest("data/pages/a.css", "data.leaf", "data") == expected.hexdigest()[:16]


@pytest.mark.parametrize(
    ("entry", "files"),
    [
        ("data.leaf", []),
        # A function names its module.
        ("data.leaf.x", []),
        ("data.nested", ["leaf.py", "nested/__init__.py"]),
        # The __init__ of a package on the way imports, too.
        ("data.nested.deep", ["leaf.py", "nested/__init__.py", "nested/deep.py"]),
        # An import in a function counts.
        ("data.late", ["late.py", "leaf.py", "nested/__init__.py", "nested/deep.py"]),
        # One for type checkers does not, but its opposite does; no library is looked into.
        ("data.typed", ["late.py", "leaf.py", "nested/__init__.py", "nested/deep.py", "typed.py"]),
        (
            "data.nested.near",
            ["late.py", "leaf.py", "nested/__init__.py", "nested/deep.py", "nested/near.py"],
        ),
        ("data.round", ["again.py", "round.py"]),
        ("data/pages", ["pages/a.css", "pages/deep/b.js"]),
        ("data/pages/deep/b.js", ["pages/deep/b.js"]),
    ],
)
def test_the_files_that_an_entry_leads_to(project: Path, entry: str, files: list[str]) -> None:
    if entry.startswith("data.leaf"):
        files = ["leaf.py"]
    package = [] if "/" in entry else ["__init__.py"]
    assert names(project, entry) == sorted(package + files)


def test_a_line_in_any_of_the_files_changes_it_and_another_file_does_not(project: Path) -> None:
    before = code_digest("data.late", "data/pages")
    for file in source_files("data.late", "data/pages"):
        text = file.read_text()
        file.write_text(text + "\n")
        assert code_digest("data.late", "data/pages") != before
        file.write_text(text)
    (project / "data" / "round.py").write_text("other")
    (project / "data" / "pages" / "__pycache__" / "c.pyc").write_bytes(b"compiled again")
    assert code_digest("data.late", "data/pages") == before
    (project / "data" / "pages" / "a.css").rename(project / "data" / "pages" / "c.css")
    assert code_digest("data.late", "data/pages") != before


@pytest.mark.parametrize("library", ["tensorflow", "tfx"])
def test_another_version_of_a_library_changes_it(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    before = code_digest("data.leaf")
    newer = {"tensorflow": "2.0.0", "tfx": "3.0.0", library: "9.0.0"}
    monkeypatch.setattr(module.metadata, "version", newer.__getitem__)
    assert code_digest("data.leaf") != before


def test_what_is_not_there_is_named() -> None:
    for missing in ("data.nose", "data.nose.x", "tensorflow"):
        with pytest.raises(ModuleNotFoundError, match=f"'{missing}' is neither a module"):
            code_digest("data.leaf", missing)
    with pytest.raises(FileNotFoundError, match="data/nose is neither a file nor a folder"):
        code_digest("data/nose")


def test_what_a_command_starts_of_the_project() -> None:
    assert started_by(["python", "-m", "serving.server", "-m"]) == ["serving.server.__main__"]
    assert started_by(["python", "-m", "data.leaf", "-m=data.late"]) == ["data.leaf"]
    assert started_by(["tensorflow_model_server", "-m", "tensorflow"]) == []


def test_all_packages_of_the_project_are_looked_into() -> None:
    root = Path(module.__file__).parents[1]
    packages = {path.parent.name for path in root.glob("*/__init__.py")}
    # These run components; no component runs them.
    assert packages - module.PACKAGES <= {"benchmarks", "scripts"}
