"""TensorBoard on all runs: ``faceauth tensorboard``.

TensorBoard's projector reads its files only below one plain ``--logdir``. So the folder of the runs
of all configs is that: TensorBoard finds the event files of every Trainer (curves) and every Report
(test measures, embeddings of test images) below it.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from pipeline.config import load_config
from pipeline.errors import CommandError


def show(given: argparse.Namespace) -> NoReturn:
    """Becomes TensorBoard, which gets the options that are not ours.

    Raises:
        CommandError: There is no run.
    """
    config = load_config(given.config)
    runs, others = config.runs_dir, list(given.others)
    if config.pipeline_root is not None:
        # Its fast loader has a client of its own for buckets, with other credentials.
        runs, others = config.artifacts, ["--load_fast=false", *others]
    elif not Path(runs).is_dir():
        raise CommandError(f"there is no run in {runs}; faceauth run makes one")
    tensorboard = Path(sys.executable).with_name("tensorboard")
    command = [str(tensorboard), "--logdir", runs, *others]
    # TensorBoard imports TensorFlow, which says much that is of no use here.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    os.execve(tensorboard, command, {**quiet, **os.environ})
