"""ValScorer's executor."""

import json
from collections.abc import Iterator
from typing import Any

from tfx import types
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils

from components import features
from components.artifacts import IMAGE_ROWS, input_files, model_folder, read_columns, read_rows
from components.exported_model import ExportedModel
from components.local_copies import with_local_copies
from components.progress import say
from components.val_scorer.calibration_pairs import score_copies

Artifacts = dict[str, list[types.Artifact]]


class ValScorerExecutor(BaseExecutor):
    """Writes ``pairs.npz``."""

    @with_local_copies
    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Runs. See ``ValScorer`` for the inputs and outputs."""
        self._log_startup(input_dict, output_dict, exec_properties)
        image_files = input_files(input_dict["images"], features.VAL)
        pair_files = input_files(input_dict["pairs"], features.VAL)
        columns = {features.IMAGE_ID_A: bytes, features.IMAGE_ID_B: bytes, features.LABEL: int}
        ids_a, ids_b, labels = read_columns(pair_files, columns).values()
        pairs = [(a.decode(), b.decode()) for a, b in zip(ids_a, ids_b, strict=True)]
        identities: dict[str, str] = {}

        def images() -> Iterator[tuple[str, bytes]]:
            names = (features.IMAGE_ID, features.IDENTITY, features.IMAGE_ENCODED)
            for rows in read_rows(image_files, dict.fromkeys(names, bytes), IMAGE_ROWS):
                for image_id, identity, file in zip(*rows.values(), strict=True):
                    identities[image_id.decode()] = identity.decode()
                    yield image_id.decode(), file

        found = score_copies(
            ExportedModel(model_folder(input_dict["model"])),
            images(),
            pairs,
            labels,
            identities.__getitem__,
            json.loads(exec_properties["aged"]),
            exec_properties["strangers"],
            lambda done, total: say(f"{done:,} of {total:,} val images, with their aged copies"),
        )
        found.save(artifact_utils.get_single_uri(output_dict["calibration_pairs"]))
