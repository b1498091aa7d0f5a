"""The TFMA metrics over materialised scores of two models, sliced, against scikit-learn."""

import json

import apache_beam as beam
import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve
from tensorflow_model_analysis.proto.config_pb2 import (
    EvalConfig,
    MetricConfig,
    MetricsSpec,
    ModelSpec,
    SlicingSpec,
)

from components.metrics.table import METRICS
from components.metrics.tfma_metrics import PairMetric, ScoredPairs, _GatherPairs

MODULE = "components.metrics.tfma_metrics"
MODELS = {"candidate": "candidate_score", "baseline": "baseline_score"}
PAIRS = 300


def config(name: str) -> MetricConfig:
    return MetricConfig(class_name="PairMetric", module=MODULE, config=json.dumps({"name": name}))


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    """Scores with ties; the pairs of the slice "mixed" are all impostors."""
    random = np.random.default_rng(0)
    gender = random.choice(["female", "male", "mixed"], PAIRS)
    label = ((random.random(PAIRS) < 0.5) & (gender != "mixed")).astype(np.int64)
    columns = {"label": label, "gender": gender}
    for key, skill in zip(MODELS.values(), (2.0, 1.0), strict=True):
        logit = skill * (label - 0.5) + random.normal(0, 1, PAIRS)
        columns[key] = (1 / (1 + np.exp(-logit))).round(2).astype(np.float32)
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def results(pairs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """TFMA's values in one run: by model, whether difference to the baseline, and slice."""
    metrics = [MetricConfig(class_name="PairCount", module=MODULE), *map(config, METRICS)]
    eval_config = EvalConfig(
        model_specs=[
            ModelSpec(
                name=name,
                model_type="materialized_prediction",
                label_key="label",
                prediction_key=key,
                is_baseline=name == "baseline",
            )
            for name, key in MODELS.items()
        ],
        slicing_specs=[SlicingSpec(), SlicingSpec(feature_keys=["gender"])],
        metrics_specs=[MetricsSpec(metrics=metrics)],
    )
    output = str(tmp_path_factory.mktemp("evaluation"))
    tfma.analyze_raw_data(pairs, eval_config, output_path=output)
    found = {}
    for name in MODELS:
        for slice_key, by_output in tfma.load_eval_result(output, model_name=name).slicing_metrics:
            value = slice_key[0][1] if slice_key else "all"
            found[name, value] = {
                metric: next(iter(number.values())) for metric, number in by_output[""][""].items()
            }
    return found


def expected(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """The same metrics by scikit-learn."""
    fpr, tpr, _ = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    share, mean = calibration_curve(labels, scores, n_bins=15)
    counts, _ = np.histogram(np.ceil(scores * 15), bins=np.arange(0.5, 16))
    same = scores >= 0.5
    (tn, fp), (fn, tp) = sklearn_metrics.confusion_matrix(labels, same, labels=[0, 1])
    return {
        "example_count": len(labels),
        "auc": sklearn_metrics.roc_auc_score(labels, scores),
        "auc_precision_recall": sklearn_metrics.average_precision_score(labels, scores),
        # FPR = 1 - TPR where the two add up to 1, and their sum rises along the curve.
        "eer": np.interp(1, fpr + tpr, fpr),
        "tar_at_far_0.1": tpr[fpr <= 0.1].max(),
        "fmr": fp / (fp + tn),
        "fnmr": fn / (fn + tp),
        "binary_accuracy": sklearn_metrics.accuracy_score(labels, same),
        "precision": sklearn_metrics.precision_score(labels, same),
        "recall": sklearn_metrics.recall_score(labels, same),
        "f1": sklearn_metrics.f1_score(labels, same),
        "brier_score": sklearn_metrics.brier_score_loss(labels, scores),
        "expected_calibration_error": (counts[counts > 0] * np.abs(share - mean)).sum()
        / len(labels),
    }


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("part", ["all", "female", "male"])
def test_agrees_with_scikit_learn_by_model_and_slice(pairs, results, model, part):
    chosen = pairs if part == "all" else pairs[pairs.gender == part]
    labels, scores = chosen.label.to_numpy(), chosen[MODELS[model]].to_numpy(np.float64)
    found = results[model, part]
    wanted = expected(labels, scores)
    assert set(METRICS) - set(wanted) == {"tar_at_far_0.01", "tar_at_far_0.001"}
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    # Fewer than 1,000 impostor pairs cannot show a FAR of 0.001.
    assert np.isnan(float(found["tar_at_far_0.001"]))


def test_a_slice_without_genuine_pairs_has_the_metrics_that_need_none(pairs, results):
    found = results["candidate", "mixed"]
    defined = {name for name in METRICS if not np.isnan(float(found[name]))}
    calibration = {"brier_score", "expected_calibration_error"}
    assert defined == calibration | {"binary_accuracy", "fmr", "f1"}
    scores = pairs[pairs.gender == "mixed"].candidate_score.to_numpy(np.float64)
    assert found["brier_score"] == pytest.approx(np.mean(scores**2), abs=1e-12)


def test_the_candidate_is_compared_with_the_baseline(results):
    candidate, baseline = results["candidate", "all"], results["baseline", "all"]
    for name in ("auc", "eer", "tar_at_far_0.1", "brier_score"):
        difference = candidate[name] - baseline[name]
        assert candidate[f"{name}_diff"] == pytest.approx(difference, abs=1e-12)
    assert "eer_diff" not in baseline


def test_a_single_model_needs_no_name(pairs, tmp_path):
    eval_config = EvalConfig(
        model_specs=[ModelSpec(label_key="label", prediction_key="candidate_score")],
        slicing_specs=[SlicingSpec()],
        metrics_specs=[MetricsSpec(metrics=[config("eer")])],
    )
    found = tfma.analyze_raw_data(pairs, eval_config, output_path=str(tmp_path))
    wanted = expected(pairs.label.to_numpy(), pairs.candidate_score.to_numpy(np.float64))["eer"]
    value = found.get_metrics_for_all_slices()[()]["eer"]["doubleValue"]
    assert value == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    "extracts",
    [
        {"labels": np.array([1]), "predictions": None},
        {"labels": np.array([1]), "predictions": np.array([0.2, 0.8])},
        {"labels": np.array([]), "predictions": np.array([])},
        {"labels": np.array([0, 1, 1]), "predictions": np.array([0.2, 0.8])},
        {"labels": np.array([0.5]), "predictions": np.array([0.2])},
        {"labels": np.array([1]), "predictions": np.array([b"0.2"])},
    ],
)
def test_a_pair_without_one_label_and_one_score_is_refused(extracts):
    gather = _GatherPairs(tfma.metrics.MetricKey("pairs"))
    element = tfma.metrics.StandardMetricInputs(extracts)
    with pytest.raises(ValueError, match="check label_key and prediction_key"):
        gather.add_input(gather.create_accumulator(), element)


def test_an_extract_may_hold_many_pairs():
    gather = _GatherPairs(tfma.metrics.MetricKey("pairs"))
    element = tfma.metrics.StandardMetricInputs(
        {"labels": np.array([[1], [0]]), "predictions": np.array([[0.75], [0.25]], np.float32)}
    )
    gathered = gather.add_input(gather.create_accumulator(), element)
    assert gathered.labels.tolist() == [1, 0]
    assert gathered.scores.tolist() == [0.75, 0.25]


def test_gathered_pairs_survive_the_way_between_workers():
    parts = [ScoredPairs(), ScoredPairs(), ScoredPairs()]
    parts[0].scores.extend([0.1, 0.2])
    parts[0].labels.extend([0, 1])
    parts[2].scores.append(0.3)
    parts[2].labels.append(1)
    coder = beam.coders.registry.get_coder(ScoredPairs)
    sent = [coder.decode(coder.encode(part)) for part in parts]
    merged = _GatherPairs(tfma.metrics.MetricKey("pairs")).merge_accumulators(sent)
    assert merged.scores.tolist() == [0.1, 0.2, 0.3]
    assert merged.labels.tolist() == [0, 1, 1]
    # What came in is left as it was.
    assert len(sent[0].scores) == 2


@pytest.mark.parametrize("split_at", [[2], [3], [2, 3]])
def test_more_pairs_than_are_kept_become_a_sketch_however_they_came(split_at):
    labels, scores = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.2, 0.7, 0.8, 0.9])
    parts = []
    for rows in np.split(np.arange(5), split_at):
        parts.append(ScoredPairs(exact_pairs=4))
        parts[-1].add(labels[rows], scores[rows])
    gather = _GatherPairs(tfma.metrics.MetricKey("pairs"), exact_pairs=4)
    merged = gather.merge_accumulators(parts)
    found = merged.sample()
    assert found.counts.tolist() == [1] * 5
    assert (found.tp, found.fp, found.fn, found.tn) == (2, 1, 1, 1)
    # Of the 6 couples of a genuine and an impostor pair, 4 are in order.
    assert METRICS["auc"](found) == pytest.approx(4 / 6)
    kept = ScoredPairs(exact_pairs=5)
    kept.add(labels, scores)
    assert kept.sample().counts is None


