import json
import sys
from pathlib import Path

import pytest

from pipeline.tfx_cli import call, environment, registration


def store(home: Path, text: str) -> None:
    (home / "faces").mkdir(parents=True)
    (home / "faces" / "pipeline_args.json").write_text(text)


def test_unknown_pipeline_is_created(tmp_path: Path) -> None:
    assert registration("beam", "faces", tmp_path, Path("/p/beam_runner.py")) == [
        "pipeline",
        "create",
        "--engine=beam",
        "--pipeline_path=/p/beam_runner.py",
    ]


def test_known_pipeline_needs_nothing(tmp_path: Path) -> None:
    store(tmp_path, json.dumps({"pipeline_dsl_path": "/p/local_runner.py"}))
    assert registration("local", "faces", tmp_path, Path("/p/local_runner.py")) is None


@pytest.mark.parametrize("text", ['{"pipeline_dsl_path": "/old/local_runner.py"}', "{", "[]"])
def test_moved_or_broken_registration_is_updated(tmp_path: Path, text: str) -> None:
    store(tmp_path, text)
    arguments = registration("local", "faces", tmp_path, Path("/p/local_runner.py"))
    assert arguments is not None
    assert arguments[1] == "update"


def test_environment_puts_this_python_first_and_keeps_what_the_caller_set(tmp_path: Path) -> None:
    inherited = {"PATH": "/usr/bin", "TF_CPP_MIN_LOG_LEVEL": "0", "FACEAUTH__A__B": "1"}
    assert environment("beam", tmp_path / "c.yaml", tmp_path / "home", inherited) == {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin",
        "TF_CPP_MIN_LOG_LEVEL": "0",
        "GRPC_VERBOSITY": "ERROR",
        "PYTHONUNBUFFERED": "1",
        "FACEAUTH__A__B": "1",
        "FACEAUTH_CONFIG": str(tmp_path / "c.yaml"),
        "BEAM_HOME": str(tmp_path / "home"),
    }


def test_call_hands_over_both_streams_line_by_line_and_keeps_them(tmp_path: Path) -> None:
    lines: list[str] = []
    # A progress bar's carriage return ends a line too, and bad bytes do not stop the reading.
    script = r"printf 'one\n'; printf '10%%\r20%%\n' >&2; printf 'a\377b'; exit 3"
    code = call(["/bin/sh", "-c", script], {}, tmp_path / "log", lines.append)
    assert code == 3
    assert lines == ["one", "10%", "20%", "a\ufffdb"]
    assert (tmp_path / "log").read_text() == "one\n10%\n20%\na\ufffdb"


def test_call_reads_on_when_the_listener_fails_and_then_says_so(tmp_path: Path) -> None:
    def listener(line: str) -> None:
        raise LookupError(line)

    script = "for i in 1 2 3; do echo $i; done"
    with pytest.raises(LookupError, match="1"):
        call(["/bin/sh", "-c", script], {}, tmp_path / "log", listener)
    assert (tmp_path / "log").read_text() == "1\n2\n3\n"
