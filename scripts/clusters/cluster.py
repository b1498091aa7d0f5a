"""Starts and stops Flink or Spark, Beam's job server for it, and a pool of Beam's Python workers.

Flink is one job manager and any number of task managers, each a process of its own, as on a
cluster; without task managers it runs inside the job server, as Spark always does here.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.clusters.jars import ClusterError, jars
from serving.server_process import free_port, running

SLOTS: Final = 2  # of a task manager
_START_S: Final = 90.0
_POLL_S: Final = 0.3
_LAST_LINES: Final = 10
# Spark reaches into these packages, which Java closes since 17.
_OPENED: Final = [
    "java.io",
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
]
# What a start script of Flink's works out. Managed memory holds TFDV's batches: a thousand photos
# in one record. Lost tasks run again; each group of them counts as an attempt.
_CONF: Final = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {manager}
rest.address: localhost
rest.port: {rest}
taskmanager.host: localhost
taskmanager.cpu.cores: {slots}.0
taskmanager.numberOfTaskSlots: {slots}
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 384m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 1g
taskmanager.memory.network.min: 512m
taskmanager.memory.network.max: 512m
taskmanager.network.sort-shuffle.min-buffers: 64
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
classloader.resolve-order: parent-first
heartbeat.interval: 2000
heartbeat.timeout: 8000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 100
restart-strategy.fixed-delay.delay: 1s
"""


@dataclass
class Cluster:
    """A cluster that runs.

    Attributes:
      engine: ``flink`` or ``spark``.
      job_endpoint: Host and port of Beam's job server.
      worker_pool: Host and port of the pool of Python workers.
      rest: Address of Flink's job manager, where there is one.
      task_managers: Processes of Flink's task managers by the port of each; each leads a process
        group.
    """

    engine: str
    job_endpoint: str
    worker_pool: str
    rest: str | None = None
    task_managers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def section(self) -> dict[str, str]:
        """What the section ``beam`` of a config says to use it."""
        return {
            "runner": self.engine,
            "job_endpoint": self.job_endpoint,
            "worker_pool": self.worker_pool,
        }

    def ask(self, path: str) -> Any:
        """What Flink's job manager answers to a GET of ``path``, from JSON."""
        with urllib.request.urlopen(f"{self.rest}{path}", timeout=5) as answer:
            return json.load(answer)

    def busy(self) -> int | None:
        """The port of a task manager that works on a task now, or None."""
        for manager in self.ask("/taskmanagers")["taskmanagers"]:
            if manager["freeSlots"] < manager["slotsNumber"]:
                return int(manager["id"].partition(":")[2].partition("-")[0])
        return None

    def kill(self, port: int) -> None:
        """Kills a task manager as a machine dies: at once, and for good."""
        os.killpg(self.task_managers[port].pid, signal.SIGKILL)


@contextmanager
def cluster(
    engine: str,
    folder: Path,
    task_managers: int = 0,
    job_port: int | None = None,
    worker_port: int | None = None,
) -> Iterator[Cluster]:
    """A cluster that runs while the block lasts.

    Args:
      engine: ``flink`` or ``spark``.
      folder: Gets the logs, and what the job server stages.
      task_managers: Of Flink; 0 for its cluster inside the job server.
      job_port: Of the job server; a free one, if it is not given.
      worker_port: Of the pool of workers; likewise.

    Raises:
      ClusterError: It cannot be had here, or one of its processes does not start.
    """
    library = jars(engine)
    folder.mkdir(parents=True, exist_ok=True)
    jobs, pool = job_port or free_port(), worker_port or free_port()
    made = Cluster(engine, f"localhost:{jobs}", f"localhost:{pool}")
    with ExitStack() as stack:

        def start(name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
            return stack.enter_context(running(command, folder / f"{name}.log"))

        def java(name: str, main: str, *arguments: str) -> subprocess.Popen[bytes]:
            opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
            return start(
                name, ["java", "-Xmx768m", *opened, "-cp", f"{library}/*", main, *arguments]
            )

        master = "[local]"
        if task_managers:
            made.rest = f"http://localhost:{free_port()}"
            conf = _session(made, folder)
            runtime = "org.apache.flink.runtime"
            where = ("--configDir", str(conf))
            entry = f"{runtime}.entrypoint.StandaloneSessionClusterEntrypoint"
            started = {"job_manager": java("job_manager", entry, *where)}
            for index in range(task_managers):
                name, port = f"task_manager_{index}", free_port()
                runner = f"{runtime}.taskexecutor.TaskManagerRunner"
                started[name] = java(name, runner, *where, f"-Dtaskmanager.rpc.port={port}")
                made.task_managers[port] = started[name]
            _wait(lambda: _registered(made, task_managers), started, folder)
            master = made.rest.removeprefix("http://")
        staged = f"--artifacts-dir={folder / 'staged'}"
        ports = (f"--job-port={jobs}", "--artifact-port=0", "--expansion-port=0", staged)
        if engine == "flink":
            driver = "org.apache.beam.runners.flink.FlinkJobServerDriver"
            more = [f"--flink-master={master}"]
        else:
            driver = "org.apache.beam.runners.spark.SparkJobServerDriver"
            more = ["--spark-master-url=local[2]"]
        if task_managers:
            more.append(f"--flink-conf-dir={conf}")
        started = {"job_server": java("job_server", driver, *ports, *more)}
        # The pool starts its workers as `python`.
        path = f"PATH={Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        module = "apache_beam.runners.worker.worker_pool_main"
        workers = ["env", path, sys.executable, "-m", module, "--service_port", str(pool)]
        started["workers"] = start("workers", workers)
        _wait(lambda: _listens(jobs) and _listens(pool), started, folder)
        yield made


def _session(made: Cluster, folder: Path) -> Path:
    """Writes the configuration of a session cluster; returns its folder."""
    conf = folder / "conf"
    conf.mkdir(exist_ok=True)
    rest = str(made.rest).rpartition(":")[2]
    text = _CONF.format(manager=free_port(), rest=rest, slots=SLOTS)
    (conf / "flink-conf.yaml").write_text(text, encoding="utf-8")
    return conf


def _registered(made: Cluster, count: int) -> bool:
    try:
        return len(made.ask("/taskmanagers")["taskmanagers"]) == count
    except OSError:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def _wait(ready: Any, started: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    """Returns when ``ready()``.

    Raises:
      ClusterError: A process ended, or it takes too long.
    """
    deadline = time.monotonic() + _START_S
    while not ready():
        ended = [name for name, process in started.items() if process.poll() is not None]
        if ended or time.monotonic() > deadline:
            name = ended[0] if ended else next(iter(started))
            log = folder / f"{name}.log"
            last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
            why = "ended" if ended else f"was not ready after {_START_S:g} s"
            raise ClusterError(f"{name} {why}; the last of {log}:\n" + "\n".join(last))
        time.sleep(_POLL_S)
