"""The PairScorer component."""

import json
from collections.abc import Sequence

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components import features
from components.code_digest import code_digest
from components.pair_scorer.config import ScoringConfig
from components.pair_scorer.executor import PairScorerExecutor


class PairScorerSpec(ComponentSpec):
    """Inputs, outputs and parameters of PairScorer."""

    PARAMETERS = {
        "splits": ExecutionParameter(type=str),
        "scoring": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
        "kept_embeddings": ExecutionParameter(type=str),
    }
    INPUTS = {
        "images": ChannelParameter(type=standard_artifacts.Examples),
        "pairs": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        "scored_pairs": ChannelParameter(type=standard_artifacts.Examples),
    }


class PairScorer(base_beam_component.BaseBeamComponent):
    """Scores pairs: embeds each distinct image once, compares embeddings pair by pair.

    Args:
      images: Examples of images, as PairExampleGen writes them.
      pairs: Examples of pairs, as PairExampleGen writes them.
      model: The candidate.
      baseline_model: The model to compare it with; may resolve to none.
      splits: Which splits to score.
      scoring: What it may use.
      kept_embeddings: A folder that keeps embeddings from one run to the next; none if empty.

    Output ``scored_pairs``: the pairs, each with ``candidate_distance``, ``candidate_score`` and,
    where there is a baseline, ``baseline_distance`` and ``baseline_score``.
    """

    SPEC_CLASS = PairScorerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(PairScorerExecutor)

    def __init__(
        self,
        images: BaseChannel,
        pairs: BaseChannel,
        model: BaseChannel,
        baseline_model: BaseChannel | None = None,
        splits: Sequence[str] = (features.TEST,),
        scoring: ScoringConfig | None = None,
        kept_embeddings: str = "",
    ):
        super().__init__(
            spec=PairScorerSpec(
                images=images,
                pairs=pairs,
                model=model,
                baseline_model=baseline_model,
                splits=json.dumps(list(splits)),
                scoring=(scoring or ScoringConfig()).model_dump_json(),
                code_digest=code_digest(PairScorerExecutor.__module__),
                kept_embeddings=kept_embeddings,
                scored_pairs=Channel(type=standard_artifacts.Examples),
            )
        )
