"""The whole chain on a tiny data set through the real ``tfx`` command, in five runs.

1. A model that learns: blessed and pushed.
2. The same again: everything from the cache, nothing pushed.
3. A model that sees only the centre of the images, where nothing is to be seen, on the other
   engine: compared with the first, not blessed, not pushed. All before Trainer is from the cache.
4. The first again, on other test images and other test pairs.
5. That again, decided for another objective: nothing is trained.

Each run starts TFX twice, which takes most of its time, so all tests share the five.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_faces

from components.exported_model import NETWORK_KEY
from pipeline.config import PROJECT, PipelineConfig, load_config
from pipeline.launcher.records import RunRecord, last_run

pytestmark = pytest.mark.e2e

FACEAUTH = (sys.executable, "-m", "pipeline.faceauth")

CONFIG = """
name: tiny
runs_dir: {folder}/runs
data:
  align: none
  images: {folder}/faces
  image_list: {folder}/faces/images.csv
  split: given
  pairs: {{train: 100, val: 160, test: 240}}
image: {{size: 24, channels: 3}}
training:
  sampler: identities
  identities_per_batch: 8
  network: {{name: cnn, width: 8, embedding_size: 8, dropout: 0.0}}
  augmentation: {{cutout: 0.0, gamma: 0.0}}
  optimizer: {{ema: 0.0}}
  epochs: 2
  steps_per_epoch: 10
evaluation:
  thresholds:
    - {{metric: binary_accuracy, min: 0.8}}
    - {{metric: binary_accuracy, slice: {{light: bright}}, may_worsen_by: 0.2}}
serving: {{base_dir: {folder}/models}}
"""

DATA = (
    "PairExampleGen",
    *(
        f"{component}-{kind}"
        for component in ("StatisticsGen", "ImportSchemaGen", "ExampleValidator", "AnomalyGate")
        for kind in ("images", "pairs")
    ),
    "Transform",
)
TRAINED = ("Trainer", "ValScorer")
DECIDED = ("Decision", "PairScorer", "Evaluator", "Report", "ServingCheck", "Pusher")
MODEL = (*TRAINED, *DECIDED)
# A resolver has no cache: it looks again each time, and finds the same.
RESOLVERS = ("Baseline", "DataBefore-images")


@dataclass
class Run:
    """What one run left behind."""

    screen: str
    record: RunRecord
    pushed: dict[str, int]  # Each version's folder and the time it was written, in ns.

    @property
    def states(self) -> dict[str, str]:
        return {each.node: each.state for each in self.record.executions}

    @property
    def summary(self) -> dict[str, Any]:
        summary = self.record.summary()
        assert summary is not None
        return summary

    def output(self, node: str, type_name: str) -> list[Path]:
        [execution] = [each for each in self.record.executions if each.node == node]
        return [Path(each.uri) for each in execution.outputs if each.type_name == type_name]


def inherited() -> dict[str, str]:
    """This process's environment, without what changes a config."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FACEAUTH")}


