"""What Kubeflow's driver and launcher do with a spec, on this machine.

A task's own container command is run as a process, with what a driver puts in the place of
``{{$}}``: artifacts by ``gs://`` addresses, constants, parameters of the run, and where to report.
The bucket is a folder, as Cloud Storage FUSE shows it.

The cache's key is that of Kubeflow's driver (``backend/src/v2/cacheutils``): image and arguments of
the container, parameter values, artifacts that come in, and what goes out, without where to.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

Artifacts = list[dict[str, Any]]


class Kubeflow:
    """Takes submissions of one spec; remembers what its tasks made, for the cache."""

    def __init__(self, spec: dict[str, Any], buckets: Path) -> None:
        self.spec, self.buckets = spec, buckets
        self.cache: dict[str, dict[str, Artifacts]] = {}
        self.tasks = spec["root"]["dag"]["tasks"]
        self.before = {name: task.get("dependentTasks", []) for name, task in self.tasks.items()}
        self.order = list(TopologicalSorter(self.before).static_order())

    def path(self, address: str) -> Path:
        """Where an artifact lies here."""
        return self.buckets / address.removeprefix("gs://")

    def up_to(self, last: str) -> list[str]:
        """The tasks that one waits for, in order, and that one."""
        wanted, waiting = {last}, [last]
        while waiting:
            new = set(self.before[waiting.pop()]) - wanted
            wanted |= new
            waiting += new
        return [name for name in self.order if name in wanted]


class Submission:
    """A run of a spec.

    Attributes:
      made: What each task's output is, as an artifact.
      states: ``ran`` or ``cached``, of each task.
      logs: What each task that ran wrote.

    Args:
      kubeflow: Where it is submitted.
      name: Of the run.
      **parameters: What is submitted with it; the others have their defaults.
    """

    def __init__(self, kubeflow: Kubeflow, name: str, **parameters: Any) -> None:
        self.kubeflow, self.name = kubeflow, name
        known = kubeflow.spec["root"]["inputDefinitions"]["parameters"]
        self.parameters = {key: each["defaultValue"] for key, each in known.items()} | parameters
        self.made: dict[tuple[str, str], Artifacts] = {}
        self.states: dict[str, str] = {}
        self.logs: dict[str, str] = {}

    def run(self, *tasks: str) -> None:
        """Runs tasks one after the other, or takes what they made before from the cache."""
        for name in tasks:
            key = self.key(name)
            if not self.kubeflow.tasks[name]["cachingOptions"].get("enableCache"):
                key = f"{key} of {self.name}"
            found = self.kubeflow.cache.get(key)
            self.states[name] = "ran" if found is None else "cached"
            if found is None:
                process = self._start(name)
                assert process.wait() == 0, self._log(name)[-3000:]
                self.logs[name] = self._log(name)
                found = self.kubeflow.cache[key] = self._reported(name)
            self.made |= {(name, output): artifacts for output, artifacts in found.items()}

    def fail(self, name: str) -> str:
        """Runs a task that has to fail; returns what it wrote."""
        assert self._start(name).wait() != 0
        return self._log(name)

    def kill(self, name: str, when: Callable[[], bool]) -> None:
        """Starts a task and kills it when something has come true, long before its end."""
        process = self._start(name)
        try:
            while not when():
                assert process.poll() is None, self._log(name)[-3000:]
                time.sleep(0.002)
        finally:
            # It is the first of a process group.
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    def folder(self, name: str, output: str) -> Path:
        """Where an output lies here."""
        [artifact] = self.made[name, output]
        return self.kubeflow.path(artifact["uri"])

    def root(self, name: str) -> str:
        """The folder of a task's outputs. A try after one that failed is given the same."""
        return f"{self.kubeflow.spec['defaultPipelineRoot']}/{self.name}/{name}"

    def key(self, name: str) -> str:
        """What the cache knows a task by."""
        outputs = self._outputs(name)
        key = {
            "inputs": self._inputs(name),
            "outputs": {output: outputs[output]["artifacts"][0]["type"] for output in outputs},
            "container": self._container(name),
        }
        return json.dumps(key, sort_keys=True)

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        given = {
            "inputs": self._inputs(name),
            "outputs": {"artifacts": self._outputs(name), "outputFile": str(self._report(name))},
        }
        container = self._container(name)
        filled = [json.dumps(given) if text == "{{$}}" else text for text in container["args"]]
        variables = {each["name"]: each["value"] for each in container.get("env", [])}
        with self._report(name).with_suffix(".log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *container["command"][1:], *filled],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _container(self, name: str) -> dict[str, Any]:
        spec = self.kubeflow.spec
        label = spec["components"][name]["executorLabel"]
        return spec["deploymentSpec"]["executors"][label]["container"]

    def _inputs(self, name: str) -> dict[str, Any]:
        taken = self.kubeflow.tasks[name].get("inputs", {})

        def value(source: dict[str, Any]) -> Any:
            if "componentInputParameter" in source:
                return self.parameters[source["componentInputParameter"]]
            return source["runtimeValue"]["constant"]

        return {
            "parameterValues": {
                key: value(source) for key, source in taken.get("parameters", {}).items()
            },
            "artifacts": {
                key: {"artifacts": self.made[_from_task(source)]}
                for key, source in taken.get("artifacts", {}).items()
            },
        }

    def _outputs(self, name: str) -> dict[str, Any]:
        part = self.kubeflow.spec["components"][name].get("outputDefinitions", {})
        return {
            key: {
                "artifacts": [
                    {
                        "name": f"{name}/{key}",
                        "uri": f"{self.root(name)}/{key}",
                        "type": definition["artifactType"],
                    }
                ]
            }
            for key, definition in part.get("artifacts", {}).items()
        }

    def _report(self, name: str) -> Path:
        return self.kubeflow.buckets / f"{self.name}-{name}.json"

    def _log(self, name: str) -> str:
        return self._report(name).with_suffix(".log").read_text()

    def _reported(self, name: str) -> dict[str, Artifacts]:
        reported = json.loads(self._report(name).read_text())["artifacts"]
        found = {}
        for key, definition in self._outputs(name).items():
            [artifact] = reported[key]["artifacts"]
            assert artifact["uri"].startswith("gs://")
            found[key] = [{**artifact, "type": definition["artifacts"][0]["type"]}]
        return found


def _from_task(source: dict[str, Any]) -> tuple[str, str]:
    """The task and the output that an input comes from."""
    output = source["taskOutputArtifact"]
    return output["producerTask"], output["outputArtifactKey"]
