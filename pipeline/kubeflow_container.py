"""What runs in a container of Kubeflow: TFX's own entry, with buckets as folders.

Kubeflow and Vertex AI keep artifacts in a bucket and pass them by ``gs://`` addresses. Vertex AI
shows every bucket below ``/gcs``, and so does Cloud Storage FUSE where it is mounted there: so
addresses become paths below that folder for the component, and addresses again in what it reports.
Of a bucket that is not mounted, components that open plain paths copy what they need
(``components.local_copies``). The workers of Dataflow see no folder of a pod's, so the components
that send them work are given addresses.

Parameters that were set when the pipeline was submitted are merged into what the component is given
(``kubeflow_parameters``).
"""

import argparse
import json
from typing import Any

from absl import app
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.utils.import_utils import import_class_by_path

from pipeline.buckets import address_of, as_folder, check_mount
from pipeline.kubeflow_parameters import merged


def main(given: tuple[argparse.Namespace, list[str]]) -> None:
    """Runs one component.

    Args:
      given: Arguments as TFX's entry parses them, and those that are Beam's.

    Raises:
      FileNotFoundError: Models go to a bucket that is not mounted.
      ConfigError: A parameter that was submitted cannot be used.
    """
    arguments, beam_arguments = given
    invocation = json.loads(arguments.json_serialized_invocation_args)
    inputs, outputs = invocation.get("inputs", {}), invocation.get("outputs", {})
    dataflow = "--runner=DataflowRunner" in beam_arguments
    executor = import_class_by_path(arguments.executor_class_path)
    if not (dataflow and issubclass(executor, BaseBeamExecutor)):
        for artifact in [*_artifacts(inputs), *_artifacts(outputs)]:
            artifact["uri"] = as_folder(artifact["uri"])
    if "parameterValues" in inputs:
        if (destination := inputs["parameterValues"].get("push_destination")) is not None:
            check_mount(json.loads(destination)["filesystem"]["base_directory"])
        inputs["parameterValues"] = merged(inputs["parameterValues"], folders=not dataflow)
    arguments.json_serialized_invocation_args = json.dumps(invocation)
    kubeflow_v2_run_executor.main((arguments, beam_arguments))
    report = outputs["outputFile"]
    with fileio.open(report, "r") as file:
        content = json.loads(file.read())
    for artifact in _artifacts(content):
        artifact["uri"] = address_of(artifact["uri"])
    with fileio.open(report, "w") as file:
        file.write(json.dumps(content))


def _artifacts(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        artifact
        for listed in part.get("artifacts", {}).values()
        for artifact in listed.get("artifacts", [])
        if "uri" in artifact
    ]


if __name__ == "__main__":
    app.run(main, flags_parser=kubeflow_v2_run_executor._parse_flags)
