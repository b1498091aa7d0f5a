"""What runs in a container of Kubeflow: TFX's own entry, with buckets as folders.

Kubeflow and Vertex AI keep artifacts in a bucket and pass them by ``gs://`` addresses. Our
components open plain paths. Vertex AI shows every bucket below ``/gcs``, and so does Cloud Storage
FUSE where it is mounted there: so addresses of artifacts become paths below that folder for the
component, and addresses again in what it reports.

Parameters that were set when the pipeline was submitted are merged into what the component is given
(``kubeflow_parameters``).
"""

import argparse
import json
from typing import Any

from absl import app
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from pipeline.buckets import address_of, check_mount, mounted
from pipeline.kubeflow_parameters import merged


def main(given: tuple[argparse.Namespace, list[str]]) -> None:
    """Runs one component.

    Args:
      given: Arguments as TFX's entry parses them, and those that are Beam's.

    Raises:
      FileNotFoundError: The bucket of the artifacts is not mounted.
      ConfigError: A parameter that was submitted cannot be used.
    """
    arguments, beam_arguments = given
    invocation = json.loads(arguments.json_serialized_invocation_args)
    inputs, outputs = invocation.get("inputs", {}), invocation.get("outputs", {})
    for artifact in [*_artifacts(inputs), *_artifacts(outputs)]:
        address = artifact["uri"]
        artifact["uri"] = mounted(address)
        if artifact["uri"] != address:
            check_mount(address)
    if "parameterValues" in inputs:
        inputs["parameterValues"] = merged(inputs["parameterValues"])
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
