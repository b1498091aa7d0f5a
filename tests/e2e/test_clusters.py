"""The tiny pipeline on Flink and on Spark, with Beam's workers in processes of their own.

Nothing but what is pickled, or lies on disk, reaches a worker. Whatever works on the Beam stages,
each record and each weight is that of a run in one process.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from chain_outputs import outputs
from test_chain import Chain

from scripts.clusters.cluster import Cluster, cluster
from scripts.clusters.jars import ClusterError, jars

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def needs(engine: str) -> None:
    try:
        jars(engine)
    except ClusterError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run in one process leaves."""
    return outputs_of(tmp_path_factory.mktemp("here"))


def outputs_of(folder: Path, **settings: str) -> dict[str, Any]:
    made = Chain(folder)
    made.run("local", **settings)
    found = outputs(made.config)
    assert len(found["PairScorer/scored_pairs"]) == 240
    return found


def outputs_on(made: Cluster, folder: Path, **settings: str) -> dict[str, Any]:
    beam = yaml.safe_dump(made.section, default_flow_style=True)
    return outputs_of(folder, FACEAUTH__BEAM=beam, **settings)


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_a_cluster_inside_the_job_server_writes_the_same_records(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    needs(engine)
    expected = request.getfixturevalue("expected")
    with cluster(engine, tmp_path / "cluster") as made:
        assert outputs_on(made, tmp_path / "there") == expected


@contextmanager
def one_killed(made: Cluster) -> Iterator[list[str]]:
    """Kills a task manager in the middle of the second job; gives that job's id in the end."""
    killed: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set() and not killed:
            jobs = {job["jid"]: job["state"] for job in made.ask("/jobs/overview")["jobs"]}
            running = [job for job, state in jobs.items() if state == "RUNNING"]
            busy = made.busy() if len(jobs) > 1 and running else None
            if busy is not None:
                made.kill(busy)
                killed.extend(running)
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def test_flink_loses_a_task_manager_and_writes_the_same_records(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    needs("flink")
    survives(tmp_path, request.getfixturevalue("expected"))


def test_a_task_manager_dies_and_the_records_are_the_same_without_a_table_of_images(
    tmp_path: Path,
) -> None:
    needs("flink")
    without = {"FACEAUTH__DATA__IMAGES_IN_MEMORY": "0"}
    survives(tmp_path, outputs_of(tmp_path / "here", **without), **without)


def survives(folder: Path, expected: dict[str, Any], **settings: str) -> None:
    """Kills a task manager in the middle of the second job, and compares what is written."""
    with cluster("flink", folder / "cluster", task_managers=2) as made:
        with one_killed(made) as killed:
            assert outputs_on(made, folder / "there", **settings) == expected
        [job] = killed
        # It was in the middle of that job, which came to its end without it.
        assert made.ask(f"/jobs/{job}")["state"] == "FINISHED"
        assert len(made.ask("/taskmanagers")["taskmanagers"]) == 1
