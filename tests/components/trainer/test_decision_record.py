"""What the model keeps of its decision."""

import hashlib

import numpy as np

from components.metrics.decision import DecisionConfig, choose_threshold
from components.trainer.arrays import Images, Pairs
from components.trainer.run_fn import describe_decision, pairs_digest

NAMES = np.array(["ada", "ada", "bob", "bob"])
IMAGES = Images(
    np.zeros((4, 1, 1, 1), np.uint8),
    np.array(["ada/1", "ada/2", "bob/1", "bob/2"]),
    NAMES,
    np.array([0, 0, 1, 1], np.int32),
)
PAIRS = Pairs(np.array([2, 0, 0]), np.array([3, 1, 2]), np.array([1, 1, 0], np.int32))


def test_the_digest_is_that_of_the_sorted_rows():
    rows = "ada/1\tada/2\t1\nada/1\tbob/1\t0\nbob/1\tbob/2\t1\n"
    assert pairs_digest(IMAGES, PAIRS) == hashlib.sha256(rows.encode()).hexdigest()


def test_the_digest_knows_no_order_of_pairs():
    turned = Pairs(PAIRS.a[::-1], PAIRS.b[::-1], PAIRS.labels[::-1])
    assert pairs_digest(IMAGES, turned) == pairs_digest(IMAGES, PAIRS)


def test_the_record_holds_threshold_interval_objective_and_origin():
    distances = np.array([1.0, 1.0, 3.0], np.float32)
    objective = DecisionConfig()
    decision = choose_threshold(distances, PAIRS.labels, objective)
    record = describe_decision(decision, objective, IMAGES, PAIRS, distances, "cosine")
    assert record["threshold"] == 2.0
    assert record["threshold_interval_95"] == [2.0, 2.0]
    assert record["objective"] == {"objective": "accuracy"}
    assert record["objective_value"] == 1.0
    assert record["comparer"] == "cosine"
    assert record["calibrated_on"]["pairs"] == 3
    assert record["calibrated_on"]["same"] == 2
    assert record["calibrated_on"]["sha256"] == pairs_digest(IMAGES, PAIRS)
    assert record["confusion"] == {"tp": 2, "fp": 0, "fn": 0, "tn": 1}
