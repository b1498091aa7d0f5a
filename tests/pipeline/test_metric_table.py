"""The table of metrics: a metric is one entry, and its name is the same everywhere."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto.config_pb2 import MetricDirection

from components.metrics.table import METRICS, Metric, PairSample
from components.report.content import headlines
from components.report.scored_pairs import ScoredPairs
from components.report.summary import measure, summarize
from pipeline.config import EvaluationConfig, Threshold, parse_config
from pipeline.evaluation import build_eval_config
from pipeline.launcher.summary import verification_lines

LABELS = np.array([1, 1, 1, 0, 0])
# Two genuine pairs accepted and one impostor pair.
SCORES = np.array([0.9, 0.8, 0.2, 0.7, 0.1], np.float32)
DECISION = {
    "threshold": 0.5,
    "objective": {"objective": "accuracy"},
    "objective_value": 0.6,
    "basis": "val_pairs",
    "granted_fmr": None,
    "strictest": "plain",
    "calibrated_on": {"people": 3, "couples": 3, "pairs": 5},
    "warnings": [],
}


def summary() -> dict[str, Any]:
    pairs = ScoredPairs(
        labels=LABELS,
        scores=SCORES,
        distances=1 - SCORES,
        baseline_scores=None,
        baseline_distances=None,
        identities_a=np.array([b"Ann", b"Bob", b"Cid", b"Ann", b"Bob"]),
        identities_b=np.array([b"Ann", b"Bob", b"Cid", b"Bob", b"Cid"]),
        slices={"pair_set": np.full(5, b"sampled")},
    )
    return summarize(pairs, DECISION, True, [])


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Metric:
    """The share of the accepted pairs that are impostors: 1 of 3 above."""
    entry = Metric(
        "false_discovery_rate",
        "False discovery rate (FDR)",
        lambda pairs: pairs.fp / (pairs.tp + pairs.fp) if pairs.tp + pairs.fp else float("nan"),
        higher_is_better=False,
        needs=(0, 1),
        shown=("columns", "intervals"),
    )
    monkeypatch.setitem(METRICS, entry.name, entry)
    return entry


def evaluation(added: Metric) -> EvaluationConfig:
    tree = {"metric": added.name, "max": 0.25, "may_worsen_by": 0.125}
    return parse_config(
        {"name": "x", "data": {"images": "/x"}, "evaluation": {"thresholds": [tree]}}, "x.yaml", {}
    ).evaluation


def test_an_entry_can_gate_and_tfma_measures_it(added: Metric, tmp_path: Path) -> None:
    config = build_eval_config(evaluation(added), [])
    metrics = config.metrics_specs[0].metrics
    [metric] = [each for each in metrics if added.name in each.config]
    [gate] = metric.per_slice_thresholds
    assert gate.threshold.value_threshold.upper_bound.value == 0.25
    assert gate.threshold.change_threshold.absolute.value == 0.125
    assert gate.threshold.change_threshold.direction == MetricDirection.LOWER_IS_BETTER

    # Outside of Evaluator, TFMA takes no bound on a change.
    del metric.per_slice_thresholds[:]
    columns = {"label": LABELS, "candidate_score": SCORES, "baseline_score": SCORES[::-1].copy()}
    frame = pd.DataFrame({**columns, "pair_set": "sampled"})
    tfma.analyze_raw_data(frame, config, output_path=str(tmp_path))
    for model, value in (("candidate", 1 / 3), ("baseline", 2 / 3)):
        found = tfma.load_eval_result(str(tmp_path), model_name=model)
        measured = found.get_metrics_for_all_slices()[()]
        assert measured[added.name] == {"doubleValue": pytest.approx(value, abs=1e-15)}


def test_an_entry_is_in_summary_intervals_report_and_screen(added: Metric) -> None:
    found = summary()
    overall = found["pair_sets"]["overall"]
    assert overall[added.name] == 1 / 3
    low, high = overall["intervals"][added.name]
    assert 0 <= low <= 1 / 3 <= high <= 1
    content: Any = SimpleNamespace(overall=overall, summary=found)
    content.curve = SimpleNamespace(impostors=2)
    row = headlines(content)[-1]
    assert (row.metric.title, row.value, row.low) == ("False discovery rate (FDR)", 1 / 3, low)
    lines = verification_lines(found)
    assert lines[1].split()[:-4] == [
        *("pairs", "binary_accuracy", "precision", "recall", "auc"),
        added.name,
    ]
    assert any(line.split()[:2] == [added.name, "0.3333"] for line in lines)


def test_the_summary_has_the_names_that_thresholds_have() -> None:
    group = summary()["pair_sets"]["overall"]
    measured = set(group) - {"pairs", "confusion", "unresolved", "intervals"}
    assert measured == set(METRICS)
    assert set(group["intervals"]) <= measured
    for name in measured:
        assert Threshold(metric=name, min=0.5).metric == name
    evaluated = build_eval_config(EvaluationConfig(), []).metrics_specs[0].metrics
    named = {json.loads(each.config)["name"] for each in evaluated}
    assert named == measured | {"confusion", "example_count"}


@pytest.mark.parametrize(
    ("labels", "undefined"),
    [
        ([1, 1, 1, 1, 1], {"auc", "eer", "auc_precision_recall", "fmr"}),
        ([0, 0, 0, 0, 0], {"auc", "eer", "auc_precision_recall", "fnmr", "precision", "recall"}),
    ],
)
def test_what_needs_a_class_that_is_missing_is_undefined(
    labels: list[int], undefined: set[str]
) -> None:
    sample = PairSample.of(labels, SCORES, 1 - SCORES)
    limits = {"tar_at_far_0.1", "tar_at_far_0.01", "tar_at_far_0.001"}
    assert {name for name, metric in METRICS.items() if np.isnan(metric(sample))} == (
        undefined | limits
    )
    # Too few is said of a class that is there.
    assert measure(np.array(labels), SCORES, 1 - SCORES)["unresolved"] == []


@pytest.mark.parametrize(("far", "fewest"), [("0.1", 10), ("0.01", 100), ("0.001", 1000)])
def test_a_far_needs_as_many_impostor_pairs_as_show_it(far: str, fewest: int) -> None:
    metric = METRICS[f"tar_at_far_{far}"]
    for impostors in (fewest - 1, fewest):
        distances = np.arange(impostors + 1, dtype=np.float32)
        sample = PairSample.of([1] + [0] * impostors, np.ones(impostors + 1), distances)
        assert metric.resolved(sample) == (impostors == fewest)
        assert np.isnan(metric(sample)) == (impostors < fewest)
