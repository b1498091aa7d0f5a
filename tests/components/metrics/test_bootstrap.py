"""The bootstrap over identities, against a bootstrap that really copies people."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.metrics import roc
from components.metrics.bootstrap import Resampled, bootstrap
from components.metrics.table import METRICS


def people(seed: int, count: int = 12, pairs: int = 200) -> tuple[np.ndarray, ...]:
    """Pairs of some people, each with a hardness of their own; ties by rounding."""
    random = np.random.default_rng(seed)
    hard = random.normal(0, 0.3, count)
    a = random.integers(0, count, pairs)
    b = np.where(random.random(pairs) < 0.4, a, random.integers(0, count, pairs))
    labels = (a == b).astype(np.int64)
    distances = 1.5 - labels + hard[a] + hard[b] + random.normal(0, 0.3, pairs)
    return distances.round(1).astype(np.float32), labels, a, b


def copied(copies: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    """The pairs among the copies of people, one by one: copy p of a with copy q of b."""
    a, b = columns[2:]
    rows = [
        row
        for row in range(len(a))
        for p in range(copies[a[row]])
        for q in range(copies[b[row]])
        # Two copies of one person do not make a pair, genuine or impostor.
        if a[row] != b[row] or p == q
    ]
    return [column[rows] for column in columns]


@pytest.mark.parametrize("seed", range(3))
def test_a_replicate_is_the_sweep_of_the_copied_people(seed):
    pairs = people(seed)
    copies = np.bincount(np.random.default_rng(seed).integers(0, 12, 12), minlength=12)
    curve = Resampled(*pairs).counts(copies, roc.sweep(*pairs[:2]).thresholds)
    distances, labels, _, _ = copied(copies, *pairs)
    expected = roc.counts_at(distances, labels, curve.thresholds)
    for name in ("tp", "fp", "fn", "tn"):
        assert np.array_equal(getattr(curve, name), getattr(expected, name)), name
    auc = sklearn_metrics.roc_auc_score(labels, -distances)
    assert roc.auc(curve) == pytest.approx(auc, abs=1e-12)
    assert roc.eer(curve).rate == pytest.approx(roc.eer(roc.sweep(distances, labels)).rate)


def test_intervals_are_the_percentiles_of_the_replicates():
    pairs = people(3)
    names = ("binary_accuracy", "fmr", "precision", "tar_at_far_0.1")
    found = bootstrap(*pairs, threshold=1.0, metrics=names, replicates=40, level=0.8, seed=5)
    random = np.random.default_rng(5)
    columns: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(40):
        copies = np.bincount(random.integers(0, 12, 12), minlength=12)
        distances, labels, _, _ = copied(copies, *pairs)
        same = distances <= 1.0
        columns["binary_accuracy"].append(sklearn_metrics.accuracy_score(labels, same))
        columns["fmr"].append(same[labels == 0].mean())
        columns["precision"].append(sklearn_metrics.precision_score(labels, same))
        fpr, tpr, _ = sklearn_metrics.roc_curve(labels, -distances, drop_intermediate=False)
        columns["tar_at_far_0.1"].append(tpr[fpr <= 0.1].max())
    for name, column in columns.items():
        interval = found[name]
        expected = np.quantile(column, [0.1, 0.9])
        assert (interval.low, interval.high) == pytest.approx(tuple(expected), abs=1e-12)
        assert interval.replicates == 40
    accuracy = sklearn_metrics.accuracy_score(pairs[1], pairs[0] <= 1.0)
    assert found["binary_accuracy"].value == accuracy
    assert tuple(found) == names


def test_all_metrics_but_those_of_scores_have_an_interval_and_none_where_unresolved():
    # 200 pairs, fewer than 1,000 of them impostors.
    found = bootstrap(*people(3), threshold=1.0, replicates=10)
    assert set(METRICS) - set(found) == {"brier_score", "expected_calibration_error"}
    assert {name for name, interval in found.items() if not interval.replicates} == {
        "tar_at_far_0.001"
    }


def test_one_seed_gives_one_answer():
    pairs = people(4)
    once, again, other = (
        bootstrap(*pairs, threshold=1.0, replicates=20, seed=seed) for seed in (1, 1, 2)
    )
    # Written out, as not every number is equal to itself: few pairs know no TAR at FAR 0.1 %.
    assert repr(once) == repr(again)
    assert repr(once) != repr(other)


def test_names_of_people_may_be_bytes():
    distances, labels, a, b = people(5)
    names = np.array([f"person {i}".encode() for i in range(100, 112)])
    as_bytes = bootstrap(distances, labels, names[a], names[b], 1.0, replicates=10)
    assert repr(as_bytes) == repr(bootstrap(distances, labels, a, b, 1.0, replicates=10))


def test_resampling_people_gives_wider_intervals_than_independent_pairs_would():
    # Ten people with ten genuine pairs each; five people are always right, five always wrong.
    a = np.repeat(np.arange(10), 10)
    distances = np.where(a < 5, 0.0, 2.0)
    found = bootstrap(distances, np.ones(100, int), a, a, threshold=1.0, seed=0)["fnmr"]
    assert found.value == 0.5
    # The replicates are binomial(10, 1/2) / 10: P(X <= 1) = 0.011 and P(X <= 2) = 0.055, so the
    # 2.5th percentile is 0.2. For 100 independent pairs it would be 0.40.
    assert (found.low, found.high) == (0.2, 0.8)


def test_a_slice_with_one_class_has_the_rates_of_that_class_only():
    found = bootstrap([0.5, 1.5], [0, 0], ["a", "a"], ["b", "c"], 1.0, replicates=50)
    assert found["fmr"].value == 0.5
    # Replicates that draw no pair at all have no value: three people, all of them one person,
    # or b and c only.
    assert 0 < found["fmr"].replicates < 50
    for name in ("fnmr", "eer", "auc", "tar_at_far_0.01"):
        assert np.isnan([found[name].value, found[name].low, found[name].high]).all()
        assert found[name].replicates == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [1, 1]}, "pair 1 has label 1 and identities 'a' and 'b'"),
        ({"labels": [0, 0]}, "pair 0 has label 0 and identities 'a' and 'a'"),
        ({"identities_a": ["a"]}, "for 2 pairs"),
        ({"replicates": 0}, "replicates is 0"),
        ({"level": 1.0}, "level 1.0"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {
        "distances": [0.1, 0.2],
        "labels": [1, 0],
        "identities_a": ["a", "a"],
        "identities_b": ["a", "b"],
        "threshold": 0.15,
    }
    with pytest.raises(ValueError, match=message):
        bootstrap(**(arguments | change))
