"""Runs PairExampleGen's executor and reads what it wrote."""

import json

import tensorflow as tf
from tfx.types import standard_artifacts

from components.pair_example_gen import executor


def run_without_table(config, folder, context=None):
    return run_with_table(config.model_copy(update={"images_in_memory": 0}), folder, context)


def run_with_table(config, folder, context=None):
    artifacts = {}
    for key in ("images", "pairs"):
        artifact = standard_artifacts.Examples()
        artifact.uri = str(folder / key)
        (folder / key).mkdir(parents=True)
        artifacts[key] = [artifact]
    executor.Executor(context).Do({}, artifacts, {"data_config": config.model_dump_json()})
    return artifacts["images"][0], artifacts["pairs"][0]


def read(artifact, split):
    """All rows of a split, in the order of shards: feature name to its single value."""
    folder = tf.io.gfile.glob(f"{artifact.uri}/Split-{split}/*")
    rows = []
    for record in tf.data.TFRecordDataset(sorted(folder)).as_numpy_iterator():
        row = {}
        for name, feature in tf.train.Example.FromString(record).features.feature.items():
            (row[name],) = getattr(feature, feature.WhichOneof("kind")).value
        rows.append(row)
    return rows


def files(artifact):
    """Every file's path below the artifact, and its bytes."""
    root = artifact.uri
    return {
        path[len(root) :]: tf.io.gfile.GFile(path, "rb").read()
        for folder, _, names in tf.io.gfile.walk(root)
        for path in (f"{folder}/{name}" for name in names)
    }


def summary(artifact):
    with open(f"{artifact.uri}/summary.json") as file:
        return json.load(file)
