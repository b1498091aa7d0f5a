"""Pushed models that are what they were, and such as are not."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from components.pusher.versions import push
from pipeline.faceauth import main
from serving.in_process import LocalModel
from serving.local_server.loaded_model import LoadedModel
from serving.manifest import MANIFEST, SIGNATURE, ManifestError, verify_manifest, write_manifest


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"")
    return folder


@pytest.fixture
def keys(tmp_path, monkeypatch, capsys):
    """Signs and checks with a new pair of keys."""
    monkeypatch.delenv("FACEAUTH_SIGNING_KEY", raising=False)
    monkeypatch.delenv("FACEAUTH_VERIFYING_KEY", raising=False)
    assert main(["new-signing-key", str(tmp_path / "keys")]) == 0
    lines = [line.split()[0].split("=") for line in capsys.readouterr().out.splitlines()]
    for variable, path in lines:
        monkeypatch.setenv(variable, path)
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o077 == 0
    assert main(["new-signing-key", str(tmp_path / "keys")]) == 2  # and replaces nothing
    return tmp_path / "keys"


def test_a_manifest_has_the_digest_of_every_file(model):
    assert not verify_manifest(model)
    assert write_manifest(model) == [model / MANIFEST]
    assert json.loads((model / MANIFEST).read_text()) == {
        "sha256": {
            "saved_model.pb": hashlib.sha256(b"graph").hexdigest(),
            "variables/variables.index": hashlib.sha256(b"").hexdigest(),
        }
    }
    assert verify_manifest(model)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: (m / "saved_model.pb").write_bytes(b"Graph"), "saved_model.pb was changed"),
        (lambda m: (m / "variables/variables.index").unlink(), "variables.index is missing"),
        (lambda m: (m / "assets.extra" / "x.so").touch(), "assets.extra/x.so was added"),
        (lambda m: (m / MANIFEST).write_text("[]"), "is no manifest"),
        (lambda m: (m / MANIFEST).write_text("{"), "is no manifest"),
    ],
)
def test_what_is_not_as_it_was_pushed_is_refused_by_name(model, change, says):
    write_manifest(model)
    change(model)
    with pytest.raises(ManifestError, match=says):
        verify_manifest(model)
    for load in (LoadedModel, LocalModel):
        with pytest.raises(ManifestError, match=says):
            load(model)


def test_with_a_key_only_what_it_signed_is_loaded(model, keys, monkeypatch, tmp_path):
    with pytest.raises(ManifestError, match=r"has no assets.extra/manifest\.json"):
        verify_manifest(model)
    assert write_manifest(model) == [model / MANIFEST, model / SIGNATURE]
    assert verify_manifest(model)
    # Who changes a model may write the manifest that fits, and cannot sign it.
    (model / "saved_model.pb").write_bytes(b"another threshold")
    signature = (model / SIGNATURE).read_bytes()
    monkeypatch.delenv("FACEAUTH_SIGNING_KEY")
    write_manifest(model)
    with pytest.raises(ManifestError, match="is not of this manifest, or of another key"):
        verify_manifest(model)
    (model / SIGNATURE).unlink()
    with pytest.raises(ManifestError, match="is not signed"):
        verify_manifest(model)
    (model / SIGNATURE).write_bytes(signature)
    for wrong in (keys / "signing.pem", tmp_path / "none.pem"):
        monkeypatch.setenv("FACEAUTH_VERIFYING_KEY", str(wrong))
        with pytest.raises(ManifestError, match="FACEAUTH_VERIFYING_KEY names cannot be used"):
            verify_manifest(model)


def test_a_push_signs_and_everybody_may_read_it(model, keys, tmp_path):
    before = os.umask(0o077)
    try:
        version = push(model, tmp_path / "base", 7)
        assert push(model, tmp_path / "base", 8) == version  # the manifest is not the model
    finally:
        os.umask(before)
    assert verify_manifest(version)
    for path in (version, *version.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)
    assert Path(version, SIGNATURE).is_file()
