"""Which keys of the network's section go with which network."""

from typing import Any

import pytest

from components.trainer.config import TrainingConfig
from components.trainer.networks.config import NetworkConfig

FILE: dict[str, Any] = {"name": "file", "weights": "net.keras", "input_range": (0.0, 1.0)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "dlib_resnet", "width": 32}, "width is 32, .* 'dlib_resnet'; remove it"),
        ({"name": "dlib_resnet", "embedding_size": 64}, "embedding_size is 64, .*for residual"),
        ({"name": "dlib_resnet", "dropout": 0.5}, "dropout is 0.5"),
        ({"name": "dlib_resnet", "input_range": (0.0, 1.0)}, r"input_range is \(0.0, 1.0\)"),
        ({"name": "vgg16", "weights": "imagenet", "alpha": 0.5}, r"alpha is 0.5.*mobilenet_v2"),
        ({"weights": "net.keras"}, "weights is 'net.keras', which means nothing to .* 'residual'"),
        ({"name": "cnn", "unfreeze_from": "conv2"}, "unfreeze_from is 'conv2'"),
        ({"name": "dlib_resnet", "unfreeze_at": 2.0}, "give both or neither"),
        (
            {"name": "dlib_resnet", "frozen": False, "unfreeze_from": "block9"},
            "leave one of them out",
        ),
        ({"name": "dlib_resnet", "finetune_rate": 0.5}, "finetune_rate is 0.5, .*unfreeze_from"),
        ({"name": "file", "input_range": (0.0, 1.0)}, "network 'file' has no weights"),
        ({**FILE, "input_range": None}, "say what the network was trained to see"),
        ({**FILE, "input_mean": (127.5,) * 3}, "say what the network was trained to see"),
        ({**FILE, "input_range": (1.0, 0.0)}, r"input_range \[1.0, 0.0\] is not \[black, white\]"),
        (
            {**FILE, "input_range": None, "input_mean": (1.0,) * 3, "input_std": (1.0, 0.0, 1.0)},
            "must be above 0",
        ),
    ],
)
def test_keys_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**changes)


@pytest.mark.parametrize(
    ("network", "learns"),
    [
        ({}, True),
        ({"name": "vgg16", "weights": "imagenet"}, True),  # its dense layer
        ({"name": "dlib_resnet"}, False),
        ({"name": "dlib_resnet", "mirror": True, "zoom": 0.04}, False),
        ({"name": "dlib_resnet", "unfreeze_from": "block12"}, True),
        ({"name": "dlib_resnet", "frozen": False}, True),
        (FILE, False),
    ],
)
def test_there_are_epochs_exactly_where_something_is_fitted(network, learns):
    assert NetworkConfig(**network).learns == learns
    assert TrainingConfig(network=network, epochs=int(learns)).epochs == int(learns)
    with pytest.raises(ValueError, match="epochs is"):
        TrainingConfig(network=network, epochs=1 - int(learns))


def test_a_sigmoid_head_is_fitted_on_a_frozen_network():
    network = {"name": "dlib_resnet"}
    assert TrainingConfig(network=network, loss={"name": "binary"}, epochs=2).epochs == 2
    with pytest.raises(ValueError, match="epochs is 0"):
        TrainingConfig(network=network, loss={"name": "binary"}, epochs=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": {"name": "supcon"}, "sampler": "identities"},
        {"patience": 3},
        {"loss": {"name": "contrastive", "margin": 0.5}},
    ],
)
def test_what_steers_epochs_is_refused_where_there_are_none(changes):
    with pytest.raises(ValueError, match="means nothing with epochs: 0"):
        TrainingConfig(network={"name": "dlib_resnet"}, epochs=0, **changes)


def test_a_config_comes_back_from_its_own_json():
    config = TrainingConfig(network={**FILE, "colour_order": "bgr"}, epochs=0, comparison="plda")
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config
    assert config.changed({"network.mirror": True}).network.mirror
