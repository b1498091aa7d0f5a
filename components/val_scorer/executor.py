"""ValScorer's executor: artifacts in, a Beam pipeline run, pairs compared, an artifact out."""

import json
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.utils import shared
from tfx import types
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from components import features
from components.artifacts import input_files, model_folder, read_columns
from components.local_copies import local_copies
from components.models_at_workers import Models, at_workers
from components.pair_example_gen.records import UNFINISHED
from components.val_scorer.calibration_pairs import PLAIN, AskedPairs
from components.val_scorer.embedded_shards import EmbeddedShards, EmbedShard, leave_wanted

Artifacts = dict[str, list[types.Artifact]]


class ValScorerExecutor(BaseBeamExecutor):
    """Writes ``pairs.npz``."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Runs. See ``ValScorer`` for the inputs and outputs.

        Raises:
          ValueError: The split has no files, no pairs, or pairs that name unknown images.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        ageings = json.loads(exec_properties["aged"])
        image_files = input_files(input_dict["images"], features.VAL)
        pair_files = input_files(input_dict["pairs"], features.VAL)
        asked = read_asked(pair_files, exec_properties["strangers"])
        output = artifact_utils.get_single_uri(output_dict["calibration_pairs"])
        unfinished = f"{output}/{UNFINISHED}"
        model = at_workers(model_folder(input_dict["model"]), f"{unfinished}/model")
        handle = shared.Shared()
        # Held while the pipeline runs: workers in this process find it loaded.
        models = Models.acquire(handle, (model,))
        leave_wanted(unfinished, asked.ids)
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Images" >> beam.Create(image_files, reshuffle=False)
                | "SpreadImages" >> beam.Reshuffle()
                | "Embed" >> beam.ParDo(EmbedShard(model, ageings, unfinished, handle))
            )
        found = EmbeddedShards(unfinished, image_files, asked.ids)
        asked.check(found.seen)
        scored = asked.compared(models.models[0], found.identities, (PLAIN, *ageings), found.table)
        fileio.rmtree(unfinished)
        with local_copies({}, output_dict):
            scored.save(artifact_utils.get_single_uri(output_dict["calibration_pairs"]))


def read_asked(files: Sequence[str], strangers: int) -> AskedPairs:
    """The val pairs; what they are read from is let go on return.

    Args:
      files: TFRecords of pairs.
      strangers: See ``AskedPairs``.

    Raises:
      ValueError: There is no pair.
    """
    columns = {features.IMAGE_ID_A: bytes, features.IMAGE_ID_B: bytes, features.LABEL: int}
    ids_a, ids_b, labels = read_columns(files, columns).values()
    return AskedPairs.of(np.stack([ids_a, ids_b], axis=1), labels, strangers)
