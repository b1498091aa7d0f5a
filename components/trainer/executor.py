"""The executors of Trainer and Tuner: TFX's own, which are also told the folders of the splits."""

import hashlib
import json
import posixpath
import tempfile
from typing import Any

from tfx import types
from tfx.components.trainer import fn_args_utils
from tfx.components.trainer.executor import GenericExecutor
from tfx.components.tuner import executor as tuner_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import json_utils

from components import features
from components.local_copies import local_copies
from components.storage import is_address


class SiameseTrainerExecutor(GenericExecutor):
    """Adds to ``custom_config``.

    ``folders``: the split folders of images and pairs; ``checkpoint_dir``: ``checkpoint_folder``.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains, on this machine's copies of what lies at addresses."""
        self._checkpoints = checkpoint_folder(input_dict, output_dict, exec_properties)
        with local_copies(input_dict, output_dict):
            super().Do(input_dict, output_dict, exec_properties)

    def _GetFnArgs(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> fn_args_utils.FnArgs:
        fn_args = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        fn_args.custom_config["folders"] = split_folders(input_dict)
        fn_args.custom_config["checkpoint_dir"] = self._checkpoints
        return fn_args


class SiameseTunerExecutor(tuner_executor.Executor):
    """TFX's Tuner, with ``custom_config["folders"]`` as Trainer has it."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Searches, and writes the best values and those of all trials."""
        key = standard_component_specs.CUSTOM_CONFIG_KEY
        given = json_utils.loads(exec_properties[key])
        with local_copies(input_dict, output_dict), tempfile.TemporaryDirectory() as self._trials:
            given["folders"] = split_folders(input_dict)
            super().Do(input_dict, output_dict, {**exec_properties, key: json_utils.dumps(given)})

    def _get_tmp_dir(self) -> str:
        # TFX's lies beside the artifacts; trials are kept in plain files.
        folder: str = super()._get_tmp_dir()
        return self._trials if is_address(folder) else folder


def split_folders(input_dict: dict[str, list[types.Artifact]]) -> dict[str, dict[str, str]]:
    """The folders of the train and val splits, of ``images`` and of ``pairs``."""
    return {
        kind: {
            split: artifact_utils.get_split_uri(input_dict[key], split)
            for split in (features.TRAIN, features.VAL)
        }
        for kind, key in (("images", "examples"), ("pairs", "pairs"))
    }


def checkpoint_folder(
    input_dict: dict[str, list[types.Artifact]],
    output_dict: dict[str, list[types.Artifact]],
    exec_properties: dict[str, Any],
) -> str:
    """Where a training that is stopped leaves its state.

    TFX removes the outputs and the temporary folders of an execution that failed, so this lies one
    level above them, under a digest of all that the training depends on: the same run, started
    again, finds it, and no other does.

    Args:
      input_dict: Artifacts that are read.
      output_dict: Artifacts that are written.
      exec_properties: Config and digest of the code.

    Returns:
      ``<the component's folder>/checkpoints/<digest>``.
    """
    depends = {
        "inputs": {key: [each.uri for each in found] for key, found in sorted(input_dict.items())},
        "config": exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY],
    }
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]
    model = artifact_utils.get_single_uri(output_dict[standard_component_specs.MODEL_KEY])
    return f"{posixpath.dirname(posixpath.dirname(model.rstrip('/')))}/checkpoints/{digest}"