class Chain:
    """Runs the pipeline in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image_list = tiny_faces.write(folder / "faces")
        self.path = folder / "tiny.yaml"
        self.path.write_text(CONFIG.format(folder=folder))

    @property
    def config(self) -> PipelineConfig:
        return load_config(self.path, {})

    def run(self, engine: str, **overrides: str) -> Run:
        finished = subprocess.run(
            [*FACEAUTH, "run", "--config", self.path, "--engine", engine],
            env={**inherited(), **overrides},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
        assert finished.returncode == 0, finished.stdout
        record = last_run(self.config.metadata_path)
        assert record is not None
        return Run(finished.stdout, record, self.versions())

    def versions(self) -> dict[str, int]:
        return {
            version.name: version.stat().st_mtime_ns
            for version in self.config.serving_dir.glob("[!.]*")
        }


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def first(chain: Chain) -> Run:
    return chain.run("local")


@pytest.fixture(scope="module")
def second(chain: Chain, first: Run) -> Run:
    return chain.run("local")


@pytest.fixture(scope="module")
def third(chain: Chain, second: Run) -> Run:
    return chain.run("beam", FACEAUTH__TRAINING__INPUT_SIZE="8")


@pytest.fixture(scope="module")
def fourth(chain: Chain, third: Run) -> Run:
    tiny_faces.redraw(chain.folder / "faces", "test_0")
    return chain.run("local", FACEAUTH__DATA__PAIRS__TEST="200")


@pytest.fixture(scope="module")
def fifth(chain: Chain, fourth: Run) -> Run:
    return chain.run(
        "local",
        FACEAUTH__DATA__PAIRS__TEST="200",
        FACEAUTH__DECISION="{objective: max_far, max_far: 0.01, when_unreachable: strictest}",
    )


@pytest.fixture(scope="module")
def model(chain: Chain, first: Run) -> Any:
    import tensorflow as tf

    [version] = first.pushed
    return tf.saved_model.load(str(chain.config.serving_dir / version))


def rows_of(folder: Path) -> Iterator[dict[str, Any]]:
    """The Examples of a split's folder."""
    import tensorflow as tf

    files = [str(path) for path in sorted(folder.iterdir())]
    for record in tf.data.TFRecordDataset(files).as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        yield {
            name: (value.bytes_list.value or value.int64_list.value or value.float_list.value)[0]
            for name, value in features.items()
        }


def test_the_first_run_computes_everything_and_pushes(chain: Chain, first: Run) -> None:
    assert first.states == dict.fromkeys((*DATA, *RESOLVERS, *MODEL), "COMPLETE")
    [version] = first.pushed
    assert version.isdigit()
    assert first.summary["blessed"] is True
    assert first.summary["reasons"] == []
    assert first.summary["baseline"] is None
    assert "Blessed: every threshold of the evaluation holds." in first.screen
    assert f"Pushed: {chain.config.serving_dir / version}" in first.screen


def test_the_first_run_served_its_model_before_it_was_pushed(chain: Chain, first: Run) -> None:
    [blessing] = first.output("ServingCheck", "InfraBlessing")
    assert (blessing / "INFRA_BLESSED").is_file()
    found = json.loads((blessing / "serving_check.json").read_text())
    assert found["reasons"] == []
    measured = found["measured"]
    assert (measured["warmup_requests"], measured["pairs"]) == (9, 16)
    errors = [value for name, value in measured.items() if name.startswith("largest")]
    assert len(errors) == 4
    assert max(errors) <= 1e-5
    [version] = first.pushed
    extra = chain.config.serving_dir / version / "assets.extra"
    assert (extra / "tf_serving_warmup_requests").is_file()


def test_the_pipeline_is_registered_with_tfx_below_the_runs(chain: Chain, third: Run) -> None:
    for engine in ("local", "beam"):
        home = chain.config.root.parent / "tfx_home" / engine
        known = json.loads((home / "tiny" / "pipeline_args.json").read_text())
        assert Path(known["pipeline_dsl_path"]).name == f"{engine}_runner.py"


def test_nothing_but_the_folders_of_the_config_is_written(chain: Chain, third: Run) -> None:
    assert {path.name for path in chain.folder.iterdir()} == {
        "faces",
        "models",
        "runs",
        "tiny.yaml",
    }


def test_the_screen_stays_free_of_the_noise_of_the_libraries(first: Run, third: Run) -> None:
    for word in ("WARNING", "I0000", "tensorflow/", "Traceback", "oneDNN"):
        assert word not in first.screen
        assert word not in third.screen


