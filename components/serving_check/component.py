"""ServingCheck as a TFX component."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.code_digest import code_digest, started_by
from components.serving_check.config import ServingCheckConfig
from components.serving_check.executor import Executor


class ServingCheckSpec(ComponentSpec):
    """Inputs, outputs and parameters of ServingCheck."""

    PARAMETERS = {
        "model_name": ExecutionParameter(type=str),
        "check": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "images": ChannelParameter(type=standard_artifacts.Examples),
        "scored_pairs": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=standard_artifacts.InfraBlessing)}


class ServingCheck(base_component.BaseComponent):
    """Serves the candidate in a process of its own, as it will be, and asks it about test pairs.

    It must answer its own warm-up requests, and must give the distances and scores that PairScorer
    got from the trained model. TFX's InfraValidator, which needs Docker or Kubernetes, only asks
    whether a model loads and answers.

    Args:
      model: The candidate.
      model_blessing: From Evaluator; what is not blessed is not tried.
      images: Examples of images, as PairExampleGen writes them.
      scored_pairs: From PairScorer.
      model_name: What the model is served as.
      check: Which server, how many pairs, how close.

    Output ``blessing``: as InfraValidator's, for Pusher; with ``serving_check.json`` and the
    server's log.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: BaseChannel,
        model_blessing: BaseChannel,
        images: BaseChannel,
        scored_pairs: BaseChannel,
        model_name: str,
        check: ServingCheckConfig,
    ):
        super().__init__(
            spec=ServingCheckSpec(
                model=model,
                model_blessing=model_blessing,
                images=images,
                scored_pairs=scored_pairs,
                model_name=model_name,
                check=check.model_dump_json(),
                code_digest=code_digest(Executor.__module__, *started_by(check.command)),
                blessing=Channel(type=standard_artifacts.InfraBlessing),
            )
        )
