"""The Tuner: its interface, two tiny trials, and how their result reaches the training section."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from striped_faces import SHAPE, config, pairs_of, stripes
from tfx import types
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx.types.standard_component_specs import TunerSpec

from components import features
from components.trainer.component import SiameseTuner
from components.trainer.config import Knob, TrainingConfig, TuningConfig
from components.trainer.executor import SiameseTunerExecutor
from components.trainer.fitting.tuning import EerTuner, search_space
from components.transform.config import ImageConfig

TRAINING = config(
    network={"name": "cnn", "width": 8, "embedding_size": 4, "dropout": 0},
    batch_pairs=16,
    steps_per_epoch=2,
    epochs=9,
)
TUNING = TuningConfig(
    trials=2,
    epochs=1,
    space={
        "optimizer.learning_rate": Knob(min=1e-3, max=1e-2, log=True),
        "network.embedding_size": Knob(values=(4, 8)),
    },
)


def component(training: TrainingConfig = TRAINING) -> SiameseTuner:
    inputs = {
        name: channel_utils.as_channel([standard_artifacts.Examples()])
        for name in ("examples", "pairs")
    }
    image = ImageConfig(size=SHAPE[0], channels=SHAPE[2])
    return SiameseTuner(**inputs, training=training, tuning=TUNING, image=image)


def write(path: Path, rows: list[dict[str, bytes | int]]) -> None:
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            feature = {
                key: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                if isinstance(value, int)
                else tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for key, value in row.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


def examples(uri: Path) -> types.Artifact:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(uri)
    artifact.split_names = artifact_utils.encode_split_names(["train", "val"])
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    return artifact


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> Path:
    """Runs the executor on two small splits."""
    folder = tmp_path_factory.mktemp("tuner")
    for split, identities in (("train", 8), ("val", 6)):
        images = stripes(identities, 4, seed=identities)
        pairs = pairs_of(images, 32)
        write(
            folder / "images" / f"Split-{split}" / "0",
            [
                {
                    features.IMAGE_ID: bytes(image_id),
                    features.IDENTITY: bytes(identity),
                    features.IMAGE_RAW: pixels.tobytes(),
                }
                for image_id, identity, pixels in zip(
                    images.ids, images.people[images.classes], images.pixels, strict=True
                )
            ],
        )
        write(
            folder / "pairs" / f"Split-{split}" / "0",
            [
                {
                    features.IMAGE_ID_A: bytes(images.ids[a]),
                    features.IMAGE_ID_B: bytes(images.ids[b]),
                    features.LABEL: int(label),
                }
                for a, b, label in zip(pairs.a, pairs.b, pairs.labels, strict=True)
            ],
        )
    best, results = standard_artifacts.HyperParameters(), standard_artifacts.TunerResults()
    best.uri, results.uri = str(folder / "best"), str(folder / "results")
    executor = SiameseTunerExecutor(
        SiameseTunerExecutor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")
    )
    executor.Do(
        {"examples": [examples(folder / "images")], "pairs": [examples(folder / "pairs")]},
        {"best_hyperparameters": [best], "tuner_results": [results]},
        dict(component().exec_properties),
    )
    return folder


def test_it_is_the_stock_tuner_with_one_more_input() -> None:
    spec = SiameseTuner.SPEC_CLASS
    assert set(spec.INPUTS) - set(TunerSpec.INPUTS) == {"pairs"}
    assert spec.OUTPUTS == TunerSpec.OUTPUTS
    assert spec.PARAMETERS == TunerSpec.PARAMETERS


def test_the_contents_of_a_file_of_weights_are_part_of_its_properties(tmp_path: Path) -> None:
    file = tmp_path / "x.weights.h5"
    file.write_bytes(b"abc")
    training = TrainingConfig(network={"name": "vgg16", "weights": str(file)})
    given = json.loads(component(training).exec_properties["custom_config"])
    # SHA-256 of "abc", FIPS 180-4.
    assert given["weights_digest"] == "ba7816bf8f01cfea"


def test_two_trials_are_scored_and_the_better_one_is_written(outputs: Path) -> None:
    trials = json.loads((outputs / "results" / "tuner_results.json").read_text())
    best = json.loads((outputs / "best" / "best_hyperparameters.txt").read_text())["values"]
    assert len(trials) == 2
    assert all(0 <= trial["score"] <= 1 for trial in trials)
    lowest = min(trials, key=lambda trial: trial["score"])
    assert best == {key: lowest[key] for key in TUNING.space}
    assert 1e-3 <= best["optimizer.learning_rate"] <= 1e-2
    assert best["network.embedding_size"] in (4, 8)
    # And so they reach Trainer.
    tuned = TRAINING.changed(best)
    assert tuned.optimizer.learning_rate == best["optimizer.learning_rate"]
    assert tuned.network.embedding_size == best["network.embedding_size"]
    assert tuned.epochs == 9


def test_the_space_of_the_config_is_the_space_that_is_searched() -> None:
    found = {each.name: each for each in search_space(TUNING).space}
    rate, size = found["optimizer.learning_rate"], found["network.embedding_size"]
    assert (rate.min_value, rate.max_value, rate.sampling) == (1e-3, 1e-2, "log")
    assert list(size.values) == [4, 8]


def test_one_seed_gives_one_series_of_trials(tmp_path: Path) -> None:
    drawn = []
    for folder in ("a", "b"):
        oracle = EerTuner(TUNING, TRAINING, tmp_path / folder).oracle
        drawn.append([oracle.create_trial(who).hyperparameters.values for who in "xy"])
    assert TRAINING.seed == 0
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


def test_values_go_over_the_config_by_dotted_keys() -> None:
    changed = TrainingConfig().changed({"optimizer.learning_rate": 0.5, "epochs": 2})
    assert (changed.optimizer.learning_rate, changed.epochs) == (0.5, 2)
    assert changed.optimizer.beta_2 == TrainingConfig().optimizer.beta_2
    for key in ("optimiser.learning_rate", "epochs.x", "optimizer.rate"):
        with pytest.raises(ValueError, match=r"no key of the training section|Extra inputs"):
            TrainingConfig().changed({key: 1})


@pytest.mark.parametrize(
    ("knob", "message"),
    [
        ({}, "either min and max, or values"),
        ({"min": 1.0}, "either min and max, or values"),
        ({"min": 1.0, "max": 2.0, "values": (1, 2)}, "either min and max, or values"),
        ({"min": 2.0, "max": 1.0}, "min must be the smaller"),
        ({"min": 0.0, "max": 1.0, "log": True}, "above 0 for log"),
    ],
)
def test_a_knob_that_says_nothing_is_refused(knob: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Knob(**knob)