def test_the_five_lines_of_the_readme_verify_two_files(
    chain: Chain, first: Run, tmp_path: Path
) -> None:
    readme = (PROJECT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    [lines] = [block for block in blocks if "saved_model.load" in block]
    assert len(lines.splitlines()) == 5
    [version] = first.pushed
    folder = str(chain.config.serving_dir / version)
    lines = lines.replace("serving/models/faceauth/<version>", folder)
    for name, source in (("a", "test_0/0"), ("b", "test_0/1"), ("c", "test_2/0")):
        shutil.copyfile(chain.folder / "faces" / f"{source}.jpg", tmp_path / f"{name}.jpg")
    # In a process and a folder that know nothing of this project.
    finished = subprocess.run(
        [sys.executable, "-c", lines + lines.replace("b.jpg", "c.jpg")],
        cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    told = [line.split() for line in finished.stdout.splitlines()]
    assert [(same, float(score) >= 0.5) for same, score in told] == [
        ("True", True),
        ("False", False),
    ]


def test_the_three_signatures_agree(chain: Chain, model: Any) -> None:
    import tensorflow as tf

    faces = chain.folder / "faces"
    files = [path.read_bytes() for path in sorted((faces).glob("test_*/*.jpg"))]
    assert len(files) == 40
    a, b = tf.constant(files), tf.constant(files[7:] + files[:7])
    embedded = [model.signatures["embed"](image=images)["embedding"] for images in (a, b)]
    assert embedded[0].shape == (40, 8)
    compared = model.signatures["compare"](embedding_a=embedded[0], embedding_b=embedded[1])
    served = model.signatures["serving_default"](image_a=a, image_b=b)
    assert set(served) == set(compared) == {"distance", "score", "same"}
    for name in ("distance", "score"):
        np.testing.assert_allclose(served[name], compared[name], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(served["same"].numpy(), served["score"].numpy() >= 0.5)
    # Both answers occur, so the line above says something.
    assert 0 < np.count_nonzero(served["same"]) < 40


def test_the_decision_in_the_model_is_the_one_it_takes(
    chain: Chain, first: Run, model: Any
) -> None:
    [version] = first.pushed
    path = chain.config.serving_dir / version / "assets.extra" / "decision.json"
    decision = json.loads(path.read_text())
    assert decision["objective"] == {"objective": "accuracy"}
    origin = decision["calibrated_on"]
    assert (origin["split"], origin["pairs"], origin["same"]) == ("val", 160, 80)
    assert re.fullmatch("[0-9a-f]{64}", origin["sha256"])
    low, high = decision["threshold_interval_95"]
    assert low <= high
    assert first.summary["threshold"]["distance"] == decision["threshold"]
    points = np.float32(
        [0, decision["threshold"], np.nextafter(np.float32(decision["threshold"]), 2)]
    )
    # One point on a line, compared with the origin: the distance is where it lies.
    a = np.zeros((3, 8), np.float32)
    a[:, 0] = points
    answer = model.signatures["compare"](embedding_a=a, embedding_b=np.zeros_like(a))
    np.testing.assert_allclose(answer["distance"], points, atol=1e-6)
    np.testing.assert_array_equal(answer["same"], answer["distance"] <= decision["threshold"])


def test_the_numbers_of_the_summary_are_those_of_the_pushed_model(
    chain: Chain, first: Run, model: Any
) -> None:
    import tensorflow as tf

    [pairs] = [path for path in first.output("PairExampleGen", "Examples") if "pairs" in path.parts]
    rows = list(rows_of(pairs / "Split-test"))
    assert len(rows) == 240
    labels = np.array([row["label"] for row in rows])
    files = [
        tf.constant([(chain.folder / "faces" / row[key].decode()).read_bytes() for row in rows])
        for key in ("image_id_a", "image_id_b")
    ]
    answer = model.signatures["serving_default"](image_a=files[0], image_b=files[1])
    same = answer["same"].numpy()
    expected = {
        "tp": int(np.sum(same & (labels == 1))),
        "fp": int(np.sum(same & (labels == 0))),
        "fn": int(np.sum(~same & (labels == 1))),
        "tn": int(np.sum(~same & (labels == 0))),
    }
    overall = first.summary["pair_sets"]["overall"]
    assert overall["confusion"] == expected
    assert overall["binary_accuracy"] == (expected["tp"] + expected["tn"]) / 240
    # The list says which image is bright; the slices must agree with it.
    with chain.image_list.open(newline="") as file:
        light = {row["image"]: row["light"] for row in csv.DictReader(file)}
    both = [(light[row["image_id_a"].decode()], light[row["image_id_b"].decode()]) for row in rows]
    bright = np.array([pair == ("bright", "bright") for pair in both])
    assert first.summary["slices"]["light:bright"]["pairs"] == np.count_nonzero(bright)
    assert first.summary["slices"]["light:bright"]["binary_accuracy"] == np.mean(
        (same == (labels == 1))[bright]
    )


def test_the_numbers_of_the_summary_are_what_scikit_learn_finds(first: Run) -> None:
    from sklearn import metrics

    [scored] = first.output("PairScorer", "Examples")
    rows = list(rows_of(scored / "Split-test"))
    label, score, distance, light = (
        np.array([row[name] for row in rows])
        for name in ("label", "candidate_score", "candidate_distance", "light")
    )
    for numbers, chosen in (
        (first.summary["pair_sets"]["overall"], np.ones(len(rows), bool)),
        (first.summary["slices"]["light:bright"], light == b"bright"),
    ):
        truth, probability, near = label[chosen], score[chosen], -distance[chosen]
        same = probability >= 0.5
        far, tar, _ = metrics.roc_curve(truth, near, drop_intermediate=False)
        expected = {
            "pairs": len(truth),
            "binary_accuracy": metrics.accuracy_score(truth, same),
            "precision": metrics.precision_score(truth, same),
            "recall": metrics.recall_score(truth, same),
            "f1": metrics.f1_score(truth, same),
            "auc": metrics.roc_auc_score(truth, near),
            "auc_precision_recall": metrics.average_precision_score(truth, near),
            "brier_score": metrics.brier_score_loss(truth, probability),
            "eer": np.maximum(far, 1 - tar).min(),
            "tar_at_far_0.1": tar[far <= 0.1].max(),
        }
        assert {name: numbers[name] for name in expected} == pytest.approx(expected, abs=1e-7)


def test_the_same_again_is_all_from_the_cache_and_pushes_nothing(first: Run, second: Run) -> None:
    assert second.states == {
        **dict.fromkeys((*DATA, *MODEL), "CACHED"),
        **dict.fromkeys(RESOLVERS, "COMPLETE"),
    }
    assert second.record.run_id != first.record.run_id
    assert second.pushed == first.pushed
    assert second.record.artifact("Model") == first.record.artifact("Model")
    assert second.summary == first.summary
    assert "Already pushed, nothing changed since" in second.screen
    assert "  Trainer: cached" in second.screen.splitlines()


def test_a_training_value_leaves_all_before_trainer_in_the_cache(second: Run, third: Run) -> None:
    # Also shows that the engines share the cache: the first two runs were the other engine's.
    assert third.states == {
        **dict.fromkeys(DATA, "CACHED"),
        **dict.fromkeys((*RESOLVERS, *MODEL), "COMPLETE"),
    }


def test_a_worse_model_is_neither_blessed_nor_pushed_and_it_is_said_why(
    chain: Chain, first: Run, third: Run
) -> None:
    summary = third.summary
    assert third.pushed == first.pushed
    assert summary["blessed"] is False
    # It was compared with the first run's model, on the same pairs.
    before = first.summary["pair_sets"]["overall"]
    assert summary["baseline"] == {name: before[name] for name in summary["baseline"]}
    assert summary["baseline"]["pairs"] == 240
    accuracy = summary["pair_sets"]["overall"]["binary_accuracy"]
    change = (
        summary["slices"]["light:bright"]["binary_accuracy"]
        - first.summary["slices"]["light:bright"]["binary_accuracy"]
    )
    assert summary["reasons"] == [
        f"binary_accuracy is {accuracy:.4f} on all test pairs; it must be at least 0.8",
        f"binary_accuracy, candidate minus baseline, is {change:.4f} on light:bright; "
        "it must be at least -0.2",
    ]
    assert "Not blessed:" in third.screen
    for reason in summary["reasons"]:
        assert reason in third.screen
    assert "Nothing pushed: the model is not blessed." in third.screen
    [version] = third.pushed
    assert f"Served as before: {chain.config.serving_dir / version}" in third.screen
    # Nor was it served on trial.
    [trial] = third.output("ServingCheck", "InfraBlessing")
    assert {path.name for path in trial.iterdir()} == {"INFRA_NOT_BLESSED", "serving_check.json"}


def decided(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Decision wrote of a run's model: ``decision.json``, and the variables."""
    import tensorflow as tf

    [model] = run.output("Decision", "Model")
    saved = model / "Format-Serving"
    decision = json.loads((saved / "assets.extra" / "decision.json").read_text())
    reader = tf.train.load_checkpoint(str(saved / "variables" / "variables"))
    names = [name for name in reader.get_variable_to_dtype_map() if name[0] != "_"]
    return decision, {name: reader.get_tensor(name) for name in names}


def test_other_test_data_changes_neither_the_threshold_nor_a_weight(
    chain: Chain, first: Run, fourth: Run
) -> None:
    # All was computed anew, and the test pairs gave other numbers.
    assert fourth.states["Trainer"] == "COMPLETE"
    assert fourth.summary["pair_sets"]["overall"]["pairs"] == 200
    assert fourth.summary["pair_sets"]["overall"] != first.summary["pair_sets"]["overall"]
    models = [decided(run) for run in (first, fourth)]
    (decision, weights), (other_decision, other_weights) = models
    assert decision == other_decision
    assert weights.keys() == other_weights.keys()
    for name, value in weights.items():
        # The graph is in the digest, and TensorFlow names its functions anew each time.
        if name != NETWORK_KEY:
            np.testing.assert_array_equal(value, other_weights[name], err_msg=name)


def test_another_objective_trains_nothing_and_changes_the_decision_alone(
    chain: Chain, fourth: Run, fifth: Run
) -> None:
    import tensorflow as tf

    assert fifth.states == {
        **dict.fromkeys((*DATA, *TRAINED), "CACHED"),
        **dict.fromkeys((*RESOLVERS, *DECIDED), "COMPLETE"),
    }
    (before, weights), (after, other_weights) = decided(fourth), decided(fifth)
    changed = {name for name in weights if not np.array_equal(weights[name], other_weights[name])}
    assert changed <= {f"{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in ("threshold", "slope")}
    assert after["objective"] == {"objective": "max_far", "max_far": 0.01}
    # Four val people make six couples, which show a rate of one half and no less.
    assert (after["calibrated_on"]["people"], after["calibrated_on"]["couples"]) == (4, 6)
    assert after["granted_fmr"] == 0.5
    assert after["on"].keys() == {"plain", "blur", "noise", "jpeg", "gamma", "small"}
    thresholds = {name: found["threshold"] for name, found in after["on"].items()}
    assert after["threshold"] == min(thresholds.values()) == thresholds[after["strictest"]]
    assert {found["fmr"] for found in after["on"].values()} == {0.0}
    told = fifth.summary["threshold"]
    assert (told["asked_fmr"], told["granted_fmr"], told["people"]) == (0.01, 0.5, 4)
    assert "FMR asked for: 1 %; shown by the pairs: 50 %; on the test pairs: " in fifth.screen
    # And the model answers by it.
    [model] = fifth.output("Decision", "Model")
    signatures = tf.saved_model.load(str(model / "Format-Serving")).signatures
    a = np.zeros((2, 8), np.float32)
    a[:, 0] = (0.999 * after["threshold"], 1.001 * after["threshold"])
    answer = signatures["compare"](embedding_a=a, embedding_b=np.zeros_like(a))
    assert answer["same"].numpy().tolist() == [True, False]
    assert before["threshold"] != after["threshold"]
