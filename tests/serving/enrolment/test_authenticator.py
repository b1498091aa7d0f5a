"""Enrolment and decisions, through the command line, against a real server."""

import json
import logging
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from faces import DLIB_150
from pipeline.faceauth import main
from serving.client import Client, Endpoint
from serving.enrolment import (
    Authenticator,
    EnrolmentError,
    ModelChangedError,
    NotEnrolledError,
    TemplateCipher,
    TemplateStore,
    new_key,
)
from serving.sent_photos import send_photo

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


def test_another_model_under_the_same_number_is_another_model(
    toy_model, store, tmp_path, png, face_record
):
    from serving.local_server.options import Options
    from serving.local_server.server import running

    def served(weights, number, ask):
        base = tmp_path / f"{weights}-as-{number}"
        base.mkdir()
        toy_model.export(base, weights, face_record).rename(base / str(number))
        options = Options(model_base_path=str(base), rest_port=0, grpc_port=0)
        with running(options) as server:
            for url in (server.rest_url, f"grpc://{server.grpc_target}"):
                with Client(Endpoint(url)) as client:
                    ask(Authenticator(client, store))

    def refused(authenticator):
        for ask in (
            lambda: authenticator.authenticate("ada", png(1)),
            lambda: authenticator.identify(png(1)),
        ):
            with pytest.raises(ModelChangedError, match="the model changed"):
                ask()

    def accepted(authenticator):
        assert authenticator.authenticate("ada", png(1)).accepted
        assert authenticator.identify(png(1)).identity == "ada"

    served(1, 5, lambda authenticator: authenticator.enroll("ada", [png(1)]))
    served(2, 5, refused)
    # The same one under another number is the same one.
    served(1, 6, accepted)


def test_two_spellings_of_an_id_are_one(authenticator, png):
    composed, decomposed, hidden = "Zo\u00eb", "Zoe\u0308", "Zo\u00eb\u200b"
    authenticator.enroll(decomposed, [png(1)])
    for spelling in (composed, decomposed, hidden):
        decision = authenticator.authenticate(spelling, png(1))
        assert (decision.identity, decision.accepted) == (composed, True)
    assert authenticator.identify(png(1)).identity == composed
    assert authenticator.forget(hidden) == 1
    for no_id in ("", "\u200b", "a\nb", "x" * 201):
        with pytest.raises(EnrolmentError, match="is no ID"):
            authenticator.enroll(no_id, [png(1)])


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
    assert command("enroll", "ada", "1.png")[1] == "enrolled ada with 1 templates\n"
    assert command("authenticate", "ada", "1.png")[0] == 0
    assert command("authenticate", "ada", "2.png")[0] == 1
    code, out, _ = command("identify", "1.png", "--json")
    assert code == 0
    assert json.loads(out)["id"] == "ada"
    assert command("identify", "2.png")[1].startswith("nobody enrolled")
    _, out, _ = command("identify", "2.png", "--top", "3")
    assert out.splitlines()[1].startswith("1. ada (score 0.")
    assert command("identify", "2.png", "--top", "2", "--min_score", "1")[1].count("\n") == 1
    code, _, err = command("identify", "1.png", "--max_fpir", "0.01")
    assert code == 2
    assert "this model does not know how often strangers are mistaken" in err
    assert command("forget", "ada")[1] == "forgot ada: 1 templates deleted\n"
    code, _, err = command("authenticate", "ada", "1.png")
    assert code == 2
    assert "nobody is enrolled" in err


NOTE = "note: the model takes photos as they are: no face is looked for\n"


@pytest.fixture
def photos(tmp_path, face_in_room):
    """The same drawn face at two places of a room, and twice."""
    left, right = face_in_room(0), face_in_room(300)
    left.save(tmp_path / "left.png")
    right.save(tmp_path / "right.webp", lossless=True)
    both = left.copy()
    both.paste(right.crop((300, 100, 540, 340)), (300, 100))
    both.save(tmp_path / "both.png")


def test_the_face_is_what_is_compared(command, photos, face_server, tmp_path):
    served = ("--url", face_server.rest_url)
    code, out, err = command("verify", "left.png", "right.webp", "--json", *served)
    assert (code, err) == (0, "")
    left, right = json.loads(out)["boxes"]
    np.testing.assert_allclose(np.subtract(right, left), (300, 0, 300, 0), atol=3)
    code, out, _ = command("embed", "right.webp", *served)
    assert code == 0
    [sent] = send_photo(tmp_path / "right.webp", DLIB_150)
    (tmp_path / "aligned.png").write_bytes(sent.content)
    expected = json.loads(command("embed", "aligned.png", "--as_is", *served)[1])
    np.testing.assert_allclose(json.loads(out)["embedding"], expected["embedding"], atol=1e-6)
    assert json.loads(out)["box"] == pytest.approx(list(sent.box))
    assert "box" not in expected
    assert command("enroll", "ada", "left.png", *served)[1] == "enrolled ada with 1 templates\n"
    assert command("authenticate", "ada", "right.webp", *served)[0] == 0
    assert command("identify", "right.webp", *served)[1].startswith("ada (")


