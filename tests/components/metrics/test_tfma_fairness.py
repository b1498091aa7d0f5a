"""How pairs come to TFMA in groups, and the ratio of their groups' error rates."""

import numpy as np
import pytest
import tensorflow_model_analysis as tfma

from components.metrics.fairness import compare_groups
from components.metrics.tfma_extractors import group_pairs
from components.metrics.tfma_fairness import ErrorRateRatio


def batch() -> tfma.Extracts:
    """Five pairs of two models; TFMA's extractors give each value a row of its own."""
    return {
        "features": {
            "gender": np.array([[b"f"], [b"m"], [b"f"], [b"f"], [b"m"]]),
            "pair_set": np.array([[b"x"], [b"x"], [b"x"], [b"y"], [b"x"]]),
            "image_id_a": np.array([[b"1"], [b"2"], [b"3"], [b"4"], [b"5"]]),
        },
        "labels": {"candidate": np.array([[1], [0], [0], [1], [1]])},
        "predictions": {"candidate": np.array([[0.9], [0.2], [0.6], [0.4], [0.7]])},
    }


def test_pairs_of_one_slice_come_together_and_keep_their_order():
    found = group_pairs(batch(), ("gender", "pair_set"))
    assert [
        (
            {name: value.tolist() for name, value in group["features"].items()},
            group["labels"]["candidate"].tolist(),
            group["predictions"]["candidate"].tolist(),
        )
        for group in found
    ] == [
        ({"gender": [b"f"], "pair_set": [b"x"]}, [1, 0], [0.9, 0.6]),
        ({"gender": [b"m"], "pair_set": [b"x"]}, [0, 1], [0.2, 0.7]),
        ({"gender": [b"f"], "pair_set": [b"y"]}, [1], [0.4]),
    ]


def test_without_slices_a_batch_is_one_group():
    (found,) = group_pairs(batch(), ())
    assert found["features"] == {}
    assert found["labels"]["candidate"].tolist() == [1, 0, 0, 1, 1]


def test_an_unknown_column_is_named():
    with pytest.raises(ValueError, match="have no column 'age' to slice by"):
        group_pairs(batch(), ("age",))


def ratio(extracts: list[tfma.Extracts], rate: str, min_pairs: int) -> float:
    """The metric, as TFMA computes it for one model: in two parts that are merged."""
    metric = ErrorRateRatio(attribute="gender", rate=rate, min_pairs=min_pairs)
    counting, deriving = metric.computations(model_names=["candidate"])
    parts = []
    for part in (extracts[::2], extracts[1::2]):
        counts = counting.combiner.create_accumulator()
        for each in part:
            counts = counting.combiner.add_input(counts, tfma.metrics.StandardMetricInputs(each))
        parts.append(counts)
    merged = counting.combiner.merge_accumulators(parts)
    (value,) = deriving.result(counting.combiner.extract_output(merged)).values()
    return value


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("rate", ["fmr", "fnmr"])
def test_ratio_is_that_of_the_pure_function(seed, rate):
    random = np.random.default_rng(seed)
    gender = random.choice([b"f", b"m", b"mixed"], 600)
    labels = (random.random(600) < 0.5).astype(np.int64)
    scores = (random.random(600) * 0.6 + 0.4 * labels).astype(np.float32)
    extracts = group_pairs(
        {
            "features": {"gender": gender},
            "labels": {"candidate": labels},
            "predictions": {"candidate": scores},
        },
        ("gender",),
    )
    expected = getattr(compare_groups("gender", gender, labels, scores, min_pairs=10), rate)
    assert ratio(extracts, rate, min_pairs=10) == expected.ratio
    # Nothing to compare is 0, which is within any bound: a ratio is 1 or more.
    assert ratio(extracts, rate, min_pairs=1000) == 0


def test_pairs_of_several_groups_in_one_extract_are_refused():
    mixed = batch()
    with pytest.raises(ValueError, match="5 values of 'gender' came in one extract"):
        ratio([mixed], "fmr", 1)
