"""The summary's numbers, by hand and against scikit-learn."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from components.metrics.bootstrap import bootstrap
from components.metrics.fairness import FairnessConfig
from components.report.scored_pairs import ScoredPairs, read_scored_pairs
from components.report.summary import measure, summarize

DECISION = {
    "threshold": 1.0,
    "objective": {"objective": "accuracy"},
    "objective_value": 0.75,
    "basis": "val_pairs",
    "granted_fmr": None,
    "strictest": "plain",
    "calibrated_on": {"people": 60, "couples": 140, "pairs": 300},
    "warnings": [],
}


def score_of(distances: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(8 * (distances.astype(np.float64) - 1)))).astype(np.float32)


@pytest.fixture(scope="module")
def pairs() -> ScoredPairs:
    """Pairs of 40 people, ten images each; even numbers are women."""
    random = np.random.default_rng(3)
    a = random.integers(0, 40, 3000)
    b = np.where(random.random(3000) < 0.4, a, random.integers(0, 40, 3000))
    labels = (a == b).astype(np.int64)
    distances = random.normal(1.2 - 0.4 * labels, 0.25).clip(0).astype(np.float32)
    worse = random.normal(1.2 - 0.2 * labels, 0.25).clip(0).astype(np.float32)
    gender = np.select([(a % 2 == 0) & (b % 2 == 0), (a % 2) * (b % 2) == 1], ["f", "m"], "mixed")
    return ScoredPairs(
        labels=labels,
        scores=score_of(distances),
        distances=distances,
        baseline_scores=score_of(worse),
        baseline_distances=worse,
        identities_a=a.astype(np.bytes_),
        identities_b=b.astype(np.bytes_),
        slices={
            "pair_set": np.where(np.arange(3000) < 600, b"view1", b"sampled"),
            "gender": gender.astype(np.bytes_),
        },
    )


def test_metrics_by_hand():
    labels = np.array([1, 1, 1, 0, 0])
    distances = np.array([0.5, 0.75, 1.25, 1.0, 1.5], np.float32)
    scores = np.array([0.9, 0.7, 0.3, 0.5, 0.1], np.float32)
    found = measure(labels, scores, distances)
    assert found["confusion"] == {"tp": 2, "fp": 1, "fn": 1, "tn": 1}
    assert (found["pairs"], found["binary_accuracy"]) == (5, 3 / 5)
    assert (found["precision"], found["recall"], found["f1"]) == (2 / 3, 2 / 3, 4 / 6)
    assert (found["fmr"], found["fnmr"]) == (1 / 2, 1 / 3)
    # Of the 3 x 2 couples only 1.25 against 1.0 is the wrong way round.
    assert found["auc"] == 5 / 6
    # Genuine pairs at ranks 1, 2 and 4.
    assert found["auc_precision_recall"] == pytest.approx((1 + 1 + 3 / 4) / 3, abs=1e-15)
    squares = [0.1**2, 0.3**2, 0.7**2, 0.5**2, 0.1**2]
    assert found["brier_score"] == pytest.approx(sum(squares) / 5, abs=1e-7)
    # Two impostor pairs cannot show a FAR below a half.
    assert found["unresolved"] == ["tar_at_far_0.1", "tar_at_far_0.01", "tar_at_far_0.001"]
    assert found["tar_at_far_0.1"] is None


def test_one_class_leaves_undefined_what_needs_both():
    found = measure(np.zeros(4, int), np.full(4, 0.25), np.full(4, 2.0))
    undefined = {name for name, value in found.items() if value is None}
    ranked = {"auc", "auc_precision_recall", "eer"}
    ranked |= {"tar_at_far_0.1", "tar_at_far_0.01", "tar_at_far_0.001"}
    assert undefined == ranked | {"precision", "recall", "f1", "fnmr"}
    assert (found["binary_accuracy"], found["fmr"], found["unresolved"]) == (1, 0, [])


def test_every_group_agrees_with_scikit_learn(pairs):
    found = summarize(pairs, DECISION, True, [])
    groups = {("pair_set", name): group for name, group in found["pair_sets"].items()}
    groups |= {tuple(name.split(":")): group for name, group in found["slices"].items()}
    assert set(groups) == {
        *(("pair_set", name) for name in ("overall", "view1", "sampled")),
        *(("gender", name) for name in ("f", "m", "mixed")),
    }
    for (column, name), group in groups.items():
        rows = pairs.slices[column] == name.encode()
        if name == "overall":
            rows = np.ones(3000, bool)
        _agrees(group, pairs.labels[rows], pairs.scores[rows], pairs.distances[rows])
    _agrees(found["baseline"], pairs.labels, pairs.baseline_scores, pairs.baseline_distances)


def _agrees(group: dict, labels: np.ndarray, scores: np.ndarray, distances: np.ndarray) -> None:
    same = scores >= 0.5
    assert group["pairs"] == len(labels)
    assert group["binary_accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(labels, same))
    tn, fp, fn, tp = sklearn_metrics.confusion_matrix(labels, same, labels=[0, 1]).ravel()
    assert group["confusion"] == {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
    if not labels.any():
        assert group["auc"] is None
        return
    fpr, tpr, _ = sklearn_metrics.roc_curve(labels, -distances, drop_intermediate=False)
    expected = {
        "precision": sklearn_metrics.precision_score(labels, same),
        "recall": sklearn_metrics.recall_score(labels, same),
        "f1": sklearn_metrics.f1_score(labels, same),
        "auc": sklearn_metrics.roc_auc_score(labels, -distances),
        "auc_precision_recall": sklearn_metrics.average_precision_score(labels, -distances),
        "eer": np.interp(1, fpr + tpr, fpr),
        "tar_at_far_0.1": tpr[fpr <= 0.1].max(),
        "tar_at_far_0.01": tpr[fpr <= 0.01].max(),
        "brier_score": sklearn_metrics.brier_score_loss(labels, scores.astype(np.float64)),
    }
    for name, value in expected.items():
        assert group[name] == pytest.approx(value, abs=1e-12), name
    assert (group["tar_at_far_0.001"] is None) == ((labels == 0).sum() < 1000)


def test_intervals_are_those_of_the_bootstrap_over_identities(pairs):
    found = summarize(pairs, DECISION, True, [])
    overall = found["pair_sets"]["overall"]
    intervals = overall["intervals"]
    expected = bootstrap(
        pairs.distances, pairs.labels, pairs.identities_a, pairs.identities_b, 1.0, seed=0
    )
    for name in (
        "binary_accuracy",
        "precision",
        "recall",
        "eer",
        "auc",
        "tar_at_far_0.01",
        "fmr",
        "fnmr",
    ):
        assert intervals[name] == [expected[name].low, expected[name].high]
        assert intervals[name][0] < overall[name] < intervals[name][1]
    view1 = found["pair_sets"]["view1"]
    assert "tar_at_far_0.001" in view1["unresolved"]
    assert view1["intervals"]["tar_at_far_0.001"] is None


def test_fairness_says_which_groups_and_which_bound(pairs):
    config = FairnessConfig(max_fmr_ratio=1.0, min_pairs=100)
    gender = summarize(pairs, DECISION, True, [], config)["fairness"]["gender"]
    named = {group["value"]: group for group in gender["groups"]}
    rates = {}
    for value in ("f", "m"):
        rows = (pairs.slices["gender"] == value.encode()) & (pairs.labels == 0)
        rates[value] = float((pairs.scores[rows] >= 0.5).mean())
        assert named[value]["fmr"] == rates[value]
    assert gender["fmr"]["worst"] == max(rates, key=rates.__getitem__)
    assert gender["fmr"]["ratio"] == max(rates.values()) / min(rates.values())
    assert (gender["fmr"]["max"], gender["fmr"]["kept"]) == (1.0, False)
    assert (gender["fnmr"]["max"], gender["fnmr"]["kept"]) == (None, None)


def test_groups_that_are_too_small_say_so(pairs):
    config = FairnessConfig(max_fmr_ratio=1.0, min_pairs=10_000)
    gender = summarize(pairs, DECISION, True, [], config)["fairness"]["gender"]
    assert gender["too_small"] == ["f", "m"]
    assert (gender["fmr"]["ratio"], gender["fmr"]["kept"]) == (None, None)
    assert gender["fmr"]["note"] == "0 of 2 groups have 10000 impostor pairs"


def test_the_summary_is_strict_json_and_keeps_what_was_decided(pairs):
    found = summarize(pairs, DECISION, False, ["auc is too low"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["blessed"], found["reasons"]) == (False, ["auc is too low"])
    assert (
        found["threshold"].items()
        >= {
            "distance": 1.0,
            "objective": "accuracy",
            "value": 0.75,
            "basis": "validation pairs",
            "people": 60,
            "asked_fmr": None,
            "test_people": 40,
        }.items()
    )
    assert found["threshold"]["test_fmr"][0] == found["pair_sets"]["overall"]["fmr"]


def test_scored_pairs_are_read_back_with_and_without_a_baseline(tmp_path: Path):
    strings = {"identity_a": b"Ann", "identity_b": b"Bob", "pair_set": b"sampled"}
    numbers = {"candidate_score": 0.25, "candidate_distance": 1.5}
    baseline = {"baseline_score": 0.75, "baseline_distance": 0.5}
    for name, floats in (("with", numbers | baseline), ("without", numbers)):
        example = tf.train.Example()
        example.features.feature["label"].int64_list.value.append(0)
        for key, value in strings.items():
            example.features.feature[key].bytes_list.value.append(value)
        for key, number in floats.items():
            example.features.feature[key].float_list.value.append(number)
        (tmp_path / name).mkdir()
        with tf.io.TFRecordWriter(str(tmp_path / name / "pairs")) as writer:
            writer.write(example.SerializeToString())
    found = read_scored_pairs(tmp_path / "with", ["pair_set"])
    assert (found.labels.tolist(), found.scores.tolist(), found.distances.tolist()) == (
        [0],
        [0.25],
        [1.5],
    )
    assert (found.identities_a.tolist(), found.identities_b.tolist()) == ([b"Ann"], [b"Bob"])
    assert found.slices["pair_set"].tolist() == [b"sampled"]
    assert found.baseline_scores is not None
    assert found.baseline_distances is not None
    assert (found.baseline_scores.tolist(), found.baseline_distances.tolist()) == ([0.75], [0.5])
    assert read_scored_pairs(tmp_path / "without", ["pair_set"]).baseline_scores is None
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no TFRecord file"):
        read_scored_pairs(tmp_path / "empty", [])
