"""The tiny pipeline on Beam's portable runner, with workers in processes of their own.

A job service and a pool of workers stand in for a cluster: the protocol is the one that the job
servers of Flink and Spark speak. Nothing but what is pickled, or lies on disk, reaches a worker.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from test_chain import Chain
from test_kill_matrix import numbers

from pipeline.launcher.records import last_run
from serving.server_process import free_port, running

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Beam's arguments for a job service and a pool of workers that run meanwhile."""
    folder = tmp_path_factory.mktemp("cluster")
    jobs, workers = free_port(), free_port()
    service = ["apache_beam.runners.portability.local_job_service_main", "--port", str(jobs)]
    pool = ["apache_beam.runners.worker.worker_pool_main", "--service_port", str(workers)]
    with (
        running([sys.executable, "-m", *service], folder / "jobs.log"),
        running([sys.executable, "-m", *pool], folder / "workers.log"),
    ):
        yield (
            f'["--runner=PortableRunner", "--job_endpoint=localhost:{jobs}", '
            f'"--environment_type=EXTERNAL", "--environment_config=localhost:{workers}"]'
        )


def records(folder: Path) -> list[dict[str, Any]]:
    """The rows of an Examples artifact by split, whatever their order and their files."""
    found = []
    for file in sorted(folder.glob("Split-*/*")):
        packed = "GZIP" if file.suffix == ".gz" else ""
        for content in tf.data.TFRecordDataset(str(file), compression_type=packed):
            features = tf.train.Example.FromString(content.numpy()).features.feature
            row = {name: value.SerializeToString() for name, value in features.items()}
            found.append({"split": file.parent.name, **row})
    return sorted(found, key=lambda row: sorted((name, repr(row[name])) for name in row))


def outputs(chain: Chain) -> dict[str, Any]:
    record = last_run(chain.config.metadata_path)
    assert record is not None
    found: dict[str, Any] = {}
    for execution in record.executions:
        for artifact in execution.outputs:
            folder = Path(artifact.uri)
            if artifact.type_name == "Examples":
                found[f"{execution.node}/{folder.parent.name}"] = records(folder)
    model = record.artifact("Model")
    assert model is not None
    return found | {"model": numbers(f"{model.uri}/Format-Serving")}


def test_workers_in_processes_of_their_own_write_the_same_records(
    cluster: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here, there = (Chain(tmp_path_factory.mktemp(name)) for name in ("here", "there"))
    first = here.run("local")
    second = there.run("local", FACEAUTH__BEAM_ARGS=cluster)
    expected = outputs(here)
    assert {name: len(rows) for name, rows in expected.items()}["PairScorer/scored_pairs"] == 240
    assert outputs(there) == expected
    assert second.summary["pair_sets"] == first.summary["pair_sets"]
