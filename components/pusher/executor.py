"""Pusher's executor."""

import time
from pathlib import Path
from typing import Any

from absl import logging
from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from components.local_copies import local_folder
from components.pusher.versions import push

# On an artifact of a model that is not pushed: where to look for what is served instead.
SERVING_DIR = "serving_dir"


def serving_dir(exec_properties: dict[str, Any]) -> Path:
    """The folder that models are pushed to.

    Raises:
      ValueError: It is not a local folder, or versions are not to be counted in seconds.
    """
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(
        exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination
    )
    files = destination.filesystem
    if not files.base_directory or "://" in files.base_directory:
        raise ValueError(
            f"push_destination is {files.base_directory or 'empty'!r}; a push that is whole or not "
            "there needs a folder of a mounted file system"
        )
    if files.versioning not in (pusher_pb2.Versioning.AUTO, pusher_pb2.Versioning.UNIX_TIMESTAMP):
        raise ValueError(f"versioning {files.versioning} is unknown; use UNIX_TIMESTAMP")
    return Path(files.base_directory)


class Executor(executor.Executor):
    """Pushes what is blessed. Artifacts and their properties are those of TFX's own."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Makes the model the newest version, unless a blessing is missing.

        Raises:
          ValueError: See ``serving_dir``.
          FileNotFoundError: There is no model.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        base = serving_dir(exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            pushed.set_string_custom_property(SERVING_DIR, str(base))
            return
        model = self.GetModelPath(input_dict)
        # First, so that making the version visible is the last thing that can go wrong.
        io_utils.copy_dir(model, pushed.uri)
        with local_folder(model) as folder:
            version = push(Path(folder), base, _now())
        self._MarkPushed(pushed, pushed_destination=str(version), pushed_version=version.name)
        logging.info("Served as version %s", version)


def _now() -> int:
    return int(time.time())
