"""The Report component."""

import json
from collections.abc import Sequence

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.anomaly_gate.component import DataVerdict
from components.code_digest import code_digest
from components.report.artifact import RunSummary
from components.report.executor import ReportExecutor

# What the pages are made from, opened by name.
PAGE_SOURCES = ("components/report/static", "components/report/templates")


class ReportSpec(ComponentSpec):
    """Inputs, outputs and parameters of Report."""

    PARAMETERS = {
        "attributes": ExecutionParameter(type=str),
        "run_config": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "images": ChannelParameter(type=standard_artifacts.Examples),
        "pairs": ChannelParameter(type=standard_artifacts.Examples),
        "image_statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "image_verdict": ChannelParameter(type=DataVerdict),
        "pair_verdict": ChannelParameter(type=DataVerdict),
        "scored_pairs": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {
        "summary": ChannelParameter(type=RunSummary),
    }


class Report(base_component.BaseComponent):
    """Puts the outcome of a run into words, numbers and pictures.

    Beside ``summary.json`` it writes ``report.html``, ``model_card.md`` and ``.html``, and
    ``tfma.html``, each a file that opens from disk without a network, and ``tensorboard/``, a run
    of TensorBoard with the embedding projector.

    Args:
      images: From PairExampleGen.
      pairs: From PairExampleGen.
      image_statistics: From StatisticsGen, of the images.
      image_verdict: From AnomalyGate, of the images.
      pair_verdict: From AnomalyGate, of the pairs.
      scored_pairs: From PairScorer.
      model: The candidate.
      model_run: From Trainer.
      evaluation: From Evaluator.
      blessing: From Evaluator.
      attributes: Columns of the data set to slice by.
      run_config: The run's whole config as JSON; its section ``report`` is a ``ReportConfig``.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ReportExecutor)

    def __init__(
        self,
        images: BaseChannel,
        pairs: BaseChannel,
        image_statistics: BaseChannel,
        image_verdict: BaseChannel,
        pair_verdict: BaseChannel,
        scored_pairs: BaseChannel,
        model: BaseChannel,
        model_run: BaseChannel,
        evaluation: BaseChannel,
        blessing: BaseChannel,
        attributes: Sequence[str],
        run_config: str,
    ):
        super().__init__(
            spec=ReportSpec(
                images=images,
                pairs=pairs,
                image_statistics=image_statistics,
                image_verdict=image_verdict,
                pair_verdict=pair_verdict,
                scored_pairs=scored_pairs,
                model=model,
                model_run=model_run,
                evaluation=evaluation,
                blessing=blessing,
                attributes=json.dumps(list(attributes)),
                run_config=run_config,
                code_digest=code_digest(ReportExecutor.__module__, *PAGE_SOURCES),
                summary=Channel(type=RunSummary),
            )
        )
