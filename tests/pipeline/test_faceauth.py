"""The command: what it lists, how quickly, and how it ends."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pipeline import faceauth
from pipeline.errors import CommandError
from pipeline.faceauth import COMMANDS, command_parser, main
from pipeline.launcher.command import Stopped

FACEAUTH = (sys.executable, "-m", "pipeline.faceauth")


def test_plain_and_help_list_every_command_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == said
    lines = said.splitlines()
    for group, commands in faceauth.GROUPS.items():
        at = lines.index(f"{group}:")
        assert [line.split()[0] for line in lines[at + 1 : at + 1 + len(commands)]] == [*commands]
    assert max(map(len, lines)) <= 100


def test_help_of_every_command_imports_nothing_that_takes_long() -> None:
    script = """
import sys
from pipeline.faceauth import COMMANDS, command_parser, main
main([])
for name in COMMANDS:
    command_parser(name).format_help()
print("imported:", sorted(
    {"tensorflow", "tfx", "apache_beam", "numpy", "pydantic", "PIL", "rich", "sqlalchemy",
     "grpc", "httpx", "aiohttp", "uvicorn", "sklearn", "matplotlib"} & set(sys.modules)
))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_help_of_the_local_server_is_its_own() -> None:
    done = subprocess.run([*FACEAUTH, "local-server", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--model_base_path" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_what_does_the_work_is_where_it_is_said_to_be(name: str) -> None:
    run = command_parser(name).get_default("run")
    if isinstance(run, str):
        module, _, function = run.partition(":")
        run = getattr(import_module(module), function)
    # The commands of ``data`` have one each.
    assert callable(run) or name == "data"


def test_a_command_that_is_none_is_told_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tensorbord"]) == 2
    assert capsys.readouterr().err == (
        "error: faceauth has no command 'tensorbord'; did you mean tensorboard? (faceauth --help "
        "lists them)\n"
    )
    assert main(["--config", "x"]) == 2
    with pytest.raises(SystemExit) as stop:
        main(["new-key", "--long"])
    assert stop.value.code == 2
    assert "unrecognized arguments: --long" in capsys.readouterr().err


Raises = Callable[[BaseException], None]


@pytest.fixture
def raises(monkeypatch: pytest.MonkeyPatch) -> Raises:
    """Makes ``faceauth outcome`` end with an error."""
    monkeypatch.delenv("FACEAUTH_DEBUG", raising=False)

    def prepare(error: BaseException) -> None:
        def run(_given: Any) -> int:
            raise error

        monkeypatch.setattr("pipeline.launcher.command.outcome", run)

    return prepare


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("two\n  lines"), "error: two lines\n"),
        (FileNotFoundError(2, "No such file", "a.jpg"), "error: [Errno 2] No such file: 'a.jpg'\n"),
        (RuntimeError(), "error: RuntimeError\n"),
        (
            KeyError("score"),
            "error: not foreseen: KeyError: 'score'; FACEAUTH_DEBUG=1 shows where\n",
        ),
        # This one is laid out for a person.
        (CommandError("a:\n  b\n  c"), "a:\n  b\n  c\n"),
    ],
)
def test_whatever_goes_wrong_is_told_and_is_no_answer(
    raises: Raises, capsys: pytest.CaptureFixture[str], error: Exception, says: str
) -> None:
    raises(error)
    assert main(["outcome"]) == 2
    assert capsys.readouterr() == ("", says)


def test_a_traceback_is_shown_when_asked_for(
    raises: Raises, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raises(KeyError("score"))
    monkeypatch.setenv("FACEAUTH_DEBUG", "1")
    assert main(["outcome"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "error: not foreseen: KeyError: 'score'"


def test_a_signal_gives_its_number(raises: Raises, capsys: pytest.CaptureFixture[str]) -> None:
    raises(KeyboardInterrupt())
    assert main(["outcome"]) == 130
    raises(Stopped(15))
    assert main(["outcome"]) == 143
    assert capsys.readouterr() == ("", "")


def test_an_answer_that_cannot_be_written_is_none() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*FACEAUTH, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "error: [Errno 28] No space left on device\n")


def test_a_config_that_is_missing_or_wrong_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.yaml"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\ndata: {imges: x}\n")
    for command in ("run", "outcome", "report", "tensorboard", "preview"):
        assert main([command, "--config", str(missing)]) == 2
        assert capsys.readouterr().err.startswith(f"config {missing} cannot be read")
    assert main(["run", "--config", str(wrong)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{wrong} cannot be used:"
    assert any("imges" in line for line in lines[1:])


def test_before_a_run_there_is_nothing_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    runs = tmp_path / "runs"
    config.write_text(f"name: never\nruns_dir: {runs}\ndata: {{images: {tmp_path}}}\n")
    for command in (["run", "--last"], ["outcome"], ["report"], ["artifact", "Model"]):
        assert main([*command, "--config", str(config)]) == 2
        assert f"there is no run in {runs}/never/metadata.sqlite" in capsys.readouterr().err
    assert main(["tensorboard", "--config", str(config), "--port", "7000"]) == 2
    assert capsys.readouterr().err == f"there is no run in {runs}; faceauth run makes one\n"


def test_tensorboard_gets_the_options_that_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"name: c\nruns_dir: {tmp_path}\ndata: {{images: {tmp_path}}}\n")
    started: list[list[str]] = []

    def become(_path: Path, command: list[str], _environment: dict[str, str]) -> None:
        started.append(command)
        raise CommandError("this is where TensorBoard would be")

    monkeypatch.setattr(os, "execve", become)
    assert main(["tensorboard", "--config", str(config), "--port", "7000"]) == 2
    program = str(Path(sys.executable).with_name("tensorboard"))
    assert started == [[program, "--logdir", str(tmp_path), "--port", "7000"]]
