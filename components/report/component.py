"""The Report component."""

import json
from collections.abc import Sequence

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.report.artifact import RunSummary
from components.report.executor import ReportExecutor


class ReportSpec(ComponentSpec):
    """Inputs, outputs and parameters of Report."""

    PARAMETERS = {
        "attributes": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "scored_pairs": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {
        "summary": ChannelParameter(type=RunSummary),
    }


class Report(base_component.BaseComponent):
    """Puts the outcome of a run into words and numbers.

    Args:
      scored_pairs: From PairScorer.
      model: The candidate.
      evaluation: From Evaluator.
      blessing: From Evaluator.
      attributes: Columns of the data set to slice by.
      code_digest: Of the report's source, for the cache.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ReportExecutor)

    def __init__(
        self,
        scored_pairs: BaseChannel,
        model: BaseChannel,
        evaluation: BaseChannel,
        blessing: BaseChannel,
        attributes: Sequence[str],
        code_digest: str,
    ):
        super().__init__(
            spec=ReportSpec(
                scored_pairs=scored_pairs,
                model=model,
                evaluation=evaluation,
                blessing=blessing,
                attributes=json.dumps(list(attributes)),
                code_digest=code_digest,
                summary=Channel(type=RunSummary),
            )
        )
