"""Scores of many pairs in a few megabytes, against all of them."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.metrics.sketch import ScoreSketch
from components.metrics.table import METRICS, PairSample

RESOLUTION = 2.0**-11


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray]:
    """Labels, and scores as a model gives them: float32, some at both ends and at 0.5."""
    random = np.random.default_rng(0)
    labels = (random.random(20_000) < 0.3).astype(np.int64)
    logits = np.where(labels == 1, 4.0, -4.0) + random.normal(0, 4, labels.size)
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    scores[:6] = 0, 1, 0.5, np.nextafter(np.float32(0.5), np.float32(0)), 1e-30, 1 - 2**-24
    return labels, scores


def expanded(sample: PairSample) -> PairSample:
    """The same pairs, one by one."""
    labels, scores = (np.repeat(each, sample.counts) for each in (sample.labels, sample.scores))
    return PairSample.of(labels, scores, -scores)


def test_each_score_is_known_to_the_resolution(pairs):
    labels, scores = (each[:2_000].tolist() for each in pairs)
    for label, score in zip(labels, scores, strict=True):
        known = ScoreSketch.of([label], [score]).sample()
        assert known.labels.tolist() == [label]
        assert known.counts.tolist() == [1]
        within = RESOLUTION * min(score, 1 - score) + np.finfo(float).tiny
        assert known.scores[0] == pytest.approx(score, rel=0, abs=within)
        assert (known.scores[0] >= 0.5) == (score >= 0.5)


def test_what_the_decision_makes_is_exact_and_the_rest_is_near(pairs):
    labels, scores = pairs
    found, exact = ScoreSketch.of(labels, scores).sample(), PairSample.of(labels, scores, -scores)
    assert (found.tp, found.fp, found.fn, found.tn) == (exact.tp, exact.fp, exact.fn, exact.tn)
    for name in ("binary_accuracy", "precision", "recall", "f1", "fmr", "fnmr"):
        assert METRICS[name](found) == METRICS[name](exact)
    # A genuine and an impostor pair in one bin count as a tie: half, instead of 0 or 1.
    sketch = ScoreSketch.of(labels, scores)
    ties = (sketch.counts[:, 0] * sketch.counts[:, 1]).sum()
    most = ties / 2 / (labels.sum() * (1 - labels).sum())
    assert most < 1e-4
    auc = sklearn_metrics.roc_auc_score(labels, scores)
    assert METRICS["auc"](found) == pytest.approx(auc, abs=most)
    brier = sklearn_metrics.brier_score_loss(labels, scores)
    assert METRICS["brier_score"](found) == pytest.approx(brier, abs=2 * RESOLUTION)


def test_a_pair_that_stands_for_many_counts_as_many(pairs):
    labels, scores = pairs
    found = ScoreSketch.of(np.tile(labels, 3), np.tile(scores, 3)).sample()
    assert found.counts.sum() == 60_000
    for name, metric in METRICS.items():
        assert metric(found) == pytest.approx(metric(expanded(found)), rel=1e-12), name


def test_sketches_merge_in_any_order_and_stay_small(pairs):
    labels, scores = pairs
    whole = ScoreSketch.of(labels, scores)
    parts = [
        ScoreSketch.of(labels[at], scores[at]) for at in np.split(np.arange(20_000), [7, 9_000])
    ]
    for order in ((0, 1, 2), (2, 0, 1)):
        merged = ScoreSketch.merged(parts[at] for at in order)
        np.testing.assert_array_equal(merged.bins, whole.bins)
        np.testing.assert_array_equal(merged.counts, whole.counts)
    # 2**10 bins for each halving from 0.5 to 2**-23, at both ends.
    dense = ScoreSketch.of(np.zeros(2**22), np.linspace(2**-23, 1 - 2**-23, 2**22))
    assert len(dense.bins) <= 2 * 2**10 * 23
    assert ScoreSketch.merged([whole, ScoreSketch.of([], [])]).counts.sum() == 20_000


@pytest.mark.parametrize("score", [-1e-9, 1.5, np.nan])
def test_a_score_out_of_range_is_named(score):
    with pytest.raises(ValueError, match=rf"a pair has the score {score}; scores lie in \[0, 1\]"):
        ScoreSketch.of([1, 0], [0.5, score])
