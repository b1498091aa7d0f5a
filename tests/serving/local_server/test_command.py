import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from serving.local_server.__main__ import parse_options
from serving.local_server.options import Options

ROOT = Path(__file__).parents[3]


def test_flags_become_options():
    options = parse_options(["--model_base_path", "m", "--rest_port", "1", "--max_batch_size", "7"])
    assert (options.model_base_path, options.model_name) == ("m", "faceauth")
    assert (options.rest_port, options.grpc_port, options.host) == (1, 8500, "127.0.0.1")
    assert options.batching.max_batch_size == 7


def test_a_bad_flag_is_said(capsys):
    with pytest.raises(SystemExit):
        parse_options(["--model_base_path", "m", "--max_batch_size", "0"])
    assert "max_batch_size is 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse_options([])
    with pytest.raises(ValueError, match="not both"):
        Options(model_base_path="a", model_config_file="b")


def test_the_command_serves_until_it_is_told_to_end(toy_base):
    command = [sys.executable, "-m", "serving.local_server", "--model_base_path", str(toy_base)]
    process = subprocess.Popen(
        [*command, "--rest_port", "0", "--grpc_port", "0"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = []
        while not any(line.startswith("gRPC") for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        url = next(line.split()[1] for line in lines if line.startswith("REST"))
        assert "local use only" in "".join(lines)
        state = httpx.get(url).json()["model_version_status"][0]["state"]
        assert state == "AVAILABLE"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in log


def test_threads_are_those_asked_for():
    given = ["--model_base_path", "models", "--tensorflow_intra_op_parallelism", "3"]
    options = parse_options([*given, "--tensorflow_inter_op_parallelism", "2"])
    assert (options.intra_op_threads, options.inter_op_threads) == (3, 2)
    # An operation a core, and as many of them as there are cores.
    options = parse_options(given[:2])
    assert (options.intra_op_threads, options.inter_op_threads) == (1, 0)
