"""Evaluator's executor."""

import json
import os
from typing import Any

from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.evaluator.reasons import BLESSING_FILE, missed_thresholds


class Executor(executor.Executor):
    """TFX's, and then the reasons."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates, blesses or not, and writes ``blessing.json`` into the blessing's folder."""
        super().Do(input_dict, output_dict, exec_properties)
        blessing = artifact_utils.get_single_uri(output_dict["blessing"])
        missed = missed_thresholds(artifact_utils.get_single_uri(output_dict["evaluation"]))
        verdict = {
            "blessed": fileio.exists(os.path.join(blessing, constants.BLESSED_FILE_NAME)),
            "reasons": [reason.as_json() for reason in missed],
        }
        io_utils.write_string_file(
            os.path.join(blessing, BLESSING_FILE),
            json.dumps(verdict, indent=2, allow_nan=False) + "\n",
        )
