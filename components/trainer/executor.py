"""Trainer's executor: TFX's own, with the folders of images and pairs handed to ``run_fn``."""

from typing import Any

from tfx import types
from tfx.components.trainer import fn_args_utils
from tfx.components.trainer.executor import GenericExecutor
from tfx.types import artifact_utils

from components import features


class SiameseTrainerExecutor(GenericExecutor):
    """Adds ``custom_config["folders"]``: the split folders of images and pairs."""

    def _GetFnArgs(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> fn_args_utils.FnArgs:
        fn_args = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        fn_args.custom_config["folders"] = {
            kind: {
                split: artifact_utils.get_split_uri(input_dict[key], split)
                for split in (features.TRAIN, features.VAL)
            }
            for kind, key in (("images", "examples"), ("pairs", "pairs"))
        }
        return fn_args
