"""Workers end together: what is said when one ends before its time. None of these trains."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.trainer.workers.launch import WorkerFailed, train_together
from pipeline.config import PROJECT

CODE = """
import json, os, signal, sys, time
from components.trainer.workers.launch import receive_task
given = receive_task()
place = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
open(f"{given['folder']}/{place}", "w").write(str(os.getpid()))
print(f"worker {place} is here")
"""


def run(folder: Path, ending: str, workers: int = 2) -> None:
    train_together({"folder": str(folder)}, workers, (sys.executable, "-c", CODE + ending))


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)


def assert_gone(folder: Path) -> None:
    for place in "01":
        with pytest.raises(ProcessLookupError):
            os.kill(int((folder / place).read_text()), 0)


def test_what_the_chief_prints_is_seen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "")
    printed = capfd.readouterr().err
    assert "training with 2 workers" in printed
    assert "worker 0 is here" in printed
    assert "worker 1 is here" not in printed


def test_a_worker_that_dies_is_named_and_no_other_hangs(tmp_path: Path) -> None:
    ending = """
if place == 1:
    other = f"{given['folder']}/0"
    while not (os.path.exists(other) and os.path.getsize(other)):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(600)
"""
    start = time.monotonic()
    with pytest.raises(
        WorkerFailed, match=r"^worker 1 of 2 \(localhost:\d+\) was ended by SIGKILL\nso the traini"
    ):
        run(tmp_path, ending)
    assert time.monotonic() - start < 60
    assert_gone(tmp_path)


def test_a_worker_that_lost_another_is_not_taken_for_the_cause(tmp_path: Path) -> None:
    ending = """
if place == 0:
    sys.exit(75)
time.sleep(0.5)
raise ValueError("image_list is empty; name another")
"""
    with pytest.raises(WorkerFailed, match=r"^worker 1 of 2 .* code 1: ValueError: image_list is "):
        run(tmp_path, ending)
    # Where no cause is seen, as when it was on another machine, the loss itself is said.
    ending = """
class UnavailableError(Exception): pass
try:
    raise UnavailableError("worker 1 is gone")
except UnavailableError:
    import traceback
    traceback.print_exc()
    os._exit(75)
"""
    with pytest.raises(
        WorkerFailed, match=r"^worker \d.* code 75: .*UnavailableError: worker 1 is"
    ):
        run(tmp_path, ending)


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = f"""
import sys
from components.trainer.workers.launch import train_together
train_together({{"folder": {str(tmp_path)!r}}}, 2, (sys.executable, "-c", sys.argv[1]))
"""
    ending = "open(f\"{given['folder']}/ready_{place}\", 'w'); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", parent, CODE + ending], cwd=PROJECT)
    try:
        wait_for(lambda: len(list(tmp_path.glob("ready_*"))) == 2)
    finally:
        process.kill()
        process.wait()
    for place in "01":
        pid = (tmp_path / place).read_text()
        wait_for(lambda pid=pid: not is_running(pid))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: str) -> bool:
    # Where nobody collects orphans, one that has ended stays as a zombie.
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_of_a_cluster_that_is_given_one_worker_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = {
        "cluster": {"worker": ["a:1", "b:1"]},
        "task": {"type": "worker", "index": 1},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(described))
    run(tmp_path, "")
    assert [each.name for each in tmp_path.iterdir()] == ["1"]
    with pytest.raises(ValueError, match=r"training.workers is 3, and TF_CONFIG describes 2"):
        run(tmp_path, "", workers=3)
