"""The training section: what goes together, and what says that it does not."""

import pytest

from components.trainer.config import RENAMED, TrainingConfig
from components.trainer.losses import LOSSES, LossConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": {"name": "supcon"}}, "sampler 'pairs' does not feed loss 'supcon'; use ident"),
        ({"comparison": "sigmoid"}, "'contrastive' has none"),
        ({"sampler": "identities", "batch_pairs": 16}, "batch_pairs is 16, .*'identities'; remove"),
        ({"identities_per_batch": 8}, "identities_per_batch is 8, .* sampler 'pairs'; remove it"),
        ({"singles_per_batch": 8}, r"singles_per_batch is 8.*\(it is for identities\)"),
        ({"hard_negative_group": 4}, r"hard_negative_group is 4.*\(it is for identities\)"),
        ({"shrinkage": 0.6}, "shrinkage is 0.6, and the comparison euclidean; remove it"),
        ({"epochs": 0}, "epochs is 0, and network 'residual' is fitted here; give 1 at least"),
        ({"epoch": 3}, "Extra inputs"),
        ({"workers": 2}, r"workers is 2, and distribution 'none' has none; remove it, or set"),
        ({"distribution": "multi_worker"}, r"workers is not set; give the number .* workers: 2"),
        (
            {"distribution": "multi_worker", "workers": 3},
            r"workers is 3, and a batch of batch_pairs: 64 cannot be .* workers or batch_pairs",
        ),
        (
            {
                **{"distribution": "multi_worker", "workers": 3, "sampler": "identities"},
                "singles_per_batch": 2,
            },
            r"workers is 3, and a batch of 130 images .* or singles_per_batch",
        ),
        (
            {"distribution": "mirrored", "xla": True},
            r"xla compiles the step of one device, and distribution 'mirrored' has several",
        ),
        ({"distribution": "multi_worker", "workers": 1}, "greater than or equal to 2"),
        ({"augmentation": {"cutout_size": (0.5, 0.2)}}, "cutout_size"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**changes)


# What a key of one loss or another could be.
VALUES = {
    "margin": 0.3,
    "mining": "hard",
    "temperature": 0.1,
    "scale": 10.0,
    "active_pairs_only": True,
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_a_loss_takes_its_own_keys_and_no_others(loss: type[LossConfig]):
    name = loss.model_fields["name"].default
    assert set(loss.parameters()) <= set(VALUES)
    for key, value in VALUES.items():
        training = {"loss": {"name": name, key: value}, "sampler": "identities"}
        if key in loss.parameters():
            assert getattr(TrainingConfig(**training).loss, key) == value
        else:
            with pytest.raises(ValueError, match="Extra inputs"):
                TrainingConfig(**training)


def test_each_loss_has_the_margin_of_its_paper_unless_another_is_given():
    margins = {
        name: loss().margin for name, loss in LOSSES.items() if "margin" in loss.parameters()
    }
    assert margins == {"contrastive": 1.0, "triplet": 0.2, "arcface": 0.5, "cosface": 0.35}


def test_each_loss_has_a_comparison_that_suits_it_unless_another_is_given():
    chosen = {
        name: TrainingConfig(loss={"name": name}, sampler="identities").chosen_comparison
        for name in LOSSES
    }
    assert chosen == {
        "contrastive": "euclidean",
        "triplet": "euclidean",
        "binary": "sigmoid",
        **dict.fromkeys(("supcon", "arcface", "cosface"), "cosine"),
    }
    assert TrainingConfig(comparison="plda").chosen_comparison == "plda"


def test_an_old_key_in_the_tuning_space_says_its_new_name():
    for key, new in RENAMED.items():
        assert key not in TrainingConfig.model_fields
        with pytest.raises(ValueError, match=f"{key} is now {new[:8]}"):
            TrainingConfig().changed({key: 1})


def test_a_loss_comes_back_from_the_configs_own_json():
    config = TrainingConfig(loss={"name": "triplet", "margin": 0.3}, sampler="identities")
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config
    assert config.changed({"loss.mining": "hard"}).loss.model_dump() == {
        "name": "triplet",
        "margin": 0.3,
        "mining": "hard",
    }
    assert config.changed({"loss": "supcon"}).loss.name == "supcon"
