"""The compiled spec, task by task as Kubeflow's driver and launcher run it: a pushed model.

There is no Kubeflow here. Each task's own container command is run as a process, with what a driver
puts in the place of ``{{$}}``: artifacts by ``gs://`` addresses, constants, and where to report.
The bucket is a folder, as Cloud Storage FUSE shows it.
"""

import json
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml
from chain_outputs import numbers
from test_chain import Chain, Run

from pipeline.config import load_config
from pipeline.kubeflow_runner import compile_pipeline

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Kubeflow:
    """Runs a spec; remembers what its tasks reported."""

    def __init__(self, spec: dict[str, Any], buckets: Path) -> None:
        self.spec, self.buckets = spec, buckets
        self.made: dict[tuple[str, str], list[dict[str, Any]]] = {}
        tasks = spec["root"]["dag"]["tasks"]
        before = {name: task.get("dependentTasks", []) for name, task in tasks.items()}
        self.order = list(TopologicalSorter(before).static_order())

    def run(self, name: str, attempt: int = 1) -> None:
        """Runs a task as its container would be run."""
        part = self.spec["components"][name]
        task = self.spec["root"]["dag"]["tasks"][name]
        container = self.spec["deploymentSpec"]["executors"][part["executorLabel"]]["container"]
        root = f"{self.spec['defaultPipelineRoot']}/run/{name}/{attempt}"
        outputs = part.get("outputDefinitions", {}).get("artifacts", {})
        inputs = task.get("inputs", {})
        report = self.buckets / f"{name}.json"
        given = {
            "inputs": {
                "parameterValues": {
                    key: value["runtimeValue"]["constant"]
                    for key, value in inputs.get("parameters", {}).items()
                },
                "artifacts": {
                    key: {"artifacts": self.made[from_task(value)]}
                    for key, value in inputs.get("artifacts", {}).items()
                },
            },
            "outputs": {
                "artifacts": {
                    key: {
                        "artifacts": [
                            {
                                "name": f"{name}/{key}",
                                "uri": f"{root}/{key}",
                                "type": definition["artifactType"],
                            }
                        ]
                    }
                    for key, definition in outputs.items()
                },
                "outputFile": str(report),
            },
        }
        filled = [json.dumps(given) if text == "{{$}}" else text for text in container["args"]]
        finished = subprocess.run(
            [sys.executable, *container["command"][1:], *filled],
            env={**os.environ, "FACEAUTH_BUCKETS": str(self.buckets)},
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, finished.stderr[-3000:]
        reported = json.loads(report.read_text())["artifacts"]
        for key, definition in outputs.items():
            [artifact] = reported[key]["artifacts"]
            assert artifact["uri"].startswith("gs://")
            self.made[name, key] = [{**artifact, "type": definition["artifactType"]}]


def from_task(value: dict[str, Any]) -> tuple[str, str]:
    """The task and the output that an input comes from."""
    source = value["taskOutputArtifact"]
    return source["producerTask"], source["outputArtifactKey"]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> tuple[Chain, Run]:
    chain = Chain(tmp_path_factory.mktemp("local"))
    return chain, chain.run("local")


@pytest.fixture(scope="module")
def kubeflow(
    local: tuple[Chain, Run], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Kubeflow, Path]:
    chain, _ = local
    folder = tmp_path_factory.mktemp("kubeflow")
    (folder / "bucket").mkdir()
    served = folder / "served"
    overrides = {
        "FACEAUTH__KUBEFLOW": "{image: faceauth, pipeline_root: gs://bucket/runs}",
        "FACEAUTH__SERVING__BASE_DIR": str(served),
        "FACEAUTH__RUNS_DIR": str(folder / "runs"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEAUTH_BUCKETS", str(folder))
        path = compile_pipeline(load_config(chain.path, overrides))
    run = Kubeflow(yaml.safe_load(path.read_text()), folder)
    for name in run.order:
        run.run(name)
    return run, served


def versions(served: Path) -> list[Path]:
    return sorted(served.glob("*/[0-9]*"))


def test_what_is_pushed_is_the_local_runs_model(
    local: tuple[Chain, Run], kubeflow: tuple[Kubeflow, Path]
) -> None:
    chain, _ = local
    _, served = kubeflow
    [pushed] = versions(served)
    [there] = chain.config.serving_dir.glob("[0-9]*")
    assert numbers(pushed) == numbers(there)
    same = "assets.extra/decision.json"
    assert (pushed / same).read_bytes() == (there / same).read_bytes()


def test_pushing_again_does_nothing(kubeflow: tuple[Kubeflow, Path]) -> None:
    run, served = kubeflow
    before = versions(served)
    run.run("Pusher", attempt=2)
    assert versions(served) == before


def test_what_a_run_keeps_for_the_next_lies_in_the_bucket(
    kubeflow: tuple[Kubeflow, Path],
) -> None:
    run, _ = kubeflow
    assert list((run.buckets / "bucket" / "runs" / "embeddings").rglob("*.npz"))
