"""Starts TensorBoard on all runs: what ``make tensorboard`` calls.

TensorBoard's projector reads its files only below one plain ``--logdir``. So the folder of the runs
of all configs is that: TensorBoard finds the event files of every Trainer (curves) and every Report
(test measures, embeddings of test images) below it. Options that are not ours go to TensorBoard.
"""

import argparse
import os
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Start TensorBoard on all runs, beside those of this config those of all others."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.show_tensorboard", description=main.__doc__
    )
    parser.add_argument("config", type=Path, help="the pipeline's config file")
    args, others = parser.parse_known_args(argv)

    from pipeline.config import ConfigError, load_config

    try:
        config = load_config(args.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if not Path(config.runs_dir).is_dir():
        print(
            f"no run in {config.runs_dir}; `make run CONFIG={args.config}` makes one",
            file=sys.stderr,
        )
        return 1
    tensorboard = Path(sys.executable).with_name("tensorboard")
    command = [str(tensorboard), "--logdir", config.runs_dir, *others]
    # TensorBoard imports TensorFlow, which says much that is of no use here.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    os.execve(tensorboard, command, {**quiet, **os.environ})


if __name__ == "__main__":
    sys.exit(main())
