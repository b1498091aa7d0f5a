"""The Trainer component by itself: its interface, and what its executor hands to ``run_fn``."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from tfx import types
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx.types.standard_component_specs import TrainerSpec

from components.code_digest import code_digest
from components.trainer.component import RUN_FN, SiameseTrainer, weights_digest
from components.trainer.config import TrainingConfig
from components.trainer.executor import SiameseTrainerExecutor
from components.transform.config import ImageConfig

TRAINING = TrainingConfig(epochs=3, loss={"name": "contrastive", "margin": 0.5})
IMAGE = ImageConfig(size=24, channels=3)

received: list[Any] = []


def export(fn_args: Any) -> None:
    """Stands in for the project's ``run_fn``: keeps what it is given, writes some model."""
    received.append(fn_args)
    folder = Path(fn_args.serving_model_dir)
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()


def export_nothing(fn_args: Any) -> None:
    """A ``run_fn`` that ends well and leaves no model."""


def component(training: TrainingConfig = TRAINING) -> SiameseTrainer:
    inputs = {
        name: channel_utils.as_channel([artifact_type()])
        for name, artifact_type in {
            "examples": standard_artifacts.Examples,
            "pairs": standard_artifacts.Examples,
            "transform_graph": standard_artifacts.TransformGraph,
        }.items()
    }
    return SiameseTrainer(**inputs, training=training, image=IMAGE, align="none")


def examples(uri: Path) -> types.Artifact:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(uri)
    artifact.split_names = artifact_utils.encode_split_names(["train", "val", "test"])
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    return artifact


def do(
    folder: Path,
    run_fn: str,
    output: Path = Path("model"),
    training: TrainingConfig = TRAINING,
) -> None:
    """Runs the executor on empty inputs."""
    graph = standard_artifacts.TransformGraph()
    model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
    for artifact, name in ((graph, "graph"), (model, output), (model_run, "run")):
        artifact.uri = str(folder / name)
    properties = dict(component(training).exec_properties)
    properties["run_fn"] = f"{__name__}.{run_fn}"
    SiameseTrainerExecutor().Do(
        {
            "examples": [examples(folder / "images")],
            "pairs": [examples(folder / "pairs")],
            "transform_graph": [graph],
        },
        {"model": [model], "model_run": [model_run]},
        properties,
    )


def test_it_is_the_stock_trainer_with_one_more_input() -> None:
    spec = SiameseTrainer.SPEC_CLASS
    assert set(spec.INPUTS) - set(TrainerSpec.INPUTS) == {"pairs"}
    assert spec.INPUTS["pairs"].type is standard_artifacts.Examples
    assert not spec.INPUTS["pairs"].optional
    assert spec.OUTPUTS == TrainerSpec.OUTPUTS
    assert spec.PARAMETERS == TrainerSpec.PARAMETERS
    outputs = {key: channel.type for key, channel in component().outputs.items()}
    assert outputs == {
        "model": standard_artifacts.Model,
        "model_run": standard_artifacts.ModelRun,
    }


def test_everything_that_training_depends_on_is_in_its_properties() -> None:
    properties = component().exec_properties
    given = json.loads(properties["custom_config"])
    assert TrainingConfig.model_validate_json(given["training"]) == TRAINING
    assert ImageConfig.model_validate_json(given["image"]) == IMAGE
    assert "decision" not in given
    worker = "components.trainer.workers.__main__"
    assert given["code_digest"] == code_digest("components.trainer.executor", RUN_FN, worker)
    assert json.loads(properties["train_args"]) == {"splits": ["train"]}
    assert json.loads(properties["eval_args"]) == {"splits": ["val"]}


def test_its_run_fn_is_there_to_be_imported() -> None:
    assert component().exec_properties["run_fn"] == RUN_FN
    module, name = RUN_FN.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), name))


def test_run_fn_is_handed_the_folders_of_images_and_pairs(tmp_path: Path) -> None:
    received.clear()
    do(tmp_path, "export")
    [fn_args] = received
    assert fn_args.custom_config["folders"] == {
        kind: {split: str(tmp_path / kind / f"Split-{split}") for split in ("train", "val")}
        for kind in ("images", "pairs")
    }
    # And, from the stock executor, all that it hands to any run_fn.
    assert fn_args.custom_config["training"] == TRAINING.model_dump_json()
    assert fn_args.train_files == [str(tmp_path / "images" / "Split-train" / "*")]
    assert fn_args.eval_files == [str(tmp_path / "images" / "Split-val" / "*")]
    assert fn_args.transform_graph_path == str(tmp_path / "graph")
    assert fn_args.serving_model_dir == str(tmp_path / "model" / "Format-Serving")
    assert fn_args.model_run_dir == str(tmp_path / "run")


def test_a_stopped_training_is_found_again_by_the_same_training_only(tmp_path: Path) -> None:
    folders = []
    for output, training in (
        ("first", TRAINING),
        ("second", TRAINING),
        ("third", TRAINING.changed({"seed": 1})),
    ):
        received.clear()
        do(tmp_path, "export", Path("Trainer") / "model" / output, training)
        folders.append(Path(received[0].custom_config["checkpoint_dir"]))
    first, second, third = folders
    assert first.parent == tmp_path / "Trainer" / "checkpoints"
    assert first == second
    assert third.parent == first.parent
    assert third != first


def test_the_contents_of_a_file_of_weights_are_part_of_its_properties(tmp_path: Path) -> None:
    file = tmp_path / "x.weights.h5"
    file.write_bytes(b"abc")
    network = {"name": "vgg16", "weights": str(file)}
    # SHA-256 of "abc", FIPS 180-4.
    assert weights_digest(TrainingConfig(network=network)) == "ba7816bf8f01cfea"
    assert weights_digest(TRAINING) is None
    assert weights_digest(TrainingConfig(network={**network, "weights": "imagenet"})) is None


def test_the_contents_of_a_folder_of_weights_are_too(tmp_path: Path) -> None:
    network = {"name": "file", "weights": str(tmp_path / "net"), "input_range": (0.0, 1.0)}
    training = TrainingConfig(network=network, epochs=0)
    assert weights_digest(training) is None
    (tmp_path / "net" / "variables").mkdir(parents=True)
    digests = []
    for name in ("saved_model.pb", "variables/a", "variables/b"):
        (tmp_path / "net" / name).write_bytes(b"abc")
        digests.append(weights_digest(training))
    assert len(set(digests)) == 3
    (tmp_path / "net" / "variables" / "b").write_bytes(b"abd")
    assert weights_digest(training) not in digests


def test_the_package_of_a_face_network_is_looked_for_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(FileNotFoundError, match=r"pip install 'faceauth\[faces\]'"):
        weights_digest(TrainingConfig(network={"name": "dlib_resnet"}, epochs=0))


def test_a_run_fn_that_exports_nothing_fails_the_component(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="failed to generate model"):
        do(tmp_path, "export_nothing")
