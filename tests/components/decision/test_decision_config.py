"""The decision section of a config."""

import pytest
from pydantic import ValidationError

from components.decision.config import DecisionConfig


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"objective": "max_far"}, "'max_far' needs max_far"),
        ({"objective": "expected_cost", "same_prior": 0.5}, "needs false_accept_cost"),
        ({"max_far": 0.01}, "max_far has no meaning with objective 'accuracy'"),
        ({"objective": "max_far", "max_far": 0.0}, "greater than 0"),
        ({"objective": "f_beta", "beta": float("inf")}, "finite"),
        ({"objective": "loss"}, "objective"),
        ({"treshold": 1}, "treshold"),
        ({"aged": ("blur", "rain")}, "aged"),
        ({"aged": ("blur", "blur")}, "names one twice"),
        ({"min_people": 1}, "min_people"),
    ],
)
def test_a_wrong_config_is_named(config, message):
    with pytest.raises(ValidationError, match=message):
        DecisionConfig(**config)


def test_config_survives_a_round_trip_and_reads_well():
    config = DecisionConfig(objective="max_far", max_far=0.001)
    assert DecisionConfig.model_validate(config.model_dump()) == config
    assert str(config) == "max_far(max_far=0.001)"
    assert str(DecisionConfig()) == "accuracy"


def test_what_is_asked_is_the_objective_and_its_parameters_alone():
    assert DecisionConfig(aged=(), min_people=20).asked == {"objective": "accuracy"}
    config = DecisionConfig(objective="max_far", max_far=0.001, when_unreachable="strictest")
    assert config.asked == {"objective": "max_far", "max_far": 0.001}
