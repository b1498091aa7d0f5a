"""The ways to score pairs that are compared, and what they need. Each runs in its own process.

All imports are above, so none is in a measured time.
"""

import csv
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import apache_beam as beam
import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components import features
from components.artifacts import split_files
from components.local_beam import in_process_pipeline
from components.pair_example_gen import executor as pair_example_gen
from components.pair_example_gen.config import DataConfig
from components.pair_scorer.config import ScoringConfig
from components.pair_scorer.executor import PairScorerExecutor
from components.tfrecords import read_tfrecords
from components.trainer.comparison.comparisons import build_comparison
from components.trainer.config import TrainingConfig
from components.trainer.export.embedder import Embedder
from components.trainer.export.verifier import Verifier, save_verifier
from components.trainer.fitting.siamese import SiameseModel
from components.trainer.run_fn import prepare_function
from components.transform.config import ImageConfig
from components.transform.preprocessing import prepare_image, preprocessing_fn

# Of the pairs that are embedded one by one: Keras' own default.
PER_PAIR_BATCH = 32


def make_examples(folder: str, data: dict[str, str]) -> dict[str, Any]:
    """Runs PairExampleGen into ``folder``; returns how many seconds that took."""
    config = DataConfig(
        align=data["align"],
        face="central",
        images=data["images"],
        image_list=data["image_list"],
        split="given",
        # Files are taken again and again.
        max_duplicates_between_splits=1_000_000,
        pairs={"train": 2, "val": 2},
        pair_lists={"test": (data["pair_list"],)},
    )
    output: dict[str, list[Any]] = {key: [examples_in(folder, key)] for key in ("images", "pairs")}
    properties = {"data_config": config.model_dump_json()}
    began = time.perf_counter()
    pair_example_gen.Executor(context_in(folder)).Do({}, output, properties)
    return {"seconds": time.perf_counter() - began}


def make_model(folder: str, image: dict[str, Any], training: dict[str, Any]) -> dict[str, Any]:
    """Exports an untrained network, which is as fast as a trained one.

    Into ``folder``: ``Format-Serving``, the model as Trainer exports it, with Transform's graph;
    and ``network``, which takes pixels.
    """
    image_config = ImageConfig.model_validate(image)
    config = TrainingConfig.model_validate(training)
    keras.utils.set_random_seed(0)
    model = SiameseModel(config, image_config.shape, classes=64)
    embedder = Embedder(model)
    # PLDA is fitted; to what does not matter here.
    vectors = np.random.default_rng(0).normal(size=(2000, embedder.size)).astype(np.float32)
    classes = np.repeat(np.arange(1000, dtype=np.int32), 2)
    comparison = build_comparison(config, lambda: vectors, classes, embedder.size).comparison
    prepare, layer = prepare_function(_transform(folder, image_config), image_config)
    verifier = Verifier(prepare, embedder, comparison, embedder.size, [layer], 1.0)
    save_verifier(verifier, Path(folder, "Format-Serving"), {})
    pixels = tf.TensorSpec([None, *image_config.shape], tf.uint8, name="pixels")
    on_pixels = tf.function(lambda pixels: {"embedding": embedder(pixels)})
    tf.saved_model.save(
        embedder, str(Path(folder, "network")), on_pixels.get_concrete_function(pixels)
    )
    return {"parameters": model.network.count_params()}


def _transform(folder: str, config: ImageConfig) -> tft.TFTransformOutput:
    """The graph that Transform would write; it depends on no data."""
    names = (features.IMAGE_ID, features.IDENTITY, features.IMAGE_ENCODED)
    spec = {name: tf.io.FixedLenFeature([1], tf.string) for name in names}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    row = {name: np.array([b""]) for name in names}

    def prepare(inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
        return preprocessing_fn(inputs, {"image": config.model_dump_json()})

    temporary = str(Path(folder, "temporary"))
    with in_process_pipeline() as pipeline, tft_beam.Context(temp_dir=temporary):
        rows = pipeline | beam.Create([row])
        graph = (rows, metadata) | tft_beam.AnalyzeDataset(prepare)
        _ = graph | tft_beam.WriteTransformFn(str(Path(folder, "transform")))
    return tft.TFTransformOutput(str(Path(folder, "transform")))


def per_pair(
    model: str, image: dict[str, Any], data: dict[str, str], pairs: int, tuned: bool
) -> dict[str, Any]:
    """Decodes and embeds both images of every pair, as scripts that come with papers do.

    A Python generator prepares the images of a pair, one after the other, and ``tf.data`` makes
    batches of what it gives. Loading the model, compiling and the first batches are not measured,
    nor deleting the data set's iterator, which can take seconds (see ``without_autotune``), but
    once and not for each pair.

    Args:
      model: Folder from ``make_model``.
      image: How images are prepared.
      data: From ``write_data_set``.
      pairs: So many of them, drawn at random.
      tuned: Prepare in a compiled graph, and beside the network, which such scripts do not.
    """
    config = ImageConfig.model_validate(image)
    network = tf.saved_model.load(str(Path(model, "network"))).signatures["serving_default"]
    compare = tf.saved_model.load(str(Path(model, "Format-Serving"))).signatures["compare"]
    with open(data["pair_list"], newline="") as file:
        rows = list(csv.reader(file))[1:]
    first = 2 * PER_PAIR_BATCH
    chosen = np.random.default_rng(0).permutation(len(rows))[: pairs + first]
    listed = [rows[at][:2] for at in chosen]

    def prepare(path: tf.Tensor) -> tf.Tensor:
        return prepare_image(tf.io.read_file(path), config)

    if tuned:
        prepare = tf.function(prepare, input_signature=[tf.TensorSpec([], tf.string)])

    def images() -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        for a, b in listed:
            yield prepare(f"{data['images']}/{a}"), prepare(f"{data['images']}/{b}")

    spec = tf.TensorSpec(config.shape, tf.uint8)
    dataset = tf.data.Dataset.from_generator(images, output_signature=(spec, spec))
    dataset = dataset.batch(PER_PAIR_BATCH)
    if tuned:
        dataset = dataset.prefetch(1)
    done, began, ended = -first, 0.0, 0.0
    for a, b in dataset:
        vector_a, vector_b = network(pixels=a)["embedding"], network(pixels=b)["embedding"]
        compare(embedding_a=vector_a, embedding_b=vector_b)["distance"].numpy()
        ended = time.perf_counter()
        done += len(a)
        if done == 0:
            began = ended
    return {"seconds": ended - began, "pairs": done, "images": 2 * done}


def pair_scorer(
    model: str, examples: str, output: str, memory_mb: int | None = None
) -> dict[str, Any]:
    """This pipeline's component, all that its executor does: from loading the model on.

    Args:
      model: Folder from ``make_model``.
      examples: Folder from ``make_examples``.
      output: A folder.
      memory_mb: ``scoring.embedding_memory_mb``; None takes its default.
    """
    artifact = standard_artifacts.Model()
    artifact.uri = model
    inputs: dict[str, list[Any]] = {
        "model": [artifact],
        **{key: [examples_in(examples, key)] for key in ("images", "pairs")},
    }
    outputs: dict[str, list[Any]] = {"scored_pairs": [examples_in(output, "scored_pairs")]}
    scoring = ScoringConfig() if memory_mb is None else ScoringConfig(embedding_memory_mb=memory_mb)
    properties = {"splits": '["test"]', "scoring": scoring.model_dump_json()}
    began = time.perf_counter()
    PairScorerExecutor(context_in(output)).Do(inputs, outputs, properties)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "pairs": _rows(f"{output}/scored_pairs/Split-test"),
        "images": _rows(f"{examples}/images/Split-test"),
    }


