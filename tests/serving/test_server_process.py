"""Servers that end with whoever started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.client import Endpoint
from serving.client.grpc_transport import GrpcTransport
from serving.server_process import NotServing, free_port, running, wait_until_available

ROOT = Path(__file__).parents[2]
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
    # The process between has its own.
    monkeypatch.setattr("serving.server_process._GRACE_S", -4.5)
    command = [sys.executable, "-c", IGNORES, str(tmp_path / "pid")]
    with running(command, tmp_path / "log"):
        number = written(tmp_path / "pid")
    wait_for(lambda: not lives(number))
    assert time.monotonic() - started < 10


def test_it_ends_when_this_process_is_killed(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from serving.server_process import running\n"
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


@pytest.fixture
def transport():
    transport = GrpcTransport(Endpoint(f"grpc://127.0.0.1:{free_port()}"))
    yield transport
    transport.close()


def test_a_server_that_ends_is_an_error_with_its_last_words(tmp_path, transport):
    log = tmp_path / "log"
    words = "import sys; print('no such module'); sys.exit(3)"
    with (
        running([sys.executable, "-c", words], log) as process,
        pytest.raises(NotServing, match=r"(?s)ended with code 3 .*:\n  no such module"),
    ):
        wait_until_available(transport, process, log, 30)
    with (
        running(["/no/such/program"], log) as process,
        pytest.raises(NotServing, match="program cannot be started: No such file"),
    ):
        wait_until_available(transport, process, log, 30)


def test_a_server_that_takes_too_long_is_an_error(tmp_path, transport):
    log = tmp_path / "log"
    command = [sys.executable, "-c", SLEEPS, str(tmp_path / "pid")]
    with (
        running(command, log) as process,
        pytest.raises(NotServing, match=r"not available after 0\.5 s"),
    ):
        wait_until_available(transport, process, log, 0.5)
