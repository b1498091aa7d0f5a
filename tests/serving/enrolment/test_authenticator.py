"""Enrolment and decisions, through the command line, against a real server."""

import json
import logging
import shutil
import time

import numpy as np
import pytest

from serving.client import Client, Endpoint
from serving.client.cli import main
from serving.enrolment import (
    Authenticator,
    EnrolmentError,
    ModelChangedError,
    NotEnrolledError,
    TemplateCipher,
    TemplateStore,
    new_key,
)
from serving.framing import FaceFramer

KEY = new_key()


@pytest.fixture
def store(tmp_path):
    store = TemplateStore(f"sqlite:///{tmp_path}/faceauth.db", TemplateCipher(KEY))
    yield store
    store.close()


@pytest.fixture
def authenticator(toy_server, store):
    with Client(Endpoint(toy_server.rest_url)) as client:
        yield Authenticator(client, store)


def test_the_mean_score_over_the_photos_decides(authenticator, toy_model, png):
    enrolled = [png(1), png(1), png(2)]
    assert authenticator.enroll("ada", enrolled) == 3
    decisions = []
    for seed in (1, 2, 3):
        decision = authenticator.authenticate("ada", png(seed))
        scores = toy_model.score(toy_model.distance(enrolled, [png(seed)] * 3))
        assert decision.templates == 3
        assert decision.score == pytest.approx(float(scores.mean()), abs=1e-4)
        decisions.append(decision.accepted)
        # One photo, the second, is the very one enrolled; two of three are not of it.
        assert seed == 3 or scores.max() >= 0.5
    assert decisions == [True, False, False]
    # Among all who are enrolled, the decision is the same.
    authenticator.enroll("bob", [png(3)])
    assert [authenticator.identify(png(seed)).identity for seed in (1, 2, 3)] == [
        "ada",
        None,
        "bob",
    ]


def test_identify_finds_the_right_one_and_follows_changes(authenticator, png):
    with pytest.raises(NotEnrolledError, match="nobody is enrolled; first: faceauth enroll ID"):
        authenticator.identify(png(1))
    for seed in range(12):
        authenticator.enroll(f"person-{seed}", [png(seed)])
    for seed in range(12):
        found = authenticator.identify(png(seed))
        assert found.identity == f"person-{seed}"
        assert found.searched == 12
    authenticator.forget("person-3")
    assert authenticator.identify(png(3)).identity != "person-3"
    assert authenticator.identify(png(3)).searched == 11


def test_what_is_not_enrolled_is_said(authenticator, png):
    with pytest.raises(NotEnrolledError, match="faceauth enroll eve"):
        authenticator.authenticate("eve", png(1))
    with pytest.raises(NotEnrolledError):
        authenticator.forget("eve")
    for identity in ("", "x" * 201, "a\nb"):
        with pytest.raises(EnrolmentError, match="printable"):
            authenticator.enroll(identity, [png(1)])
    with pytest.raises(EnrolmentError, match="0 photos"):
        authenticator.enroll("ada", [])


def test_a_bad_photo_changes_no_enrolment(authenticator, png):
    from serving.client import InvalidRequestError

    authenticator.enroll("ada", [png(1)])
    with pytest.raises(InvalidRequestError):
        authenticator.enroll("ada", [png(2), b"no photo"])
    assert authenticator.authenticate("ada", png(1)).accepted


def test_templates_of_another_version_are_refused_until_enrolled_again(
    toy_model, toy_base, store, tmp_path, png
):
    from serving.local_server.options import Options
    from serving.local_server.server import running

    base = tmp_path / "faceauth"
    shutil.copytree(toy_base, base)
    options = Options(model_base_path=str(base), rest_port=0, grpc_port=0, poll_seconds=0.05)
    with running(options) as server, Client(Endpoint(server.rest_url)) as client:
        authenticator = Authenticator(client, store)
        authenticator.enroll("ada", [png(1)])
        toy_model.export(base, 2)
        while client.version() != 2:
            time.sleep(0.05)
        with pytest.raises(ModelChangedError, match=r"version 1.*version 2.*enroll again"):
            authenticator.authenticate("ada", png(1))
        with pytest.raises(
            ModelChangedError,
            match=r"nobody is enrolled with faceauth version 2.*but 1 with faceauth version 1; enr",
        ):
            authenticator.identify(png(1))
        authenticator.enroll("ada", [png(1)])
        assert authenticator.authenticate("ada", png(1)).accepted
        assert authenticator.identify(png(1)).identity == "ada"


def test_every_decision_is_logged_without_biometric_data(authenticator, store, png, caplog):
    with caplog.at_level(logging.INFO, logger="serving.enrolment.authenticator"):
        authenticator.enroll("ada", [png(1)])
        authenticator.authenticate("ada", png(1))
        authenticator.authenticate("ada", png(2))
        authenticator.identify(png(1))
        authenticator.identify(png(2))
    assert [(one.action, one.identity, one.outcome) for one in store.decisions()] == [
        ("enroll", "ada", "enrolled"),
        ("authenticate", "ada", "accepted"),
        ("authenticate", "ada", "rejected"),
        ("identify", "ada", "accepted"),
        ("identify", None, "rejected"),
    ]
    lines = [record.getMessage() for record in caplog.records]
    assert lines[1] == "authenticate: id=ada model=faceauth version 1 outcome=accepted"
    assert not any("0." in line or "[" in line for line in lines)