def test_metrics_of_a_sketch_agree_with_scikit_learn(pairs, tmp_path):
    # 100 of the 300 pairs are all that is kept.
    of_sketch = [
        MetricConfig(
            class_name="PairMetric",
            module=MODULE,
            config=json.dumps({"name": name, "exact_pairs": 100}),
        )
        for name in METRICS
    ]
    spec = ModelSpec(
        model_type="materialized_prediction",
        label_key="label",
        prediction_key="candidate_score",
    )
    eval_config = EvalConfig(
        model_specs=[spec],
        slicing_specs=[SlicingSpec()],
        metrics_specs=[MetricsSpec(metrics=of_sketch)],
    )
    output = str(tmp_path)
    tfma.analyze_raw_data(pairs, eval_config, output_path=output)
    [(_, by_output)] = tfma.load_eval_result(output).slicing_metrics
    found = {name: next(iter(value.values())) for name, value in by_output[""][""].items()}
    wanted = expected(pairs["label"].to_numpy(), pairs["candidate_score"].to_numpy())
    # Two decimals are kept apart by the sketch, so that only scores themselves are rounded.
    # Pairs of a score of 0.2, at the very edge of a bin of calibration, go into the next one.
    on_edge = pairs["candidate_score"].astype(float).round(2).isin([0.2, 0.4, 0.6, 0.8]).mean()
    calibration = wanted.pop("expected_calibration_error")
    assert found.pop("expected_calibration_error") == pytest.approx(calibration, abs=on_edge)
    for name in found.keys() & wanted.keys():
        assert found[name] == pytest.approx(wanted[name], abs=2**-11), name
    # At a smaller FAR, 200 impostor pairs show nothing.
    assert sorted(found.keys() - wanted.keys()) == ["tar_at_far_0.001", "tar_at_far_0.01"]


def test_a_name_that_is_not_in_the_table_is_refused():
    with pytest.raises(ValueError, match="there is no metric 'err'; choose one of binary_accuracy"):
        PairMetric("err")


def test_example_weights_are_refused():
    with pytest.raises(ValueError, match="does not support example weights"):
        PairMetric("eer").computations(example_weighted=True)
