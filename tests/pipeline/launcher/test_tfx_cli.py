import json
import sys
from pathlib import Path

import pytest

from pipeline.launcher.tfx_cli import LiveLines, call, environment, registration


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


def test_call_keeps_all_output_and_hands_over_what_is_meant_for_people(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("faceauth-progress: before\n")
    said: list[str] = []
    # A progress bar's carriage return ends a line too, and bad bytes do not stop the reading.
    parts = (
        r"printf 'one\n'; printf '10%%\rfaceauth-progress: a\r' >&2; sleep 0.6;",
        r"printf 'x faceauth-progress: no\n\377\nfaceauth-progress: b \377\n';",
        r"printf 'faceauth-pro'; sleep 0.6;",
        r"printf 'gress: c\n'; exit 3",
    )
    with LiveLines(log) as lines:
        code = call(["/bin/sh", "-c", " ".join(parts)], {}, log, lambda: said.extend(lines.new()))
    assert code == 3
    assert said == ["a", "b \ufffd", "c"]
    assert log.read_bytes() == (
        b"faceauth-progress: before\none\n10%\rfaceauth-progress: a\r"
        b"x faceauth-progress: no\n\377\nfaceauth-progress: b \377\nfaceauth-progress: c\n"
    )


def test_a_command_runs_to_its_end_when_the_look_fails_and_then_it_is_said(tmp_path: Path) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        raise LookupError("no screen")

    script = "sleep 0.6; echo end"
    with pytest.raises(LookupError, match="no screen"):
        call(["/bin/sh", "-c", script], {}, tmp_path / "log", look)
    assert (tmp_path / "log").read_text() == "end\n"
    assert looks == [1]
