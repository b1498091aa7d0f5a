"""The server runs the warm-up requests that the trainer writes into a SavedModel."""

import shutil

import pytest

from components.trainer.export import warmup
from components.trainer.export.warmup import write_warmup_requests
from serving.local_server import loaded_model
from serving.local_server.loaded_model import LoadedModel


@pytest.fixture
def saved_model(toy_base, tmp_path):
    return shutil.copytree(toy_base / "1", tmp_path / "1")


def test_the_server_runs_them_all(saved_model, monkeypatch):
    called, run = [], LoadedModel.run
    monkeypatch.setattr(
        LoadedModel, "run", lambda self, *what: called.append(what[0].name) or run(self, *what)
    )
    LoadedModel(saved_model)
    assert called == []
    write_warmup_requests(saved_model, 8)
    LoadedModel(saved_model)
    assert sorted(called) == sorted(["compare", "embed", "serving_default"] * 3)


def test_a_model_that_fails_its_own_requests_does_not_load(saved_model):
    write_warmup_requests(saved_model, 8, [b"no image"])
    with pytest.raises(ValueError, match="warm-up request 0"):
        LoadedModel(saved_model)


def test_a_damaged_file_does_not_load(saved_model):
    file = write_warmup_requests(saved_model, 8)
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(OSError, match="write it anew"):
        LoadedModel(saved_model)


def test_writer_and_server_agree_on_the_file():
    assert warmup.FILE == loaded_model.WARMUP_FILE
