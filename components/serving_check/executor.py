"""ServingCheck's executor: artifacts in, a server run, a blessing out."""

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from absl import logging
from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components import features
from components.artifacts import input_files, model_folder
from components.local_copies import with_local_copies
from components.progress import say
from components.serving_check.candidate import ModelRefused, ServedCandidate
from components.serving_check.checks import check_samples, check_warmup
from components.serving_check.config import ServingCheckConfig, fill_in
from components.serving_check.result import Result
from components.serving_check.samples import read_samples
from serving.server_process import free_port, running

# As TFX's InfraValidator marks its artifact, so that TFX's Pusher understands it.
BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"
_BLESSED_KEY = "blessed"

LOG_FILE = "server.log"


class Executor(base_executor.BaseExecutor):
    """Blesses a candidate that answers as it did when it was trained."""

    @with_local_copies
    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the verdict and the reasons for it. A model that is not blessed is not tried.

        Raises:
          ServerError: The server cannot be used, so that nothing is known about the model.
          ValueError: There are no test pairs to check with.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        folder = Path(blessing.uri)
        folder.mkdir(parents=True, exist_ok=True)
        if model_utils.is_model_blessed(
            artifact_utils.get_single_instance(input_dict["model_blessing"])
        ):
            config = ServingCheckConfig.model_validate_json(exec_properties["check"])
            result = _check(input_dict, folder, exec_properties["model_name"], config)
        else:
            result = Result(["the evaluation did not bless it, so it was not tried"])
        result.write(folder)
        (folder / (BLESSED_FILE if result.passed else NOT_BLESSED_FILE)).touch()
        blessing.set_int_custom_property(_BLESSED_KEY, int(result.passed))
        for reason in result.reasons:
            logging.warning("ServingCheck: %s", reason)
        if result.passed:
            say(
                f"served on trial: {result.measured['warmup_requests']} warm-up requests and "
                f"{result.measured['pairs']} test pairs answered as when trained"
            )


def _check(
    input_dict: dict[str, list[types.Artifact]],
    folder: Path,
    model_name: str,
    config: ServingCheckConfig,
) -> Result:
    result, log = Result(), folder / LOG_FILE
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        # A copy: a server that mounts the folder would not see what a link points to.
        base = Path(scratch) / model_name
        version = base / "1"
        io_utils.copy_dir(model_folder(input_dict["model"]), str(version))
        port = free_port()
        command = fill_in(
            config.command,
            python=sys.executable,
            base=base,
            model_name=model_name,
            grpc_port=port,
        )
        candidate = ServedCandidate(port, model_name, config.request_timeout_s)
        with running(command, log) as process, closing(candidate):
            # While the server loads the model.
            samples = read_samples(
                input_files(input_dict["scored_pairs"], features.TEST),
                input_files(input_dict["images"], features.TEST),
                config.pairs,
            )
            try:
                candidate.wait(process, log, config.load_timeout_s)
            except ModelRefused as error:
                result.reasons.append(str(error))
            else:
                result.measured["seconds_to_load"] = round(time.monotonic() - began, 2)
                check_warmup(candidate.predict, version, result)
                check_samples(candidate.predict, samples, config.tolerance, result)
    result.measured["seconds"] = round(time.monotonic() - began, 2)
    return result
