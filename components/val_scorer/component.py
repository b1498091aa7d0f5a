"""The ValScorer component."""

import json
from collections.abc import Sequence

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.code_digest import code_digest
from components.val_scorer.artifact import CalibrationPairs
from components.val_scorer.executor import ValScorerExecutor


class ValScorerSpec(ComponentSpec):
    """Inputs, outputs and parameters of ValScorer."""

    PARAMETERS = {
        "aged": ExecutionParameter(type=str),
        "strangers": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "images": ChannelParameter(type=standard_artifacts.Examples),
        "pairs": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {"calibration_pairs": ChannelParameter(type=CalibrationPairs)}


class ValScorer(base_beam_component.BaseBeamComponent):
    """Finds the distances of the val pairs, on the val images and on aged copies of them.

    It is a component of its own so that Decision has nothing left to do that takes time: another
    objective finds the distances in the cache.

    Args:
      images: From PairExampleGen.
      pairs: From PairExampleGen.
      model: From Trainer.
      aged: Which copies, of ``ageing.STRENGTHS``.
      strangers: How many pairs of two people to add to the val pairs, for the false match rate.
    """

    SPEC_CLASS = ValScorerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(ValScorerExecutor)

    def __init__(
        self,
        images: BaseChannel,
        pairs: BaseChannel,
        model: BaseChannel,
        aged: Sequence[str],
        strangers: int,
    ):
        super().__init__(
            spec=ValScorerSpec(
                images=images,
                pairs=pairs,
                model=model,
                aged=json.dumps(list(aged)),
                strangers=strangers,
                code_digest=code_digest(ValScorerExecutor.__module__),
                calibration_pairs=Channel(type=CalibrationPairs),
            )
        )
