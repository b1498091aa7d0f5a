import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from pipeline.faceauth import main
from serving import serve
from serving.tf_serving.labels import (
    LabelError,
    next_labels,
    read_labels,
    render,
    served_versions,
)


def push(models, *versions):
    for version in versions:
        (models / "faceauth" / str(version)).mkdir(parents=True)


def test_a_push_moves_the_canary_and_leaves_stable():
    assert next_labels([10], {}) == {"stable": 10, "canary": 10}
    assert next_labels([10, 20], {"stable": 10, "canary": 10}) == {"stable": 10, "canary": 20}
    # Version 10 is no longer among the two that are served.
    assert next_labels([20, 30], {"stable": 10, "canary": 20}) == {"stable": 20, "canary": 30}


def test_promotion_and_rollback():
    assert next_labels([10, 20], {"stable": 10}, stable=20) == {"stable": 20, "canary": 20}
    assert next_labels([10, 20], {"stable": 20}, 10, 10) == {"stable": 10, "canary": 10}
    with pytest.raises(LabelError, match="served are 10, 20"):
        next_labels([10, 20], {}, stable=5)
    with pytest.raises(LabelError, match="no version"):
        next_labels([], {})


def test_the_two_newest_versions_are_served(tmp_path):
    push(tmp_path, 9, 10, 200)
    (tmp_path / "faceauth" / "tmp-300").mkdir()
    assert served_versions(tmp_path) == [10, 200]


def test_the_rendered_file_is_a_model_server_config():
    text = render({"stable": 1, "canary": 2}, base_path="/elsewhere")
    config = text_format.Parse(text, ModelServerConfig())
    model = config.model_config_list.config[0]
    assert (model.name, model.base_path, model.model_platform) == (
        "faceauth",
        "/elsewhere",
        "tensorflow",
    )
    assert model.model_version_policy.latest.num_versions == 2
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}


def test_the_command_writes_and_keeps(tmp_path, capsys):
    assert main(["labels", "--models", str(tmp_path)]) == 2
    assert "run the pipeline first" in capsys.readouterr().err
    push(tmp_path, 10)
    assert main(["labels", "--models", str(tmp_path)]) == 0
    push(tmp_path, 20)
    assert main(["labels", "--models", str(tmp_path)]) == 0
    file = tmp_path / "models.config"
    assert read_labels(file) == {"stable": 10, "canary": 20}
    assert main(["labels", "--models", str(tmp_path), "--stable", "20"]) == 0
    assert read_labels(file) == {"stable": 20, "canary": 20}
    assert [entry.name for entry in tmp_path.iterdir() if "models" in entry.name] == [
        "models.config"
    ]
    file.write_text("nonsense")
    assert main(["labels", "--models", str(tmp_path)]) == 2
    assert str(file) in capsys.readouterr().err


def test_serve_takes_docker_or_the_local_server(tmp_path):
    with pytest.raises(LabelError):
        serve.command(tmp_path, use_docker=False)
    push(tmp_path, 10)
    assert serve.command(tmp_path, use_docker=True)[:2] == ["docker", "compose"]
    command = serve.command(tmp_path, use_docker=False)
    assert command[1:4] == ["-m", "serving.local_server", "--model_config_file"]
    assert str(tmp_path / "faceauth") in (tmp_path / "models.local.config").read_text()
    assert read_labels(tmp_path / "models.config") == {"stable": 10, "canary": 10}


def test_a_docker_that_does_not_answer_is_none(monkeypatch, tmp_path):
    docker = tmp_path / "docker"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not serve.docker_works()
    for body, works in (("exit 1", False), ("exit 0", True)):
        docker.write_text(f"#!/bin/sh\n{body}\n")
        docker.chmod(0o755)
        assert serve.docker_works() is works
