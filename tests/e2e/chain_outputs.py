"""What a run left, in a form in which two runs can be compared."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.local_copies import local_folder
from pipeline.config import PipelineConfig
from pipeline.launcher.records import last_run


def numbers(model: str | Path) -> dict[str, bytes]:
    """The numeric variables of a SavedModel."""
    reader = tf.train.load_checkpoint(f"{model}/variables/variables")
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {
        name: value.tobytes()
        for name, value in values.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
    }


def records(folder: Path) -> list[dict[str, Any]]:
    """The rows of an Examples artifact by split, whatever their order and their files.

    Features are parsed: the fields of a serialised map have no order of their own.
    """
    found = []
    for file in sorted(folder.glob("Split-*/*")):
        packed = "GZIP" if file.suffix == ".gz" else ""
        for content in tf.data.TFRecordDataset(str(file), compression_type=packed):
            features = tf.train.Example.FromString(content.numpy()).features.feature
            row = {name: value.SerializeToString() for name, value in features.items()}
            found.append({"split": file.parent.name, **row})
    return sorted(found, key=lambda row: sorted((name, repr(row[name])) for name in row))


def outputs(config: PipelineConfig) -> dict[str, Any]:
    """The records and the weights of the last run, which came to its end."""
    run = last_run(config.metadata_path)
    assert run is not None
    assert not run.unfinished
    model = run.artifact("Model")
    assert model is not None
    with local_folder(f"{model.uri}/Format-Serving") as folder:
        found: dict[str, Any] = {"model": numbers(folder)}
    for execution in run.executions:
        for artifact in execution.outputs:
            if artifact.type_name == "Examples":
                with local_folder(artifact.uri) as folder:
                    name = f"{execution.node}/{Path(artifact.uri).parent.name}"
                    found[name] = records(Path(folder))
    return found
