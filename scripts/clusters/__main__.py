"""``python -m scripts.clusters flink --task_managers 2`` starts a cluster; Ctrl-C stops it."""

import argparse
import signal
import sys
from pathlib import Path

import yaml

from scripts.clusters.cluster import cluster
from scripts.clusters.jars import ClusterError


def main() -> int:
    """Runs a cluster until it is told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.clusters", description=__doc__)
    parser.add_argument("engine", choices=("flink", "spark"))
    parser.add_argument(
        "--task_managers",
        type=int,
        default=0,
        help="of Flink, each a process of its own; without, it runs inside the job server",
    )
    parser.add_argument("--job_port", type=int, default=8099, help="of Beam's job server")
    parser.add_argument("--worker_port", type=int, default=50000, help="of the pool of workers")
    parser.add_argument("--folder", type=Path, default=Path("runs/clusters"), help="for its logs")
    given = parser.parse_args()
    if given.task_managers < 0 or (given.engine == "spark" and given.task_managers):
        parser.error("--task_managers is a number of processes of Flink's")
    # Ended by a signal, it stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = given.folder.resolve() / given.engine
    print(f"starting {given.engine}; logs: {folder}", file=sys.stderr)
    try:
        with cluster(
            given.engine, folder, given.task_managers, given.job_port, given.worker_port
        ) as made:
            print("it runs until Ctrl-C; in a config, it is:\n", file=sys.stderr)
            print(yaml.safe_dump({"beam": made.section}, sort_keys=False), flush=True)
            if made.rest:
                print(f"Flink's own pages: {made.rest}", file=sys.stderr)
            signal.pause()
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
