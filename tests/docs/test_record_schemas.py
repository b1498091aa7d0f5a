"""The published schemas are those of what the code writes."""

import json
from typing import Any

import jsonschema
import numpy as np
import pytest

from components.decision.config import DecisionConfig
from components.decision.decide import Published, decide
from components.evaluator.reasons import Reason
from components.metrics.fairness import FairnessConfig
from components.report.scored_pairs import ScoredPairs
from components.report.summary import summarize
from components.val_scorer.calibration_pairs import CalibrationPairs
from pipeline.config import PROJECT


def schema(name: str) -> dict[str, Any]:
    path = PROJECT / "docs" / "schemas" / f"{name}.schema.json"
    return json.loads(path.read_text(encoding="utf-8"))


def check(record: dict[str, Any], name: str) -> None:
    # Through JSON, as it is written.
    content = json.loads(json.dumps(record, allow_nan=False))
    jsonschema.Draft202012Validator(schema(name)).validate(content)


def val_pairs(people: int, images: int = 3) -> CalibrationPairs:
    """All pairs of some people's images; those of one person lie nearer."""
    identities = np.repeat([f"p{number}" for number in range(people)], images)
    a, b = np.triu_indices(len(identities), 1)
    labels = (identities[a] == identities[b]).astype(np.int64)
    rng = np.random.default_rng(0)
    distances = {
        kind: (1.2 - 0.7 * labels + rng.normal(0, 0.2, len(a))).clip(0).astype(np.float32)
        for kind in ("plain", "blur")
    }
    return CalibrationPairs(
        ids=np.array([f"{who}/{row}.jpg" for row, who in enumerate(identities)]),
        identities=identities,
        a=a,
        b=b,
        labels=labels,
        added=np.zeros(len(a), bool),
        distances=distances,
    )


def scored_pairs() -> ScoredPairs:
    pairs = val_pairs(20)
    distances = pairs.distances["plain"]
    scores = (1 / (1 + np.exp(6 * (distances - 0.9)))).astype(np.float32)
    return ScoredPairs(
        labels=pairs.labels,
        scores=scores,
        distances=distances,
        baseline_scores=scores,
        baseline_distances=distances,
        identities_a=pairs.identities[pairs.a].astype(np.bytes_),
        identities_b=pairs.identities[pairs.b].astype(np.bytes_),
        slices={
            "pair_set": np.full(len(scores), b"sampled"),
            "light": np.where(pairs.a % 2 == 0, b"dim", b"bright"),
        },
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"objective": "accuracy"},
        {"objective": "f_beta", "beta": 0.5},
        {"objective": "max_far", "max_far": 0.0001, "when_unreachable": "strictest"},
    ],
    ids=lambda asked: asked["objective"],
)
def test_a_decision(asked: dict[str, Any]) -> None:
    made = decide(val_pairs(12), DecisionConfig(**asked, aged=("blur",)), "cosine")
    check(made.record, "decision")


def test_a_published_decision() -> None:
    made = decide(
        val_pairs(3),
        DecisionConfig(aged=("blur",)),
        "euclidean",
        published=Published("euclidean", 0.6, "its makers"),
    )
    assert made.record["basis"] == "published"
    check(made.record, "decision")


@pytest.mark.parametrize("baseline", [True, False])
def test_a_summary(baseline: bool) -> None:
    pairs = scored_pairs()
    if not baseline:
        pairs = ScoredPairs(**{**vars(pairs), "baseline_scores": None, "baseline_distances": None})
    decision = decide(val_pairs(12), DecisionConfig(aged=()), "cosine").record
    found = summarize(pairs, decision, False, ["too bad"], FairnessConfig(max_fmr_ratio=2.0))
    assert found["slices"].keys() == {"light:dim", "light:bright"}
    check(found, "summary")


def test_a_blessing() -> None:
    missed = [
        Reason("eer", "gender:female", value=0.2, max=0.1),
        Reason("auc", "all test pairs", change=True, value=-0.1, min=-0.02),
        Reason(None, "gender:male"),
    ]
    check({"blessed": False, "reasons": [reason.as_json() for reason in missed]}, "blessing")


@pytest.mark.parametrize("name", ["decision", "summary", "blessing"])
def test_a_schema_refuses_what_lacks_a_key(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    with pytest.raises(jsonschema.ValidationError):
        check({}, name)
