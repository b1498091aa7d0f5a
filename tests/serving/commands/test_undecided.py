"""What cannot be decided is told on one line, with an exit code that is no answer."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.faceauth import main
from serving.enrolment import new_key

Command = Callable[..., tuple[int, str, str]]
KEY = new_key()


@pytest.fixture
def command(
    toy_server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    png: Callable[[int], bytes],
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs ``faceauth`` where Ada is enrolled; gives exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEAUTH_TEMPLATE_KEY", KEY)
    monkeypatch.setenv("FACEAUTH_URL", toy_server.rest_url)
    monkeypatch.setenv("FACEAUTH_STORE", f"sqlite:///{tmp_path}/people.db?timeout=0.1")
    for seed in (1, 2):
        (tmp_path / f"{seed}.png").write_bytes(png(seed))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    assert run("enroll", "ada", "1.png", "--as_is")[0] == 0
    return run


def is_one_line(error: str) -> bool:
    return error.startswith("error: ") and error.count("\n") == 1 and "Traceback" not in error


DECISIONS = (
    ("authenticate", "ada", "1.png", "--as_is"),
    ("identify", "1.png", "--as_is"),
    ("enroll", "bob", "2.png", "--as_is"),
    ("forget", "ada"),
)


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_template_database(command: Command, tmp_path: Path, lock: str) -> None:
    other = sqlite3.connect(tmp_path / "people.db", isolation_level=None)
    other.execute(f"BEGIN {lock}")
    for arguments in DECISIONS:
        code, out, err = command(*arguments)
        assert (code, out) == (2, "")
        assert "database is locked" in err
        assert is_one_line(err)
    other.execute("ROLLBACK")
    assert command(*DECISIONS[0])[0] == 0


def test_a_template_database_that_cannot_be_written(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEAUTH_STORE", "sqlite:///file:people.db?mode=ro&uri=true")
    for arguments in DECISIONS:
        code, out, err = command(*arguments)
        assert (code, out) == (2, "")
        assert "attempt to write a readonly database" in err
        assert is_one_line(err)
        # The statement and its parameters are nobody's business.
        assert "INSERT" not in err
        assert "ada" not in err


def test_a_template_database_that_is_none(command: Command, tmp_path: Path) -> None:
    (tmp_path / "people.db").write_bytes(b"hello" * 100)
    code, out, err = command(*DECISIONS[0])
    assert (code, out) == (2, "")
    assert is_one_line(err)


@pytest.mark.parametrize("more", [(), ("--as_is",)])
def test_a_photo_that_cannot_be_read(
    command: Command, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "folder.png").mkdir()
    for photo in ("missing.png", "folder.png"):
        for arguments in (("verify", "1.png", photo), ("authenticate", "ada", photo)):
            code, out, err = command(*arguments, *more)
            assert (code, out) == (2, "")
            assert photo in err
            assert is_one_line(
                err.removeprefix(
                    "note: the model takes photos as they are: no face is looked for\n"
                )
            )


def test_what_nobody_foresaw(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise KeyError("score")

    monkeypatch.setattr("serving.enrolment.authenticator.Authenticator.authenticate", fault)
    code, out, err = command(*DECISIONS[0])
    assert (code, out) == (2, "")
    assert err == "error: not foreseen: KeyError: 'score'; FACEAUTH_DEBUG=1 shows where\n"