def floor(
    model: str,
    image: dict[str, Any],
    examples: str,
    batch: int,
    beside: bool,
    at_most: int | None = None,
) -> dict[str, Any]:
    """Reads, decodes and embeds each image once, and nothing else.

    Loading the model and a first batch, which compiles, are not measured.

    Args:
      model: Folder from ``make_model``.
      image: How images are prepared.
      examples: Folder from ``make_examples``.
      batch: Images a call.
      beside: Decode in threads of ``tf.data`` while the network runs, instead of in its own call.
      at_most: So many images.
    """
    config = ImageConfig.model_validate(image)
    types = {features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string)}
    files = split_files(Path(examples, "images", "Split-test"))
    encoded = read_tfrecords(files).take(at_most or -1)

    def parse(rows: tf.Tensor) -> tf.Tensor:
        return tf.io.parse_example(rows, types)[features.IMAGE_ENCODED]

    if beside:
        network = tf.saved_model.load(str(Path(model, "network"))).signatures["serving_default"]

        def pixels(row: tf.Tensor) -> tf.Tensor:
            file = tf.io.parse_single_example(row, types)[features.IMAGE_ENCODED]
            return prepare_image(file, config)

        dataset = encoded.map(pixels, num_parallel_calls=os.cpu_count()).batch(batch)

        def embed(rows: tf.Tensor) -> np.ndarray:
            return network(pixels=rows)["embedding"].numpy()
    else:
        whole = tf.saved_model.load(str(Path(model, "Format-Serving"))).signatures["embed"]
        dataset = encoded.batch(batch).map(parse)

        def embed(rows: tf.Tensor) -> np.ndarray:
            return whole(image=rows)["embedding"].numpy()

    for rows in islice(dataset, 1):
        embed(rows)
    began = time.perf_counter()
    images = sum(len(embed(rows)) for rows in dataset.prefetch(1))
    return {"seconds": time.perf_counter() - began, "images": images}


def fastest_floor(
    model: str, image: dict[str, Any], examples: str, batches: list[int], images: int
) -> dict[str, Any]:
    """Tries ``floor`` on so many images with each size of a batch, both ways to decode.

    All are tried in turn, twice: one slow second of the machine must not decide.

    Returns:
      ``batch`` and ``beside`` of the fastest, and ``tried``: images a second of each, at its best.
    """
    speeds = defaultdict(list)
    for _ in range(2):
        for batch in batches:
            for beside in (False, True):
                found = floor(model, image, examples, batch, beside, images)
                speeds[batch, beside].append(found["images"] / found["seconds"])
    tried = [(max(each), *way) for way, each in speeds.items()]
    _, batch, beside = max(tried)
    return {"batch": batch, "beside": beside, "tried": tried}


def examples_in(folder: str, key: str) -> standard_artifacts.Examples:
    """The artifact ``key`` of a folder, with all splits."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(Path(folder, key))
    artifact.split_names = artifact_utils.encode_split_names(list(features.SPLITS))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    return artifact


def context_in(folder: str) -> BaseBeamExecutor.Context:
    """What an executor runs in, with its temporary files in a folder."""
    return BaseBeamExecutor.Context(
        beam_pipeline_args=[], tmp_dir=str(Path(folder, "temporary")), unique_id="1"
    )


def _rows(folder: str) -> int:
    return sum(len(batch) for batch in read_tfrecords(split_files(folder)).batch(10_000))
