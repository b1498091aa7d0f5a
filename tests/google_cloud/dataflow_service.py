"""As much of Google's Dataflow as Beam's runner for it talks to, on this machine.

https://cloud.google.com/dataflow/docs/reference/rest: a job is created, and asked for until it is
done. What it runs is the pipeline that Beam staged in a bucket, in a process that knows nothing of
who sent it but that file.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

HOST: Final = "dataflow.googleapis.com"
PROJECT: Final = Path(__file__).parents[2]


class Dataflow:
    """Runs jobs.

    Args:
      folder: They run there; ``job-<number>.json`` is what was sent, ``job-<number>.log`` what the
        job says.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: list[subprocess.Popen[bytes]] = []

    def answer(self, method: str, path: str, body: bytes) -> Any:
        """What the service says."""
        if method == "POST":
            return self._created(json.loads(body))
        _, _, rest = path.partition("?")[0].partition("/jobs/")
        number, _, what = rest.partition("/")
        code = self._jobs[int(number)].poll()
        if code is None:
            state = "JOB_STATE_RUNNING"
        else:
            state = "JOB_STATE_FAILED" if code else "JOB_STATE_DONE"
        job = {"id": number, "currentState": state, "type": "JOB_TYPE_BATCH"}
        return {"": job, "messages": {}, "metrics": {"metrics": []}}[what]

    def _created(self, described: Any) -> Any:
        number = len(self._jobs)
        (self._folder / f"job-{number}.json").write_text(json.dumps(described))
        options = described["environment"]["sdkPipelineOptions"]["options"]
        command = [sys.executable, __file__, options["pipelineUrl"]]
        with (self._folder / f"job-{number}.log").open("wb") as log:
            # The image has this package.
            job = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": str(PROJECT)},
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        self._jobs.append(job)
        return {"id": str(number), "name": described["name"]}

    def stop(self) -> None:
        """Ends what still runs."""
        for job in self._jobs:
            job.kill()
            job.wait()


def run(url: str) -> None:
    """Runs a staged pipeline, with its workers in this process instead of containers."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    with FileSystems.open(url) as file:
        proto = beam_runner_api_pb2.Pipeline.FromString(file.read())
    for each in proto.components.environments.values():
        sent = [
            beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(
                file.role_payload
            ).staged_name
            for file in each.dependencies
        ]
        print("sent to workers:", sent)
        each.urn, each.payload = python_urns.EMBEDDED_PYTHON, b""
    FnApiRunner().run_via_runner_api(proto, PipelineOptions()).wait_until_finish()


if __name__ == "__main__":
    run(sys.argv[1])
