"""Rates by group and their ratios, by hand."""

from math import inf

import numpy as np
import pytest

from components.metrics.fairness import GroupRates, compare_groups


def pairs(*groups: tuple[str, int, int, int, int]) -> dict[str, np.ndarray]:
    """Pairs of groups (value, genuine, of these refused, impostors, of these accepted)."""
    values, labels, scores = [], [], []
    for value, genuine, refused, impostors, accepted in groups:
        values += [value] * (genuine + impostors)
        labels += [1] * genuine + [0] * impostors
        scores += [0.49] * refused + [0.5] * (genuine - refused)
        scores += [0.5] * accepted + [0.49] * (impostors - accepted)
    return {"values": np.array(values), "labels": np.array(labels), "scores": np.array(scores)}


def test_rates_and_ratios_by_hand():
    found = compare_groups(
        "gender", **pairs(("female", 100, 20, 200, 12), ("male", 100, 5, 400, 8))
    )
    assert found.groups == (
        GroupRates("female", 100, 200, 12, 20),
        GroupRates("male", 100, 400, 8, 5),
    )
    assert [group.fmr for group in found.groups] == [0.06, 0.02]
    assert [group.fnmr for group in found.groups] == [0.2, 0.05]
    assert found.fmr.ratio == pytest.approx(3)
    assert found.fnmr.ratio == pytest.approx(4)
    assert (found.fmr.worst, found.fmr.best, found.fmr.note) == ("female", "male", "")
    assert found.too_small == ()


def test_the_largest_of_three_groups_counts():
    found = compare_groups(
        "age", **pairs(("a", 100, 10, 100, 10), ("b", 100, 20, 100, 4), ("c", 100, 30, 100, 2))
    )
    assert (found.fmr.ratio, found.fmr.worst, found.fmr.best) == (5, "a", "c")
    assert (found.fnmr.worst, found.fnmr.best) == ("c", "a")
    assert found.fnmr.ratio == pytest.approx(3)


def test_mixed_pairs_are_reported_and_in_no_ratio():
    found = compare_groups(
        "gender",
        **pairs(("female", 100, 1, 100, 4), ("male", 100, 1, 100, 2), ("mixed", 0, 0, 500, 1)),
    )
    assert found.groups[2].fmr == 0.002
    assert found.groups[2].fnmr is None
    assert found.fmr.ratio == 2
    assert found.too_small == ()


def test_a_small_group_says_so_and_gates_nothing():
    found = compare_groups("gender", **pairs(("female", 100, 10, 99, 50), ("male", 100, 5, 100, 1)))
    assert found.too_small == ("female",)
    assert found.fmr.ratio is None
    assert found.fmr.note == "1 of 2 groups have 100 impostor pairs"
    # Its genuine pairs are enough.
    assert found.fnmr.ratio == 2


def test_a_group_without_errors_gives_an_infinite_ratio_and_says_what_it_is_worth():
    found = compare_groups("gender", **pairs(("f", 100, 0, 100, 5), ("m", 100, 0, 300, 0)))
    assert (found.fmr.ratio, found.fmr.worst, found.fmr.best) == (inf, "f", "m")
    assert found.fmr.note == "m has no error in 300 impostor pairs; its rate may be up to 0.01"
    # 5 of 100 impostor pairs of f, against up to 0.01.
    assert found.fmr.at_least == pytest.approx(5)
    assert found.fnmr.ratio is None
    assert found.fnmr.note == "no group has an error in its genuine pairs"


def test_values_may_be_bytes():
    given = pairs(("female", 10, 1, 10, 1), ("male", 10, 2, 10, 2))
    as_bytes = given | {"values": given["values"].astype(bytes)}
    assert compare_groups("g", **as_bytes, min_pairs=10) == compare_groups(
        "g", **given, min_pairs=10
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": ["a"]}, r"\(1,\), \(2,\) and \(2,\)"),
        ({"labels": [0, 2]}, r"labels are \[0 2\]"),
        ({"scores": [0.1, 1.5]}, "0.1 to 1.5"),
        ({"scores": [0.1, np.nan]}, "nan"),
        ({"min_pairs": 0}, "min_pairs is 0"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"values": ["a", "b"], "labels": [0, 1], "scores": [0.1, 0.9]}
    with pytest.raises(ValueError, match=message):
        compare_groups("g", **(arguments | change))
