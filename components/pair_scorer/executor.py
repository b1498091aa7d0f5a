"""PairScorer's executor: artifacts in, a Beam pipeline run, artifacts out."""

import json
import os
from typing import Any

from absl import logging
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.artifacts import input_files, model_folder
from components.models_at_workers import at_workers, networks_of
from components.pair_example_gen.records import SUMMARY_FILE, UNFINISHED
from components.pair_scorer.config import ScoringConfig
from components.pair_scorer.embedding import COUNTERS
from components.pair_scorer.kept_embeddings import KeptEmbeddings
from components.pair_scorer.scoring import score_split
from components.tfrecords import read_tfrecords


class PairScorerExecutor(BaseBeamExecutor):
    """Scores the pairs of the configured splits."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs. See ``PairScorer`` for the inputs and outputs.

        Raises:
          ValueError: A split has no files, no pairs, or pairs that name unknown images.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        splits = json.loads(exec_properties["splits"])
        config = ScoringConfig.model_validate_json(exec_properties["scoring"])
        paths = tuple(
            model_folder(input_dict[name])
            for name in ("model", "baseline_model")
            if input_dict.get(name)
        )
        output = artifact_utils.get_single_instance(output_dict["scored_pairs"])
        output.split_names = artifact_utils.encode_split_names(splits)
        output.span = 0
        examples_utils.set_payload_format(output, example_gen_pb2.FORMAT_TF_EXAMPLE)
        paths = tuple(
            at_workers(path, f"{output.uri}/{UNFINISHED}/models/{number}")
            for number, path in enumerate(paths)
        )
        kept = KeptEmbeddings(exec_properties.get("kept_embeddings") or "")
        kept.clean(set(networks_of(paths)))
        pipeline = self._make_beam_pipeline()
        for split in splits:
            score_split(
                pipeline,
                split,
                input_files(input_dict["images"], split),
                input_files(input_dict["pairs"], split),
                paths,
                output.uri,
                images_in(input_dict["images"], split),
                max(config.embedding_memory_mb, 1) * 2**20,
                kept,
            )
        result = pipeline.run()
        result.wait_until_finish()
        unfinished = os.path.join(output.uri, UNFINISHED)
        if fileio.exists(unfinished):
            fileio.rmtree(unfinished)
        for counter in result.metrics().query()["counters"]:
            if counter.key.metric.namespace == COUNTERS:
                logging.info("PairScorer: %s %d", counter.key.metric.name, counter.committed)


def images_in(images: list[types.Artifact], split: str) -> int:
    """How many images a split has: as PairExampleGen says, or counted if another made them."""
    [artifact] = images
    summary = os.path.join(artifact.uri, SUMMARY_FILE)
    if fileio.exists(summary):
        with fileio.open(summary) as file:
            return int(json.loads(file.read())["splits"][split]["images"])
    return sum(1 for _ in read_tfrecords(input_files(images, split)))
