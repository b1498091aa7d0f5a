"""What a pipeline tells the driver that runs it."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from tfx.dsl.io import fileio


def told_by(
    make_pipeline: Callable[[], Any], path: str, steps: Callable[[Any], Any]
) -> Iterator[Any]:
    """Runs a pipeline; yields what its last step gives.

    Args:
      make_pipeline: Makes a pipeline, which is run when its context is left.
      path: A file for it: not every runner hands results back to where a pipeline is built.
      steps: Adds the steps to the pipeline; returns the last, which gives JSON as text.
    """
    fileio.makedirs(os.path.dirname(path))
    with make_pipeline() as pipeline:
        _ = steps(pipeline) | "Told" >> beam.io.WriteToText(
            path, num_shards=1, shard_name_template=""
        )
    with fileio.open(path) as lines:
        yield from map(json.loads, lines)
