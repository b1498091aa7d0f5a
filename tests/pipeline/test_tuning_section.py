"""The tuning section: checked with the config, and wired only when it is there."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.pair_example_gen.config import DataConfig
from components.trainer.config import TuningConfig
from pipeline.config import PipelineConfig, parse_config
from pipeline.definition import create_pipeline


def config(folder: Path, **changes: Any) -> PipelineConfig:
    person = folder / "faces" / "someone"
    person.mkdir(parents=True, exist_ok=True)
    (person / "1.png").touch()  # defining a pipeline opens no image
    return PipelineConfig(
        name="tuned",
        runs_dir=str(folder / "runs"),
        data=DataConfig(align="none", images=str(folder / "faces")),
        **changes,
    )


def test_a_tuner_feeds_the_trainer_when_the_config_has_one(tmp_path: Path) -> None:
    plain = {node.id: node for node in create_pipeline(config(tmp_path)).components}
    assert "Tuner" not in plain
    assert "hyperparameters" not in plain["Trainer"].inputs

    tuned = create_pipeline(config(tmp_path, tuning=TuningConfig()))
    nodes = {node.id: node for node in tuned.components}
    [producer] = [
        channel.producer_component_id
        for key, channel in nodes["Trainer"].inputs.items()
        if key == "hyperparameters"
    ]
    assert producer == "Tuner"
    assert {"Transform", "PairExampleGen", "AnomalyGate-pairs"} <= {
        node.id for node in nodes["Tuner"].upstream_nodes
    }


def test_a_key_that_is_none_of_training_is_found_before_the_run(tmp_path: Path) -> None:
    tuning = TuningConfig.model_validate({"space": {"optimizer.momentum": {"values": [0.9]}}})
    with pytest.raises(ValidationError, match=r"tuning.space has optimizer.momentum"):
        config(tmp_path, tuning=tuning)


def test_keys_of_the_loss_can_be_tuned_and_old_ones_say_where_they_are(tmp_path: Path) -> None:
    margins = {"loss.margin": {"values": [0.5, 1.5]}}
    assert config(tmp_path, tuning=TuningConfig.model_validate({"space": margins})).tuning
    losses = {"loss": {"values": ["contrastive", "binary"]}}
    assert config(tmp_path, tuning=TuningConfig.model_validate({"space": losses})).tuning
    old = TuningConfig.model_validate({"space": {"margin": {"values": [0.5]}}})
    with pytest.raises(ValidationError, match=r"has margin: margin is now loss.margin"):
        config(tmp_path, tuning=old)


def test_a_path_of_weights_starts_at_the_projects_folder() -> None:
    tree = {
        "name": "x",
        "data": {"images": "faces"},
        "training": {"network": {"name": "vgg16", "weights": "weights/vgg.h5"}},
    }
    found = parse_config(tree, "here", {}).training.network.weights
    assert found is not None
    assert Path(found) == Path(__file__).resolve().parents[2] / "weights" / "vgg.h5"
