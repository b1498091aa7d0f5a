"""What blesses a model, through Evaluator over small sets of scored pairs."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from sklearn import metrics as sklearn_metrics
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from components.evaluator.executor import Executor
from components.evaluator.reasons import Reason, missed_thresholds
from pipeline.config import ConfigError, EvaluationConfig
from pipeline.evaluation import build_eval_config

PAIRS = 400
Columns = Mapping[str, np.ndarray]


def scored_pairs(candidate: float, baseline: float | None) -> dict[str, np.ndarray]:
    """Scores of models that tell the classes apart by so much; pairs of "mixed" are all impostors.

    The larger the number, the better the model, since both add to the same noise.
    """
    random = np.random.default_rng(0)
    gender = np.array(["female", "male", "mixed", "male"])[np.arange(PAIRS) % 4]
    genuine = np.select([gender == "female", gender == "male"], [0.25, 0.5])
    label = (random.random(PAIRS) < genuine).astype(np.int64)
    noise = random.normal(0, 1, PAIRS)
    columns = {
        "label": label,
        "gender": gender,
        "pair_set": np.where(np.arange(PAIRS) < 100, "view1", "sampled"),
    }
    for name, skill in (("candidate", candidate), ("baseline", baseline)):
        if skill is not None:
            score = 1 / (1 + np.exp(-(skill * (label - 0.5) + noise)))
            columns[f"{name}_score"] = score.astype(np.float32)
    # On the decision's edge, and "same".
    columns["candidate_score"][:3] = 0.5
    return columns


def write(columns: Columns, folder: Path) -> standard_artifacts.Examples:
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    examples.split_names = artifact_utils.encode_split_names(["test"])
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    (folder / "Split-test").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "Split-test" / "scored_pairs")) as writer:
        for row in zip(*columns.values(), strict=True):
            example = tf.train.Example()
            for name, value in zip(columns, row, strict=True):
                feature = example.features.feature[name]
                match value:
                    case np.str_():
                        feature.bytes_list.value.append(value.encode())
                    case np.floating():
                        feature.float_list.value.append(value)
                    case _:
                        feature.int64_list.value.append(value)
            writer.write(example.SerializeToString())
    return examples


def evaluate(columns: Columns, config: EvaluationConfig, folder: Path) -> tuple[bool, list[Reason]]:
    """Runs Evaluator: whether it blessed the candidate, and why not."""

    def model(name: str) -> standard_artifacts.Model:
        artifact = standard_artifacts.Model()
        artifact.uri = str(folder / name)
        (folder / name / "Format-Serving").mkdir(parents=True)
        return artifact

    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(folder / "evaluation"), str(folder / "blessing")
    inputs = {"examples": [write(columns, folder / "examples")], "model": [model("candidate")]}
    if "baseline_score" in columns:
        inputs["baseline_model"] = [model("baseline")]
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=["--sdk_container_image=local"],
        tmp_dir=str(folder / "tmp"),
        unique_id="1",
    )
    Executor(context).Do(
        inputs,
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "eval_config": proto_utils.proto_to_json(build_eval_config(config, ["gender"])),
            "example_splits": json.dumps(["test"]),
            "module_path": "components.metrics.tfma_extractors",
        },
    )
    reasons = missed_thresholds(evaluation.uri)
    blessed = (folder / "blessing" / "BLESSED").exists()
    assert blessed == (not reasons)
    assert blessed != (folder / "blessing" / "NOT_BLESSED").exists()
    assert json.loads((folder / "blessing" / "blessing.json").read_text()) == {
        "blessed": blessed,
        "reasons": [reason.as_json() for reason in reasons],
    }
    return blessed, reasons


def bounds(*thresholds: dict, **fairness: float) -> EvaluationConfig:
    return EvaluationConfig.model_validate({"thresholds": thresholds, "fairness": fairness})


def test_the_first_model_is_blessed_without_a_baseline_and_measured_exactly(tmp_path):
    columns = scored_pairs(candidate=2, baseline=None)
    config = bounds({"metric": "auc", "min": 0.6, "may_worsen_by": 0.0})
    assert evaluate(columns, config, tmp_path) == (True, [])
    found = {
        slice_key: {name: next(iter(value.values())) for name, value in by_output[""][""].items()}
        for slice_key, by_output in tfma.load_eval_result(
            str(tmp_path / "evaluation")
        ).slicing_metrics
    }
    slices = [("gender", value) for value in ("female", "male", "mixed")]
    slices += [("pair_set", value) for value in ("view1", "sampled")]
    assert set(found) == {(), *((one,) for one in slices)}
    for slice_key, values in found.items():
        rows = np.ones(PAIRS, bool)
        for column, value in slice_key:
            rows &= columns[column] == value
        labels, scores = columns["label"][rows], columns["candidate_score"][rows]
        same = scores >= 0.5
        tn, fp, fn, tp = sklearn_metrics.confusion_matrix(labels, same, labels=[0, 1]).ravel()
        matrix = values["confusion"]["matrices"][0]
        counts = {
            "trueNegatives": tn,
            "falsePositives": fp,
            "falseNegatives": fn,
            "truePositives": tp,
        }
        # TFMA leaves a count of 0 out.
        assert {name: matrix.get(name, 0) for name in counts} == counts
        assert values["example_count"] == rows.sum()
        assert values["binary_accuracy"] == pytest.approx((tp + tn) / rows.sum(), abs=1e-12)
        if labels.any():
            expected = {
                "precision": sklearn_metrics.precision_score(labels, same),
                "recall": sklearn_metrics.recall_score(labels, same),
                "f1": sklearn_metrics.f1_score(labels, same),
                "auc": sklearn_metrics.roc_auc_score(labels, scores),
                "auc_precision_recall": sklearn_metrics.average_precision_score(labels, scores),
                "brier_score": sklearn_metrics.brier_score_loss(labels, scores),
            }
            for name, value in expected.items():
                assert values[name] == pytest.approx(value, abs=1e-7), (slice_key, name)


def test_every_kind_of_missed_bound_is_a_reason(tmp_path):
    columns = scored_pairs(candidate=2, baseline=4)
    config = bounds(
        {"metric": "eer", "max": 0.01},
        {"metric": "recall", "min": 0.0, "slice": {"gender": "mixed"}},
        {"metric": "f1", "min": 0.99, "slice": {"gender": "male", "pair_set": "view1"}},
        {"metric": "precision", "min": 0.1, "slice": {"gender": "robot"}},
        {"metric": "brier_score", "may_worsen_by": 0.001},
        max_fmr_ratio=1.0,
        max_fnmr_ratio=1.0,
        min_pairs=40,
    )
    blessed, reasons = evaluate(columns, config, tmp_path)
    assert not blessed
    found = {(reason.metric, reason.slice): reason for reason in reasons}
    assert set(found) == {
        ("brier_score", "all test pairs"),
        ("eer", "all test pairs"),
        ("fmr_ratio_gender", "all test pairs"),
        (None, "gender:robot"),
        ("f1", "gender:male, pair_set:view1"),
        ("recall", "gender:mixed"),
    }
    # Of the 100 pairs of women fewer than 40 show one person, so the bound on FNMR blocks nothing.
    assert columns["label"][columns["gender"] == "female"].sum() < 40
    assert found["recall", "gender:mixed"].value is None
    brier = found["brier_score", "all test pairs"]
    losses = [
        sklearn_metrics.brier_score_loss(columns["label"], columns[f"{model}_score"])
        for model in ("candidate", "baseline")
    ]
    assert brier.change
    assert brier.value == pytest.approx(losses[0] - losses[1], abs=1e-7)
    assert (brier.min, brier.max) == (None, 0.001)


def test_a_change_for_the_worse_alone_withholds_the_blessing(tmp_path):
    columns = scored_pairs(candidate=2, baseline=4)
    config = bounds({"metric": "auc", "min": 0.6, "may_worsen_by": 0.01})
    blessed, (reason,) = evaluate(columns, config, tmp_path)
    assert not blessed
    assert (reason.metric, reason.change, reason.min, reason.max) == ("auc", True, -0.01, None)
    areas = [
        sklearn_metrics.roc_auc_score(columns["label"], columns[f"{model}_score"])
        for model in ("candidate", "baseline")
    ]
    assert reason.value == pytest.approx(areas[0] - areas[1], abs=1e-12)


def test_a_better_model_is_blessed_over_the_baseline(tmp_path):
    columns = scored_pairs(candidate=4, baseline=2)
    config = bounds(
        {"metric": "auc", "min": 0.6, "may_worsen_by": -0.01},
        {"metric": "eer", "max": 0.4, "may_worsen_by": -0.01},
    )
    assert evaluate(columns, config, tmp_path) == (True, [])


def test_a_slice_of_an_unknown_column_is_refused():
    config = bounds({"metric": "auc", "min": 0.5, "slice": {"age": "old"}})
    with pytest.raises(ConfigError, match=r"names 'age', and the data can be sliced by pair_set, "):
        build_eval_config(config, ["gender"])