def test_of_several_faces(command, photos, face_server):
    served = ("--url", face_server.rest_url)
    for arguments in (
        ("verify", "both.png", "left.png"),
        ("authenticate", "ada", "both.png"),
        ("embed", "both.png"),
    ):
        code, out, err = command(*arguments, *served)
        assert (code, out) == (2, "")
        assert err.startswith("error: both.png: There are 2 faces")
        assert err.count("\n") == 1
    assert command("verify", "both.png", "left.png", "--face", "largest", *served)[0] == 0
    lines = command("embed", "both.png", "left.png", "--face", "all", *served)[1].splitlines()
    assert [json.loads(line)["image"] for line in lines] == ["both.png", "both.png", "left.png"]
    assert len(command("embed", "both.png", "--face", "1", *served)[1].splitlines()) == 1
    for wrong in ("0", "none"):
        with pytest.raises(SystemExit):
            command("embed", "both.png", "--face", wrong)
    with pytest.raises(SystemExit):
        command("verify", "both.png", "left.png", "--face", "all")


def test_a_photo_without_a_face_is_named(command, face_server):
    code, out, err = command("authenticate", "ada", "1.png", "--url", face_server.rest_url)
    assert (code, out) == (2, "")
    assert err.startswith("error: 1.png: No face was found.")


def test_a_model_that_names_no_canvas_gets_photos_as_they_are_and_it_is_said(command, photos):
    assert command("verify", "1.png", "1.png")[2] == NOTE
    assert command("verify", "1.png", "1.png", "--as_is")[2] == ""
    # No model decodes WebP; what it holds is sent as PNG.
    assert command("embed", "right.webp")[0] == 0


def test_a_folder_of_photos_is_framed(command, tmp_path, face_in_room, face_base):
    (tmp_path / "photos/Ada").mkdir(parents=True)
    face_in_room(200).save(tmp_path / "photos/Ada/1.png")
    code, out, err = command("frame", "photos", "faces")
    assert (code, err) == (0, "1 of 1 files\n")
    assert out == "1 faces of 1 photos are in faces (1 photos made now); 0 files are not used\n"
    assert Image.open(tmp_path / "faces/Ada/1.png").size == (150, 150)
    (tmp_path / "photos/Ada/2.jpg").write_bytes(b"hello")
    code, out, err = command("frame", "photos", "faces", "--model", str(face_base))
    assert code == 3
    assert "(0 photos made now); 1 files are not used" in out
    assert "not used: not_a_photo: 1, such as Ada/2.jpg: This is not a photo" in err
    assert command("frame", "photos", "wide", "--canvas", "lfw")[0] == 3
    assert Image.open(tmp_path / "wide/Ada/1.png").size == (250, 250)
    (tmp_path / "photos/Ada/1.png").unlink()
    code, out, err = command("frame", "photos", "faces")
    assert code == 2
    assert "gone: Ada/1.png" in err
    assert command("frame", "photos", "photos")[0] == 2
    assert command("frame", "photos", "faces", "--canvas", "round")[0] == 2


def test_verify_in_process_needs_no_server(command, photos, face_base, toy_base, monkeypatch):
    monkeypatch.setenv("FACEAUTH_URL", "http://127.0.0.1:9")
    model = ("--model", str(face_base))
    code, out, err = command("verify", "left.png", "right.webp", *model)
    assert (code, err) == (0, "")
    assert out.startswith("same person (score 0.")
    code, out, err = command("verify", "left.png", "1.png", *model)
    assert (code, out) == (2, "")
    assert err == (
        "error: 1.png: No face was found. Look into the camera, with all of your face in the "
        "picture.\n"
    )
    code, _, err = command("verify", "1.png", "2.png", "--model", str(toy_base))
    assert (code, err) == (1, NOTE)
    assert command("verify", "1.png", "2.png", "--as_is", *model)[0] == 1


def test_verify_in_process_says_what_cannot_be_decided(command, photos, tmp_path, face_base):
    (tmp_path / "odd/1").mkdir(parents=True)
    (tmp_path / "odd/1/saved_model.pb").write_bytes(b"hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.png").write_bytes(b"hello")
    for a, model, says in (
        ("1.png", "odd", "is not a model of this project"),
        ("1.png", "empty", "neither a SavedModel nor a folder of versions"),
        ("1.png", "./nowhere", "neither a SavedModel nor a folder of versions"),
        ("missing.png", str(face_base), "missing.png"),
        ("empty", str(face_base), "empty: This is not a file."),
        ("none.png", str(face_base), "none.png: This is not a photo"),
    ):
        code, out, err = command("verify", a, "1.png", "--model", model)
        assert (code, out) == (2, "")
        assert says in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1


def test_embed_prints_lines_or_writes_an_array(command, toy_model, png, tmp_path):
    code, out, _ = command("embed", "1.png", "2.png")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["image"] for line in lines] == ["1.png", "2.png"]
    expected = toy_model.embed([png(1), png(2)])
    np.testing.assert_allclose([line["embedding"] for line in lines], expected, atol=1e-5)
    assert command("embed", "1.png", "2.png", "--out", "e.npy")[0] == 0
    np.testing.assert_allclose(np.load("e.npy"), expected, atol=1e-5)
    assert [each.name for each in tmp_path.glob("*e.npy*")] == ["e.npy"]


def test_errors_are_one_line_and_exit_code_2(command, monkeypatch):
    for arguments, says in (
        (("verify", "1.png", "missing.png"), "missing.png"),
        (("verify", "1.png", "1.png", "--url", "nowhere"), "http://HOST:8501"),
        (("status", "--model", "other"), "Could not find any versions"),
        (("verify", "1.png", "1.png", "--version", "7"), "faceauth status"),
    ):
        code, out, err = command(*arguments)
        err = err.removeprefix(NOTE)
        assert code == 2
        assert says in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert out == ""
    monkeypatch.delenv("FACEAUTH_TEMPLATE_KEY")
    assert "faceauth new-key" in command("enroll", "ada", "1.png")[2]
    code, key, _ = command("new-key")
    assert code == 0
    TemplateCipher(key.strip())
