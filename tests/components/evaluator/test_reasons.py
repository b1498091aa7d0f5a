"""The sentences; tests/pipeline/test_evaluation.py has how Evaluator's results become reasons."""

import json

import pytest

from components.evaluator.reasons import Reason


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (
            Reason("auc", "all test pairs", value=0.51234, min=0.6),
            "auc is 0.5123 on all test pairs; it must be at least 0.6",
        ),
        (
            Reason("eer", "gender:female", value=0.25, max=0.2),
            "eer is 0.2500 on gender:female; it must be at most 0.2",
        ),
        (
            Reason("auc", "all test pairs", change=True, value=-0.05, min=-0.02),
            "auc, candidate minus baseline, is -0.0500 on all test pairs; it must be at least "
            "-0.02",
        ),
        (
            Reason("recall", "gender:mixed", min=0.1, max=0.9),
            "recall is undefined on gender:mixed, which has too few pairs for it; it must be at "
            "least 0.1 and at most 0.9",
        ),
        (
            Reason("fnmr_ratio_gender", "all test pairs", value=4.0, max=3.0),
            "fnmr_ratio_gender (the worst group's false non-match rate over the best group's) is "
            "4.0000 on all test pairs; it must be at most 3",
        ),
        (
            Reason(None, "gender:robot"),
            "no test pair is in gender:robot, on which a threshold is set",
        ),
        (
            # Four digits would read 0.7500, which is at least 0.75.
            Reason("f1", "all test pairs", value=0.749999, min=0.75),
            "f1 is 0.749999 on all test pairs; it must be at least 0.75",
        ),
    ],
)
def test_sentence_names_metric_value_slice_and_bound(reason, sentence):
    assert str(reason) == sentence


def test_a_program_gets_the_parts():
    found = json.loads(json.dumps(Reason("eer", "all test pairs", value=0.25, max=0.2).as_json()))
    assert found == {
        "metric": "eer",
        "slice": "all test pairs",
        "change": False,
        "value": 0.25,
        "min": None,
        "max": 0.2,
        "text": "eer is 0.2500 on all test pairs; it must be at most 0.2",
    }