@pytest.fixture
def command(toy_server, tmp_path, monkeypatch, png, capsys):
    """Runs ``faceauth``; returns exit code, standard output and standard error."""
    monkeypatch.setenv("FACEAUTH_TEMPLATE_KEY", KEY)
    monkeypatch.setenv("FACEAUTH_URL", toy_server.rest_url)
    monkeypatch.setenv("FACEAUTH_STORE", f"sqlite:///{tmp_path}/cli.db")
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        (tmp_path / f"{seed}.png").write_bytes(png(seed))

    def run(*arguments):
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_the_commands_tell_and_exit_by_the_decision(command):
    assert command("verify", "1.png", "1.png")[0] == 0
    code, out, _ = command("verify", "1.png", "2.png")
    assert code == 1
    assert out.startswith("different people (score 0.")
    assert command("status") == (0, "faceauth 1 AVAILABLE\n", "")
    assert command("enroll", "ada", "1.png", "--no-frame")[1] == "enrolled ada with 1 templates\n"
    assert command("authenticate", "ada", "1.png", "--no-frame")[0] == 0
    assert command("authenticate", "ada", "2.png", "--no-frame")[0] == 1
    code, out, _ = command("identify", "1.png", "--json", "--no-frame")
    assert code == 0
    assert json.loads(out)["id"] == "ada"
    assert command("identify", "2.png", "--no-frame")[1].startswith("nobody enrolled")
    _, out, _ = command("identify", "2.png", "--top", "3", "--no-frame")
    assert out.splitlines()[1].startswith("1. ada (score 0.")
    assert (
        command("identify", "2.png", "--no-frame", "--top", "2", "--min_score", "1")[1].count("\n")
        == 1
    )
    code, _, err = command("identify", "1.png", "--max_fpir", "0.01", "--no-frame")
    assert code == 2
    assert "this model does not know how often strangers are mistaken" in err
    assert command("forget", "ada")[1] == "forgot ada: 1 templates deleted\n"
    code, _, err = command("authenticate", "ada", "1.png", "--no-frame")
    assert code == 2
    assert "nobody is enrolled" in err


def test_photos_are_framed_where_people_are_enrolled(command, tmp_path, face_in_room):
    for at in (0, 300):
        face_in_room(at).save(tmp_path / f"at-{at}.png")
    assert command("enroll", "ada", "at-0.png")[1] == "enrolled ada with 1 templates\n"
    code, out, _ = command("embed", "at-300.png", "--frame")
    assert code == 0
    (tmp_path / "framed.jpg").write_bytes(FaceFramer().frame(tmp_path / "at-300.png"))
    expected = json.loads(command("embed", "framed.jpg")[1])["embedding"]
    np.testing.assert_allclose(json.loads(out)["embedding"], expected, atol=1e-6)
    assert command("embed", "at-300.png")[1] != out
    code, _, err = command("authenticate", "ada", "1.png")
    assert code == 2
    assert "1.png: No face was found" in err
    assert "--no-frame" in err


def test_a_folder_of_photos_is_framed(command, tmp_path, face_in_room):
    (tmp_path / "photos").mkdir()
    face_in_room(200).save(tmp_path / "photos" / "1.png")
    (tmp_path / "photos" / "2.jpg").write_bytes(b"hello")
    code, out, err = command("frame", "photos", "faces")
    assert (code, out) == (0, "the faces are in faces; 1 photos are not used\n")
    assert "2 of 2 photos" in err
    assert "2.jpg: This is not a photo" in err
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["1.png.jpg"]
    assert command("frame", "photos", "photos")[0] == 2


def test_embed_prints_lines_or_writes_an_array(command, toy_model, png, tmp_path):
    code, out, _ = command("embed", "1.png", "2.png")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["image"] for line in lines] == ["1.png", "2.png"]
    expected = toy_model.embed([png(1), png(2)])
    np.testing.assert_allclose([line["embedding"] for line in lines], expected, atol=1e-5)
    assert command("embed", "1.png", "2.png", "--out", "e.npy")[0] == 0
    np.testing.assert_allclose(np.load("e.npy"), expected, atol=1e-5)
    assert not (tmp_path / "e.npy.part").exists()


def test_errors_are_one_line_and_exit_code_2(command, monkeypatch):
    for arguments, says in (
        (("verify", "1.png", "missing.png"), "missing.png"),
        (("verify", "1.png", "1.png", "--url", "nowhere"), "http://HOST:8501"),
        (("status", "--model", "other"), "Could not find any versions"),
        (("verify", "1.png", "1.png", "--version", "7"), "faceauth status"),
    ):
        code, out, err = command(*arguments)
        assert code == 2
        assert says in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert out == ""
    monkeypatch.delenv("FACEAUTH_TEMPLATE_KEY")
    assert "faceauth new-key" in command("enroll", "ada", "1.png", "--no-frame")[2]
    code, key, _ = command("new-key")
    assert code == 0
    TemplateCipher(key.strip())
