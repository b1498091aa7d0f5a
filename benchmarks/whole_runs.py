"""Whole runs of a pipeline on so many photos, for benchmarks that look at what is left of them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.scale_model import TRAIN_SHARE, VAL_SHARE
from components.pair_example_gen.splitting import hash_fraction
from pipeline.config import PROJECT, load_config
from pipeline.launcher.events import SUFFIX


def split_of(person: str) -> str:
    """The split of somebody, by the shares that ``scale_model`` reckons with."""
    fraction = hash_fraction(0, person)
    if fraction < TRAIN_SHARE:
        return "train"
    return "val" if fraction < TRAIN_SHARE + VAL_SHARE else "test"


def run_pipeline(config: Path, folder: Path, settings: Mapping[str, str], what: str) -> Path:
    """Runs a pipeline; returns its folder.

    Args:
      config: Its config.
      folder: For all that it leaves.
      settings: Environment variables that override the config; others of their kind are dropped.
      what: To be told.

    Raises:
      RuntimeError: It failed.
    """
    given = {
        **settings,
        "FACEAUTH__RUNS_DIR": str(folder / "runs"),
        "FACEAUTH__SERVING__BASE_DIR": str(folder / "models"),
    }
    clean = {name: text for name, text in os.environ.items() if not name.startswith("FACEAUTH")}
    command = [sys.executable, "-m", "pipeline.faceauth", "run", "--config", str(config)]
    print(f"running {what} ...", file=sys.stderr)
    done = subprocess.run(
        command, cwd=PROJECT, env={**clean, **given}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the run of {what} failed:\n{done.stdout[-3000:]}")
    return load_config(config, given).root


def events_of(root: Path) -> list[dict[str, Any]]:
    """The events of the last run in a pipeline's folder; the last one has the costs."""
    log = max((root / "logs").glob(f"*{SUFFIX}"))
    return [json.loads(line) for line in log.read_text().splitlines()]
