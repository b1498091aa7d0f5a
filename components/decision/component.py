"""The Decision component."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.code_digest import code_digest
from components.decision.config import DecisionConfig
from components.decision.executor import DecisionExecutor
from components.val_scorer.artifact import CalibrationPairs


class DecisionSpec(ComponentSpec):
    """Inputs, outputs and parameters of Decision."""

    PARAMETERS = {
        "decision": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "trained_model": ChannelParameter(type=standard_artifacts.Model),
        "calibration_pairs": ChannelParameter(type=CalibrationPairs),
    }
    OUTPUTS = {"model": ChannelParameter(type=standard_artifacts.Model)}


class Decision(base_component.BaseComponent):
    """Chooses threshold and slope, and writes the model that decides by them.

    The output ``model`` is the trained one with the two values in it and with ``decision.json``
    among its assets. Beside ``Format-Serving`` lie ``thresholds.txt`` and ``distances.png``.

    Args:
      trained_model: From Trainer.
      calibration_pairs: From ValScorer.
      decision: What the threshold is chosen for.
    """

    SPEC_CLASS = DecisionSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(DecisionExecutor)

    def __init__(
        self,
        trained_model: BaseChannel,
        calibration_pairs: BaseChannel,
        decision: DecisionConfig,
    ):
        super().__init__(
            spec=DecisionSpec(
                trained_model=trained_model,
                calibration_pairs=calibration_pairs,
                decision=decision.model_dump_json(),
                code_digest=code_digest(DecisionExecutor.__module__),
                model=Channel(type=standard_artifacts.Model),
            )
        )
