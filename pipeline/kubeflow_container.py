"""What runs in a container of Kubeflow: TFX's own entry, with buckets as folders.

Kubeflow and Vertex AI keep artifacts in a bucket and pass them by ``gs://`` addresses. Our
components open plain paths. Vertex AI shows every bucket below ``/gcs``, and so does Cloud Storage
FUSE where it is mounted there: so addresses of artifacts become paths below that folder for the
component, and addresses again in what it reports.
"""

import argparse
import json
import os
from typing import Any, Final

from absl import app
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

# The folder below which buckets are mounted.
BUCKETS_VARIABLE: Final = "FACEAUTH_BUCKETS"
BUCKETS: Final = "/gcs"
SCHEME: Final = "gs://"


def mounted(address: str) -> str:
    """The path of a ``gs://`` address in a container; of anything else, itself."""
    if not address.startswith(SCHEME):
        return address
    folder = os.environ.get(BUCKETS_VARIABLE, BUCKETS)
    return f"{folder}/{address.removeprefix(SCHEME)}"


def address_of(path: str) -> str:
    """The ``gs://`` address of a path below the folder of buckets; of anything else, itself."""
    folder = os.environ.get(BUCKETS_VARIABLE, BUCKETS) + "/"
    return SCHEME + path.removeprefix(folder) if path.startswith(folder) else path


def main(given: tuple[argparse.Namespace, list[str]]) -> None:
    """Runs one component.

    Args:
      given: Arguments as TFX's entry parses them, and those that are Beam's.

    Raises:
      FileNotFoundError: The bucket of the artifacts is not mounted.
    """
    arguments, beam_arguments = given
    invocation = json.loads(arguments.json_serialized_invocation_args)
    outputs = invocation.get("outputs", {})
    for artifact in [*_artifacts(invocation.get("inputs", {})), *_artifacts(outputs)]:
        address = artifact["uri"]
        artifact["uri"] = mounted(address)
        if artifact["uri"] != address:
            _check_mount(address)
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


def _check_mount(address: str) -> None:
    bucket = address.removeprefix(SCHEME).partition("/")[0]
    folder = mounted(SCHEME + bucket)
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"artifacts lie in {SCHEME}{bucket}, and {folder} is not there: mount the bucket with "
            f"Cloud Storage FUSE (Vertex AI does), or set {BUCKETS_VARIABLE} to where buckets are"
        )


if __name__ == "__main__":
    app.run(main, flags_parser=kubeflow_v2_run_executor._parse_flags)
