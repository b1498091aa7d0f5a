"""The tiny pipeline on Beam's portable runner, with workers in processes of their own.

A job service and a pool of workers stand in for a cluster: the protocol is the one that the job
servers of Flink and Spark speak. Nothing but what is pickled, or lies on disk, reaches a worker.
"""

import sys
from collections.abc import Iterator

import pytest
from chain_outputs import outputs
from test_chain import Chain

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


def test_workers_in_processes_of_their_own_write_the_same_records(
    cluster: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here, there = (Chain(tmp_path_factory.mktemp(name)) for name in ("here", "there"))
    first = here.run("local")
    second = there.run("local", FACEAUTH__BEAM_ARGS=cluster)
    expected = outputs(here.config)
    assert len(expected["PairScorer/scored_pairs"]) == 240
    assert outputs(there.config) == expected
    assert second.summary["pair_sets"] == first.summary["pair_sets"]
