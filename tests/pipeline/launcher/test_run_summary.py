import json
from pathlib import Path

import pytest

from pipeline.launcher.records import Artifact, Execution, RunRecord
from pipeline.launcher.summary import (
    blessing_lines,
    decision_lines,
    fairness_lines,
    interval_lines,
    outcome_lines,
    push_lines,
    verification_lines,
)

TABLE = """\
Verification on the test pairs
                           pairs  binary_accuracy  precision  recall     auc  tp  fn  fp  tn
  overall                     20           0.8500     0.8889  0.8000  0.8750   8   2   1   9
  overall, blessed before     20           0.7500     0.7778  0.7000  0.8000   7   3   2   8
  view1                       10           1.0000     1.0000  1.0000  1.0000   5   0   0   5
  sampled                     10           0.7000     0.7500  0.6000  0.7500   3   2   1   4
  gender:female                4           0.5000          -  0.0000       -   0   2   0   2
  tp, fn: one person, recognised or not. fp, tn: two people, taken for one or told apart.
"""


def measured(pairs: int, tp: int, fn: int, fp: int, tn: int, auc: float | None = 0.5) -> dict:
    return {
        "pairs": pairs,
        "binary_accuracy": (tp + tn) / pairs,
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn),
        "auc": auc,
        "confusion": {"tp": tp, "fp": fp, "fn": fn, "tn": tn},
    }


def run_of(*executions: Execution) -> RunRecord:
    return RunRecord("run", 1, 0.0, executions)


def pusher(state: str, **properties: int | str) -> Execution:
    return Execution("Pusher", state, (Artifact("PushedModel", "/runs/pushed/9", properties),))


def test_table_of_pair_sets_baseline_and_slices() -> None:
    summary = {
        "pair_sets": {
            "overall": measured(20, tp=8, fn=2, fp=1, tn=9, auc=0.875),
            "view1": measured(10, tp=5, fn=0, fp=0, tn=5, auc=1.0),
            "sampled": measured(10, tp=3, fn=2, fp=1, tn=4, auc=0.75),
        },
        "slices": {"gender:female": measured(4, tp=0, fn=2, fp=0, tn=2, auc=float("nan"))},
        "baseline": measured(20, tp=7, fn=3, fp=2, tn=8, auc=0.8),
        "threshold": {
            "distance": 0.75,
            "objective": "accuracy",
            "value": 0.9,
            "basis": "validation pairs",
            "people": 12,
        },
    }
    assert verification_lines(summary) == [
        *TABLE.splitlines(),
        "  Decision: same person up to distance 0.7500, chosen for accuracy on 12 people "
        "of the validation pairs (0.9000 there).",
    ]


def test_intervals_and_fairness_in_plain_words() -> None:
    overall = measured(20, tp=8, fn=2, fp=1, tn=9) | {
        "eer": 0.15,
        "intervals": {"binary_accuracy": [0.7, 0.95], "eer": [0.1, 0.21], "tar_at_far_0.1": None},
        "unresolved": ["tar_at_far_0.1"],
    }
    assert interval_lines(overall) == [
        "  Overall, with the 95 % interval over people:",
        "    binary_accuracy  0.8500  0.7000 to 0.9500",
        "    eer              0.1500  0.1000 to 0.2100",
        "    tar_at_far_0.1   -       too few pairs of two people to show it",
    ]
    assert interval_lines(measured(20, tp=8, fn=2, fp=1, tn=9)) == []
    none = {"ratio": None, "at_least": None, "worst": None, "best": None, "max": None, "note": ""}
    compared = none | {"ratio": 2.5, "at_least": 2.5, "worst": "male", "best": "female"}
    flawless = none | {"at_least": 3.0, "note": "male has no error in 300 impostor pairs"}
    gated = none | {"max": 2.0, "note": "1 of 2 groups have 100 genuine pairs"}
    fairness = {
        "gender": {"fmr": compared, "fnmr": gated},
        "age": {"fmr": flawless, "fnmr": none},
        "hair": {"fmr": none, "fnmr": none},
    }
    assert fairness_lines(fairness) == [
        "  gender FMR: 2.50 times as high for male as for female",
        "  gender FNMR: 1 of 2 groups have 100 genuine pairs, so the bound on it blocks nothing",
        "  age FMR: male has no error in 300 impostor pairs",
        "  Groups not compared, for want of pairs or errors: age FNMR, hair FMR, hair FNMR",
    ]


def test_a_false_match_rate_is_told_as_asked_shown_and_found() -> None:
    threshold = {
        "distance": 0.75,
        "objective": "max_far",
        "value": 0.9,
        "basis": "validation pairs",
        "people": 60,
        "strictest": "blur",
        "asked_fmr": 0.001,
        "granted_fmr": 0.0025,
        "test_fmr": [0.002, 0.0005, 0.004],
        "warnings": ["few"],
    }
    assert decision_lines(threshold)[1:] == [
        "    The strictest of all were copies of the images with blur.",
        "    FMR asked for: 0.1 %; shown by the pairs: 0.25 %; "
        "on the test pairs: 0.2 % (95 %: 0.05 % to 0.4 %)",
        "    Note: few.",
    ]
    published = threshold | {"value": None, "basis": "the network's published threshold"}
    assert decision_lines(published)[0] == (
        "  Decision: same person up to distance 0.7500, the network's published threshold."
    )
    assert decision_lines({}) == []


