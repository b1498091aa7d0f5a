"""The tiny pipeline with its artifacts in a bucket, and its Beam stages on Dataflow.

TensorFlow's file system for ``gs://``, Beam's, and Beam's runner for Dataflow are the real ones; a
process of this machine answers for Google. Whatever works and wherever artifacts lie, each record
and each weight is that of a run in one process and in a folder.
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chain_outputs import outputs
from google_storage import environment, served_beside
from test_chain import DATA, FACEAUTH, MODEL, Chain, inherited
from tfx.utils import io_utils

from components.storage import files_below
from serving.server_process import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

IN_BUCKET = {"FACEAUTH__PIPELINE_ROOT": "gs://bucket/runs"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run in one process leaves in a folder."""
    here = Chain(tmp_path_factory.mktemp("here"))
    here.run("local")
    return outputs(here.config)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Path]:
    """The folder of the jobs of a Dataflow, beside which there is a bucket ``bucket``."""
    folder, authority = tmp_path / "jobs", tmp_path / "authority.pem"
    folder.mkdir()
    with (
        served_beside("bucket", authority, folder) as address,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment(address, authority).items():
            patch.setenv(name, value)
        yield folder


def command(chain: Chain, *arguments: str) -> str:
    done = subprocess.run(
        [*FACEAUTH, *arguments, "--config", chain.path],
        env={**inherited(), **IN_BUCKET},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown_in_tensorboard(chain: Chain) -> list[str]:
    """The runs that TensorBoard finds, once it has found some."""
    port = free_port()
    asked = [*FACEAUTH, "tensorboard", "--config", str(chain.path), "--port", str(port)]
    with subprocess.Popen(asked, env={**inherited(), **IN_BUCKET}) as process:
        try:
            for _ in range(120):
                time.sleep(0.5)
                with contextlib.suppress(OSError):
                    url = f"http://127.0.0.1:{port}/data/runs"
                    found: list[str] = json.loads(urllib.request.urlopen(url, timeout=10).read())
                    if found:
                        return found
            return []
        finally:
            process.kill()


def test_artifacts_in_a_bucket(jobs: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    chain = Chain(tmp_path / "there")
    first = chain.run("local", **IN_BUCKET)
    assert outputs(chain.config) == expected
    # Nothing of it lies here, but what people look at.
    assert {path.name for path in chain.config.root.iterdir()} == {
        *("logs", "metadata.sqlite", "owner.txt", "report", "run.lock", "scratch")
    }
    assert not list((chain.config.root / "scratch").iterdir())
    assert "120 images, 16 identities" in first.screen
    assert not list(jobs.iterdir())

    second = chain.run("beam", **IN_BUCKET)
    assert {second.states[name] for name in (*DATA, *MODEL)} == {"CACHED"}
    assert "Already pushed, nothing changed since" in second.screen
    report = chain.config.root / "report" / "report.html"
    shutil.rmtree(report.parent)
    assert str(report) in command(chain, "report", "--print")
    assert "Blessed: every threshold" in command(chain, "outcome")
    assert any("model_run" in run for run in shown_in_tensorboard(chain))

    # Another pair of eyes on the same address would count its executions from 1 again.
    other = Chain(tmp_path / "other")
    refused = subprocess.run(
        [*FACEAUTH, "run", "--config", other.path],
        env={**inherited(), **IN_BUCKET},
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "lie artifacts of other runs than those in" in refused.stderr + refused.stdout

    told = command(chain, "forget-subject", "test_0", "--store", f"sqlite:///{tmp_path}/none.db")
    assert "10 photos found" in told
    assert told.endswith("nothing is left\n")
    left = {file.name.split("/")[0] for file in files_below("gs://bucket/runs/tiny")}
    assert "Trainer" in left  # Models are marked, and stay.
    assert not left & {"PairExampleGen", "Transform", "PairScorer", "Report", "embeddings"}
    assert "deleted 0 folders" in command(chain, "clean-runs", "--keep", "1")


def test_dataflow_writes_the_same_records(
    jobs: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    chain = Chain(tmp_path / "there")
    io_utils.copy_dir(str(chain.folder / "faces"), "gs://bucket/faces")
    chain.run(
        "local",
        **IN_BUCKET,
        FACEAUTH__DATA__IMAGES="gs://bucket/faces",
        FACEAUTH__BEAM="dataflow",
        FACEAUTH_PROJECT="faces",
        FACEAUTH_TEMP_LOCATION="gs://bucket/temp",
        FACEAUTH_IMAGE="me/faceauth:1",
    )
    assert outputs(chain.config) == expected
    described = [json.loads(path.read_text()) for path in sorted(jobs.glob("*.json"))]
    # PairExampleGen's images and pairs, two StatisticsGen, Transform, ValScorer, PairScorer and
    # Evaluator.
    assert len(described) == 8
    for job in described:
        [pool] = job["environment"]["workerPools"]
        assert pool["workerHarnessContainerImage"] == "me/faceauth:1"
    # The paths of this machine are unknown to those who work for it.
    text = "".join(path.read_text() for path in jobs.glob("*.log"))
    assert os.fspath(chain.folder) not in text
