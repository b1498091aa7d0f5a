"""What changed in a finished artifact is noticed, set aside and made again."""

from hashlib import sha256
from json import loads
from pathlib import Path

import pytest

from pipeline.launcher.checksums import keep_checksums, set_aside_newest, set_aside_used
from pipeline.launcher.records import Artifact, Execution, RunRecord
from serving.file_digests import differences, file_digests


def artifact(root: Path, number: int, content: bytes = b"images") -> Artifact:
    folder = root / "artifacts" / "Gen" / "images" / str(number)
    (folder / "Split-train").mkdir(parents=True)
    (folder / "Split-train" / "part").write_bytes(content)
    return Artifact("Examples", str(folder), {}, number)


def run(*artifacts: Artifact, state: str = "COMPLETE") -> RunRecord:
    return RunRecord("run", 1, 0.0, (Execution("Gen", state, artifacts),))


def test_digests_are_those_of_hashlib(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"one")
    (tmp_path / "c").write_bytes(b"")
    assert file_digests(tmp_path, but=[Path("c")]) == {"a/b": sha256(b"one").hexdigest()}
    assert differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}) == [
        "b was changed",
        "c is missing",
        "d was added",
    ]


@pytest.mark.parametrize("content", [b"imageS", b"", None])
def test_a_changed_an_emptied_and_a_missing_file(tmp_path: Path, content: bytes | None) -> None:
    made = artifact(tmp_path, 3)
    keep_checksums(run(made), tmp_path)
    assert set_aside_newest(tmp_path) == []
    path = Path(made.uri, "Split-train", "part")
    path.unlink() if content is None else path.write_bytes(content)
    what = "is missing" if content is None else "was changed"
    place = tmp_path / "damaged" / "Gen.images.3"
    assert set_aside_newest(tmp_path) == [
        f"Gen/images/3 is not as it was finished (Split-train/part {what}). It lies in {place} now "
        "and is made again"
    ]
    # To TFX's cache, an artifact without a folder is none.
    assert not Path(made.uri).exists()
    assert place.is_dir()
    assert set_aside_newest(tmp_path) == []


def test_the_newest_is_looked_at_before_a_run_and_what_it_used_after_it(tmp_path: Path) -> None:
    old, new = artifact(tmp_path, 3), artifact(tmp_path, 7)
    keep_checksums(run(old, new), tmp_path)
    Path(old.uri, "Split-train", "part").write_bytes(b"other")
    assert set_aside_newest(tmp_path) == []
    [said] = set_aside_used(run(old, state="CACHED"), tmp_path)
    assert said.startswith("Gen/images/3 is not as it was finished")
    assert Path(new.uri).is_dir()


def test_what_did_not_finish_has_no_checksums(tmp_path: Path) -> None:
    keep_checksums(run(artifact(tmp_path, 3), state="RUNNING"), tmp_path)
    assert not (tmp_path / "checksums").exists()


def test_a_first_word_stays(tmp_path: Path) -> None:
    made = artifact(tmp_path, 3)
    keep_checksums(run(made), tmp_path)
    Path(made.uri, "Split-train", "part").write_bytes(b"other")
    keep_checksums(run(made), tmp_path)
    record = loads((tmp_path / "checksums" / "3.json").read_text())
    assert record["sha256"] == {"Split-train/part": sha256(b"images").hexdigest()}


def test_checksums_that_are_none_are_written_anew(tmp_path: Path) -> None:
    made = artifact(tmp_path, 3)
    keep_checksums(run(made), tmp_path)
    path = tmp_path / "checksums" / "3.json"
    path.write_text('{"artifact": 1}')
    assert set_aside_newest(tmp_path) == []
    keep_checksums(run(made), tmp_path)
    assert list(loads(path.read_text())["sha256"]) == ["Split-train/part"]
