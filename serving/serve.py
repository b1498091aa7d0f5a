"""``faceauth serve``: TensorFlow Serving in Docker where there is one, else the local server."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

from serving.tf_serving.labels import (
    CONFIG_NAME,
    next_labels,
    read_labels,
    render,
    served_versions,
    write,
)

_COMPOSE: Final = Path(__file__).parent / "tf_serving" / "docker-compose.yaml"
_LOCAL_CONFIG: Final = "models.local.config"


def docker_works() -> bool:
    """Returns whether there is a Docker that answers and knows ``compose``."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    for command in ([docker, "info"], [docker, "compose", "version"]):
        try:
            done = subprocess.run(command, capture_output=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        if done.returncode != 0:
            return False
    return True


def command(models: Path, use_docker: bool) -> list[str]:
    """Writes what the server reads, and returns the command that starts it.

    Args:
        models: The folder pushes go to; Docker always takes this project's own.
        use_docker: Which server.

    Raises:
        LabelError: Nothing is pushed yet.
    """
    config = models / CONFIG_NAME
    labels = next_labels(served_versions(models), read_labels(config))
    write(config, render(labels))
    if use_docker:
        return ["docker", "compose", "--file", str(_COMPOSE), "up"]
    local = models / _LOCAL_CONFIG
    write(local, render(labels, base_path=str((models / "faceauth").resolve())))
    return [sys.executable, "-m", "serving.local_server", "--model_config_file", str(local)]


def run(given: argparse.Namespace) -> NoReturn:
    """Becomes the server of what is pushed.

    Raises:
        LabelError: Nothing is pushed yet.
    """
    start = command(given.models, use_docker=not given.local and docker_works())
    sys.stdout.flush()
    os.execvp(start[0], start)
