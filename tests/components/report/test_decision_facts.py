"""What the report says of the decision, by hand."""

import numpy as np

from components.report.decision_facts import describe, image_rows
from components.report.scored_pairs import ScoredPairs

DECISION = {
    "threshold": 1.0,
    "objective": {"objective": "max_far", "max_far": 0.01},
    "objective_value": 0.75,
    "basis": "val_pairs",
    "granted_fmr": 0.02,
    "strictest": "blur",
    "calibrated_on": {"people": 18, "couples": 150, "pairs": 300},
    "on": {"noise": {"fmr": 0.1}, "plain": {"fmr": 0.2, "threshold": 3.0}, "blur": {"fmr": 0.3}},
    "warnings": ["it rests on 18 people"],
}


def pairs_of(people: int) -> ScoredPairs:
    """A different pair of every two people, and nothing else."""
    first, second = np.triu_indices(people, 1)
    ones = np.ones(len(first), np.float32)
    return ScoredPairs(
        labels=np.zeros(len(first), np.int64),
        scores=ones,
        distances=ones,
        baseline_scores=None,
        baseline_distances=None,
        identities_a=first.astype(np.bytes_),
        identities_b=second.astype(np.bytes_),
        slices={},
    )


def test_what_was_asked_granted_and_found_stand_side_by_side():
    found = describe(DECISION, pairs_of(60), 0.008, [0.004, 0.012])
    assert (found["asked_fmr"], found["granted_fmr"]) == (0.01, 0.02)
    assert found["test_fmr"] == [0.008, 0.004, 0.012]
    assert (found["basis"], found["people"], found["test_people"]) == ("validation pairs", 18, 60)
    # The interval holds what was asked: nothing to say of it.
    assert found["warnings"] == ["it rests on 18 people"]


def test_more_false_matches_than_asked_are_a_warning_once_chance_cannot_explain_them():
    [_, warning] = describe(DECISION, pairs_of(60), 0.03, [0.011, 0.05])["warnings"]
    assert warning.startswith("asked for an FMR of 0.01, and the test pairs gave 0.03: more than")


def test_no_false_match_among_few_people_is_not_none_at_all():
    found = describe(DECISION, pairs_of(20), 0.0, [0.0, 0.0])
    # 190 couples.
    assert found["test_fmr"] == [0.0, 0.0, 3 / 190]
    assert found["warnings"][1] == "the test pairs show 20 people, too few to show small rates"


def test_without_different_pairs_there_is_no_rate():
    assert describe(DECISION, pairs_of(60), None, None)["test_fmr"] is None


def test_the_images_as_they_are_come_first_and_the_strictest_is_marked():
    rows = image_rows(DECISION)
    assert [row["name"] for row in rows] == ["plain", "blur", "noise"]
    assert [row["strictest"] for row in rows] == [False, True, False]
    assert [row["threshold"] for row in rows] == [3.0, None, None]
