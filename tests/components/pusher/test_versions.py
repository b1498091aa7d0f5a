"""Pushing onto a disk: whole or not there, whatever happens in between."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from components.pusher import versions
from components.pusher.versions import newest_other, push, same_files
from serving.versions import versions_in

ROOT = Path(__file__).parents[3]
NOW = 1_700_000_000
FILES = ("assets.extra/decision.json", "fingerprint.pb", "saved_model.pb", "variables/v.index")

# Pushes argv[1] to argv[2], and is killed when it has written argv[3] files or folders.
KILLED = f"""
import os, signal, sys
from pathlib import Path
from components.pusher import versions

left, flush = int(sys.argv[3]), versions._flush

def counted(path):
    global left
    flush(path)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

versions._flush = counted
versions.push(Path(sys.argv[1]), Path(sys.argv[2]), {NOW})
"""


def model(folder: Path, content: str) -> Path:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} {content}")
    return folder


def shown(base: Path) -> list[str]:
    """What `ls` shows of a folder."""
    return sorted(path.name for path in base.iterdir() if not path.name.startswith("."))


def partials(base: Path) -> list[Path]:
    return list(base.glob(".partial-*"))


def test_a_version_is_the_model_and_the_time(tmp_path):
    source = model(tmp_path / "model", "a")
    version = push(source, tmp_path / "models" / "faceauth", NOW)
    assert version == tmp_path / "models" / "faceauth" / str(NOW)
    assert same_files(source, version)
    assert (version / "variables/v.index").read_text() == "variables/v.index a"
    assert shown(version.parent) == [str(NOW)]
    assert partials(version.parent) == []


def test_others_may_read_a_version_of_a_private_model(tmp_path):
    source = model(tmp_path / "model", "a")
    for path in (source, *source.rglob("*")):
        path.chmod(0o700)
    version = push(source, tmp_path / "base", NOW)
    plain_file, plain_folder = tmp_path / "file", tmp_path / "folder"
    plain_file.touch()
    plain_folder.mkdir()
    assert version.stat().st_mode == plain_folder.stat().st_mode
    assert (version / "saved_model.pb").stat().st_mode == plain_file.stat().st_mode


def test_two_pushes_in_one_second_and_a_clock_that_goes_back(tmp_path):
    base = tmp_path / "base"
    for name, now in (("a", NOW), ("b", NOW), ("c", NOW - 50)):
        push(model(tmp_path / name, name), base, now)
    assert versions_in(base) == [NOW, NOW + 1, NOW + 2]
    for version, name in zip(versions_in(base), "abc", strict=True):
        assert same_files(base / str(version), tmp_path / name)


def test_the_newest_version_is_not_pushed_again_but_an_older_one_is(tmp_path):
    base, a, b = tmp_path / "base", model(tmp_path / "a", "a"), model(tmp_path / "b", "b")
    assert push(a, base, NOW) == push(a, base, NOW + 5) == base / str(NOW)
    assert push(b, base, NOW + 7) == base / str(NOW + 7)
    assert push(a, base, NOW + 9) == base / str(NOW + 9)
    assert versions_in(base) == [NOW, NOW + 7, NOW + 9]


def test_the_newest_other_model_stays_when_the_model_itself_is_pushed(tmp_path):
    base, a, b = tmp_path / "base", model(tmp_path / "a", "a"), model(tmp_path / "b", "b")
    assert newest_other(base, a) == 0
    push(a, base, 1)
    assert (newest_other(base, a), newest_other(base, b)) == (0, 1)
    push(b, base, 2)
    assert (newest_other(base, a), newest_other(base, b)) == (2, 1)
    push(a, base, 3)
    assert (newest_other(base, a), newest_other(base, b)) == (2, 3)


@pytest.mark.parametrize("change", ["content", "longer", "missing", "more"])
def test_a_difference_is_seen(tmp_path, change):
    a, b = model(tmp_path / "a", "a"), model(tmp_path / "b", "a")
    assert same_files(a, b)
    file = b / FILES[3]
    match change:
        case "content":
            file.write_text(file.read_text()[:-1] + "b")
        case "longer":
            file.write_text(file.read_text() + "a")
        case "missing":
            file.unlink()
        case "more":
            (b / "more").touch()
    assert not same_files(a, b)
    assert not same_files(b, a)


def test_an_error_at_any_file_leaves_nothing(tmp_path, monkeypatch):
    base = tmp_path / "base"
    served = push(model(tmp_path / "a", "a"), base, NOW)
    source, real = model(tmp_path / "b", "b"), versions.shutil.copyfile
    for fails_at in range(len(FILES)):
        copied = []

        def copy(entry, target, fails_at=fails_at, copied=copied):
            if len(copied) == fails_at:
                target.write_text("half")
                raise OSError(28, "No space left on device")
            copied.append(entry)
            return real(entry, target)

        monkeypatch.setattr(versions.shutil, "copyfile", copy)
        with pytest.raises(OSError, match="No space left"):
            push(source, base, NOW)
        assert shown(base) == [served.name]
        assert partials(base) == []


def test_a_kill_at_any_point_leaves_nothing_or_a_whole_version(tmp_path):
    source, base = model(tmp_path / "a", "a"), tmp_path / "base"
    # Four files, two folders and the version itself are flushed before it is shown, the manifest
    # and its folder too; last the base.
    before = 9
    for point in range(1, before + 2):
        command = [sys.executable, "-c", KILLED, str(source), str(base), str(point)]
        assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
        if point <= before:
            assert shown(base) == []
            # What earlier kills left is gone.
            assert len(partials(base)) == 1
    assert same_files(base / str(NOW), source)
    assert shown(base) == [str(NOW)]
    # The run that was killed at the end is started again.
    assert push(source, base, NOW + 60) == base / str(NOW)
    assert partials(base) == []


def test_pushes_at_the_same_time_lose_none(tmp_path):
    base = tmp_path / "base"
    sources = [model(tmp_path / str(number), str(number)) for number in range(8)]
    start = threading.Barrier(len(sources))
    pushed: dict[Path, Path] = {}

    def one(source: Path) -> None:
        start.wait()
        pushed[source] = push(source, base, NOW)

    threads = [threading.Thread(target=one, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions_in(base) == [NOW + number for number in range(8)]
    assert len(pushed) == 8
    for source, version in pushed.items():
        assert same_files(source, version)


def test_a_version_taken_by_another_machine_is_left_alone(tmp_path, monkeypatch):
    base, real = tmp_path / "base", Path.rename
    others = [model(base / str(NOW), "theirs")]

    def taken_meanwhile(partial: Path, target: Path) -> Path:
        if len(others) < 3:
            others.append(model(target, "theirs"))
        return real(partial, target)

    monkeypatch.setattr(Path, "rename", taken_meanwhile)
    source = model(tmp_path / "a", "a")
    assert push(source, base, NOW) == base / str(NOW + 3)
    assert [path.name for path in others] == [str(NOW + number) for number in range(3)]
    assert all(same_files(others[0], other) for other in others)


def test_without_a_model_it_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no saved_model\.pb"):
        push(tmp_path / "nothing", tmp_path / "base", NOW)
    assert not (tmp_path / "base").exists()
