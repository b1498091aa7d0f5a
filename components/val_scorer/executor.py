"""ValScorer's executor."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components import features
from components.exported_model import ExportedModel
from components.progress import say
from components.tfrecords import read_examples
from components.val_scorer.calibration_pairs import score_copies

Artifacts = dict[str, list[types.Artifact]]


class ValScorerExecutor(BaseExecutor):
    """Writes ``pairs.npz``."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Runs. See ``ValScorer`` for the inputs and outputs."""
        self._log_startup(input_dict, output_dict, exec_properties)
        folders = {
            kind: artifact_utils.get_split_uri(input_dict[kind], features.VAL)
            for kind in ("images", "pairs")
        }
        model = ExportedModel(_serving_folder(input_dict))
        pairs, labels = [], []
        for row in read_examples(
            folders["pairs"], (features.IMAGE_ID_A, features.IMAGE_ID_B), features.LABEL
        ):
            pairs.append((row[features.IMAGE_ID_A].decode(), row[features.IMAGE_ID_B].decode()))
            labels.append(int(row[features.LABEL]))
        identities: dict[str, str] = {}

        def images() -> Iterator[tuple[str, bytes]]:
            names = (features.IMAGE_ID, features.IDENTITY, features.IMAGE_ENCODED)
            for row in read_examples(folders["images"], names):
                image_id = row[features.IMAGE_ID].decode()
                identities[image_id] = row[features.IDENTITY].decode()
                yield image_id, row[features.IMAGE_ENCODED]

        found = score_copies(
            model,
            images(),
            pairs,
            np.array(labels),
            identities.__getitem__,
            json.loads(exec_properties["aged"]),
            exec_properties["strangers"],
            lambda done, total: say(f"{done:,} of {total:,} val images, with their aged copies"),
        )
        found.save(artifact_utils.get_single_uri(output_dict["calibration_pairs"]))


def _serving_folder(inputs: Artifacts) -> str:
    model = artifact_utils.get_single_instance(inputs["model"])
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
