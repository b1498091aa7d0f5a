"""Every loss on the same data with the same network and budget, through the whole pipeline.

    python -m benchmarks.losses

Prints a line for each, of the test pairs of one list. What the columns mean is in
``docs/benchmarks.md``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.scoring import say
from components.trainer.losses import LOSSES
from pipeline.config import OVERRIDE_PREFIX, PROJECT, load_config
from pipeline.launcher.records import last_run

COLUMNS = ("binary_accuracy", "precision", "recall", "eer", "auc", "tar_at_far_0.01")
TITLES = ("accuracy", "precision", "recall", "EER", "AUC", "TAR@1%", "images/s")


def overrides(loss: str, seed: int, runs: Path) -> dict[str, str]:
    """The environment in which a config trains with another loss, apart from its own runs.

    All are compared by what the config says, but ``binary``, whose comparison is what it learns.
    """
    values = {
        "RUNS_DIR": str(runs),
        "SERVING__BASE_DIR": str(runs / "models"),
        "TRAINING__LOSS": loss,
        "TRAINING__SEED": str(seed),
    }
    if loss == "binary":
        values["TRAINING__COMPARISON"] = "sigmoid"
    return {f"{OVERRIDE_PREFIX}{key}": value for key, value in values.items()}


def run(config_path: Path, environment: dict[str, str]) -> tuple[dict[str, Any], float]:
    """Runs the pipeline.

    Returns:
      Its summary, and the images a second of training, the median of all epochs.

    Raises:
      SystemExit: The pipeline failed; it has said why.
    """
    command = [sys.executable, "-m", "pipeline.faceauth", "run", "--config", str(config_path)]
    finished = subprocess.run(
        command, env={**os.environ, **environment}, stdout=sys.stderr, stdin=subprocess.DEVNULL
    )
    if finished.returncode:
        raise SystemExit(finished.returncode)
    config = load_config(config_path, {**os.environ, **environment})
    record = last_run(config.metadata_path)
    summary = record.summary() if record else None
    logs = record.artifact("ModelRun") if record else None
    if summary is None or logs is None:
        raise SystemExit(f"the run of {config_path} left no summary in {config.runs_dir}")
    history = json.loads((PROJECT / logs.uri / "training.json").read_text())["history"]
    return summary, statistics.median(history["images_per_second"])


def row(name: str, measured: dict[str, Any], speed: float) -> str:
    """A line of the table."""
    cells = [f"{100 * measured[key]:.1f}" for key in COLUMNS]
    return " ".join([f"{name:<16}", *(f"{cell:>9}" for cell in (*cells, f"{speed:,.0f}"))])


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.losses", description="Every loss through the pipeline."
    )
    parser.add_argument("--config", type=Path, default=Path("pipeline/configs/lfw.yaml"))
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), choices=list(LOSSES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--pair-set", default="pairsDevTest", help="the list that is measured")
    parser.add_argument("--runs", type=Path, default=Path("runs/losses"))
    options = parser.parse_args(argv)
    lines = []
    for loss in options.losses:
        for seed in options.seeds:
            say(f"{loss}, seed {seed}")
            summary, speed = run(options.config, overrides(loss, seed, options.runs.absolute()))
            measured = summary["pair_sets"].get(options.pair_set)
            if measured is None:
                lists = ", ".join(summary["pair_sets"])
                raise SystemExit(f"no pair list {options.pair_set!r} was measured, but {lists}")
            lines.append(row(f"{loss}, {seed}", measured, speed))
            say(lines[-1])
    print(" ".join([f"{'loss, seed':<16}", *(f"{title:>9}" for title in TITLES)]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