def test_single_pair_set_is_not_shown_twice_and_many_slices_are_cut() -> None:
    one = measured(2, tp=1, fn=0, fp=0, tn=1)
    slices = {f"group:{number:02d}": one for number in range(12)}
    lines = verification_lines({"pair_sets": {"overall": one, "sampled": one}, "slices": slices})
    names = [line.split()[0] for line in lines[2:13]]
    assert names == ["overall", *(f"group:{number:02d}" for number in range(10))]
    assert lines[13] == "  2 slices more are in the report."


def test_blessing_gives_every_reason() -> None:
    assert blessing_lines({"blessed": True}) == [
        "Blessed: every threshold of the evaluation holds."
    ]
    assert blessing_lines({"blessed": False, "reasons": ["auc 0.5 < 0.6", "recall 0.1 < 0.2"]}) == [
        "Not blessed:",
        "  auc 0.5 < 0.6",
        "  recall 0.1 < 0.2",
    ]


@pytest.mark.parametrize(
    ("execution", "blessed", "line"),
    [
        (pusher("COMPLETE", pushed=1, pushed_destination="/m/17"), True, "Pushed: /m/17"),
        (
            pusher("CACHED", pushed=1, pushed_destination="/m/17"),
            True,
            "Already pushed, nothing changed since: /m/17",
        ),
        (pusher("COMPLETE", pushed=0), False, "Nothing pushed: the model is not blessed."),
        (pusher("COMPLETE", pushed=0), True, "Nothing pushed: see the log."),
        (Execution("Pusher", "COMPLETE", ()), True, "Nothing pushed: no Pusher ran."),
    ],
)
def test_push(execution: Execution, blessed: bool, line: str) -> None:
    assert push_lines(run_of(execution), {"blessed": blessed}) == [line]


def test_what_is_served_is_said_when_it_is_not_what_the_run_pushed(tmp_path: Path) -> None:
    for version in ("17", "20"):
        (tmp_path / version).mkdir()
    ours = {"pushed": 1, "pushed_destination": str(tmp_path / "17")}
    other = f"Not the newest version: a server takes {tmp_path}/20, unless told otherwise."
    for state in ("COMPLETE", "CACHED"):
        lines = push_lines(run_of(pusher(state, **ours)), {"blessed": True})
        assert lines == [f"Pushed: {tmp_path}/17", other]
    (tmp_path / "17").rmdir()
    assert push_lines(run_of(pusher("CACHED", **ours)), {"blessed": True}) == [
        f"Pushed: {tmp_path}/17, which is no longer there",
        other,
    ]
    ours["pushed_destination"] = str(tmp_path / "20")
    assert push_lines(run_of(pusher("CACHED", **ours)), {"blessed": True}) == [
        f"Already pushed, nothing changed since: {tmp_path}/20"
    ]


def test_what_is_served_is_said_when_nothing_is_pushed(tmp_path: Path) -> None:
    run = run_of(pusher("COMPLETE", pushed=0, serving_dir=str(tmp_path)))
    refused = "Nothing pushed: the model is not blessed."
    assert push_lines(run, {"blessed": False}) == [refused, "Served as before: nothing yet"]
    (tmp_path / "17").mkdir()
    assert push_lines(run, {"blessed": False}) == [refused, f"Served as before: {tmp_path}/17"]


def test_a_model_that_does_not_serve_is_said_with_the_reasons(tmp_path: Path) -> None:
    check = Artifact("InfraBlessing", str(tmp_path), {"blessed": 0})
    run = run_of(Execution("ServingCheck", "COMPLETE", (check,)), pusher("COMPLETE", pushed=0))
    assert push_lines(run, {"blessed": True}) == [
        "Nothing pushed: the model cannot be served, or Docker not used; see the log."
    ]
    (tmp_path / "serving_check.json").write_text('{"reasons": ["one", "two"]}')
    assert push_lines(run, {"blessed": True}) == [
        "Nothing pushed: the model does not serve as it was trained:",
        "  one",
        "  two",
    ]
    # The evaluation comes first: what it refuses is not checked.
    assert push_lines(run, {"blessed": False}) == ["Nothing pushed: the model is not blessed."]


def test_outcome_reads_the_summary_file(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(
        json.dumps({"pair_sets": {"overall": measured(2, 1, 0, 0, 1)}, "blessed": True})
    )
    report = Execution("Report", "COMPLETE", (Artifact("RunSummary", str(tmp_path), {}),))
    lines = outcome_lines(run_of(report, pusher("COMPLETE", pushed=1)))
    assert lines[-5:] == [
        "",
        "Blessed: every threshold of the evaluation holds.",
        "Pushed: /runs/pushed/9",
        "",
        f"report  {tmp_path}",
    ]


def test_broken_summary_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{")
    report = Execution("Report", "COMPLETE", (Artifact("RunSummary", str(tmp_path), {}),))
    with pytest.raises(ValueError, match=r"summary\.json is not JSON"):
        outcome_lines(run_of(report))
