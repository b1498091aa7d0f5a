"""Processes that are started for a check, and end with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.serving_check.server import Served, ServerError, free_port, running

ROOT = Path(__file__).parents[3]
# Writes its number down, and sleeps.
SLEEPER = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid()));"
SLEEPS = SLEEPER + "time.sleep(100)"
IGNORES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPS


def wait_for(happened):
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    # A child whose parent was killed and that nobody waits for.
    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def written(file):
    wait_for(lambda: file.exists() and file.read_text())
    return int(file.read_text())


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_it_ends_with_the_block_however_that_ends(tmp_path, error):
    command = [sys.executable, "-c", SLEEPS, str(tmp_path / "pid")]
    try:
        with running(command, tmp_path / "log") as process:
            number = written(tmp_path / "pid")
            assert lives(number)
            if error:
                raise error
    except (KeyboardInterrupt, ValueError):
        pass
    assert not lives(number)
    assert process.returncode == 128 + signal.SIGTERM


def test_one_that_does_not_obey_is_killed(tmp_path, monkeypatch):
    started = time.monotonic()
    # The leash reads its own.
    monkeypatch.setattr("components.serving_check.server.GRACE_S", -4.5)
    command = [sys.executable, "-c", IGNORES, str(tmp_path / "pid")]
    with running(command, tmp_path / "log"):
        number = written(tmp_path / "pid")
    wait_for(lambda: not lives(number))
    assert time.monotonic() - started < 10


def test_it_ends_when_this_process_is_killed(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from components.serving_check.server import running\n"
        "with running([sys.executable, *sys.argv[2:]], Path(sys.argv[1])): input()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log"), "-c", SLEEPS]
    parent = subprocess.Popen([*command, str(tmp_path / "pid")], cwd=ROOT, stdin=subprocess.PIPE)
    try:
        number = written(tmp_path / "pid")
    finally:
        parent.kill()
        parent.wait()
        parent.stdin.close()
    wait_for(lambda: not lives(number))


def test_a_server_that_ends_is_an_error_with_its_last_words(tmp_path):
    log = tmp_path / "log"
    served = Served(f"127.0.0.1:{free_port()}", "toy", 5)
    words = "import sys; print('no such module'); sys.exit(3)"
    with (
        running([sys.executable, "-c", words], log) as process,
        pytest.raises(
            ServerError, match=r"(?s)ended with code 3 .*:\n  no such module\n.*serving\.check"
        ),
    ):
        served.wait(process, log, 30)
    with (
        running(["/no/such/program"], log) as process,
        pytest.raises(ServerError, match="program cannot be started: No such file"),
    ):
        served.wait(process, log, 30)
    served.close()


def test_a_server_that_takes_too_long_is_an_error(tmp_path):
    log = tmp_path / "log"
    served = Served(f"127.0.0.1:{free_port()}", "toy", 5)
    command = [sys.executable, "-c", SLEEPS, str(tmp_path / "pid")]
    with (
        running(command, log) as process,
        pytest.raises(ServerError, match=r"(?s)not available after 0\.5 s.*load_timeout_s"),
    ):
        served.wait(process, log, 0.5)
    served.close()
