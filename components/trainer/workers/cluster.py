"""Who trains together: the cluster that TF_CONFIG describes, or one on this machine."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VARIABLE: Final = "TF_CONFIG"
# Workers in this order; the first one is the chief.
_JOBS: Final = ("chief", "worker")


@dataclass(frozen=True)
class Member:
    """One worker of a cluster.

    Attributes:
      place: From 0, which is the chief.
      workers: How many there are.
      address: Where it listens, ``host:port``.
    """

    place: int
    workers: int
    address: str

    def __str__(self) -> str:
        chief = ", the chief," if self.place == 0 else ""
        return f"worker {self.place}{chief} of {self.workers} ({self.address})"


def given_member(environment: Mapping[str, str], workers: int) -> Member | None:
    """Who this process is by TF_CONFIG, as Vertex AI and Kubeflow's training operator set it.

    Args:
      environment: Variables.
      workers: How many the config says that there are.

    Returns:
      None where the variable is not set.

    Raises:
      ValueError: It describes no cluster of that many workers, or not which of them is here.
    """
    text = environment.get(VARIABLE)
    if not text:
        return None
    try:
        given = json.loads(text)
        cluster, task = given["cluster"], given["task"]
        job, index = task["type"], int(task["index"])
        addresses = {name: list(cluster.get(name, ())) for name in _JOBS}
        others = {name for name, found in cluster.items() if found} - set(_JOBS)
        if job not in _JOBS or others:
            raise ValueError(f"a job is {', '.join(sorted(others)) or job!r}")
        address = str(addresses[job][index])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"{VARIABLE} is {text!r}, which does not say who trains together "
            f"({type(error).__name__}: {error}); it has to be like "
            '{"cluster": {"worker": ["host:port", "host:port"]}, "task": {"type": "worker", '
            '"index": 0}}, with the jobs chief and worker alone; or unset it, and the workers are '
            "started on this machine"
        ) from None
    everyone = [each for name in _JOBS for each in addresses[name]]
    if len(everyone) != workers:
        raise ValueError(
            f"training.workers is {workers}, and {VARIABLE} describes {len(everyone)} "
            f"({', '.join(everyone)}); make them the same"
        )
    place = index + (len(addresses["chief"]) if job == "worker" else 0)
    return Member(place, workers, address)


def local_members(workers: int) -> list[Member]:
    """A cluster on this machine, on ports that nobody listens on."""
    probes = [socket.socket() for _ in range(workers)]
    try:
        # All at once: a port that is let go may be given again.
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports = [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
    return [Member(place, workers, f"localhost:{port}") for place, port in enumerate(ports)]


def variables(members: list[Member], place: int) -> dict[str, str]:
    """What tells a process of this machine which of the local members it is."""
    described = {
        "cluster": {"worker": [each.address for each in members]},
        "task": {"type": "worker", "index": place},
    }
    # They would all want all of the GPUs.
    return {VARIABLE: json.dumps(described), "CUDA_VISIBLE_DEVICES": "-1"}
