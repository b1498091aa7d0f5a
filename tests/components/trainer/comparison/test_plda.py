"""PLDA against the densities it is a ratio of."""

import numpy as np
import pytest
from plda_ratio import log_likelihood_ratio
from scipy import stats

from components.trainer.comparison.plda import fit_plda


@pytest.fixture(scope="module")
def drawn():
    """400 identities of 6 images with known covariances."""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(4, 4))
    means = random.normal(size=(400, 4)) @ np.diag([2.0, 1.0, 0.5, 0.1]) @ mixing
    classes = np.repeat(np.arange(400), 6)
    x = means[classes] + random.normal(size=(2400, 4)) @ mixing + 3.0
    return x, classes, mixing


def test_the_ratio_is_that_of_the_two_densities(drawn):
    x, classes, _ = drawn
    plda = fit_plda(x, classes, shrinkage=0.0)
    back = np.linalg.inv(plda.transform)
    within = back.T @ back
    # psi from cross = psi / ((psi + 1)^2 - psi^2) = psi / (2 psi + 1).
    psi = plda.cross / (1 - 2 * plda.cross)
    between = back.T @ np.diag(psi) @ back
    total = between + within
    joint = np.block([[total, between], [between, total]])
    a, b = x[:50], x[100:150]
    same = stats.multivariate_normal(np.tile(plda.mean, 2), joint).logpdf(np.hstack([a, b]))
    alone = stats.multivariate_normal(plda.mean, total)
    expected = same - alone.logpdf(a) - alone.logpdf(b)
    np.testing.assert_allclose(log_likelihood_ratio(plda, a, b), expected, rtol=1e-8, atol=1e-8)


def test_the_covariances_are_found(drawn):
    x, classes, mixing = drawn
    plda = fit_plda(x, classes, shrinkage=0.0)
    back = np.linalg.inv(plda.transform)
    within = mixing.T @ mixing
    np.testing.assert_allclose(back.T @ back, within, atol=0.08 * np.abs(within).max())
    # Between is diag(4, 1, .25, .01) in units of within, estimated from 400 identities.
    psi = np.sort(plda.cross / (1 - 2 * plda.cross))[::-1]
    np.testing.assert_allclose(psi, [4, 1, 0.25, 0.01], rtol=0.25, atol=0.03)


def test_same_pairs_score_higher_and_order_does_not_matter(drawn):
    x, classes, _ = drawn
    plda = fit_plda(x, classes)
    same = log_likelihood_ratio(plda, x[0:2400:6], x[1:2400:6])
    different = log_likelihood_ratio(plda, x[0:2394:6], x[6:2400:6])
    # At the true covariances the ratio's expectation is a Kullback-Leibler divergence: above 0 for
    # same pairs, below 0 for different ones.
    assert same.mean() > 0 > different.mean()
    swapped = log_likelihood_ratio(plda, x[1:2400:6], x[0:2400:6])
    np.testing.assert_array_equal(same, swapped)


def test_the_cap_limits_an_identity_with_many_images():
    random = np.random.default_rng(0)
    x = random.normal(size=(1000, 3))
    classes = np.concatenate([np.zeros(900, int), np.repeat(np.arange(1, 51), 2)])
    plda = fit_plda(x, classes, cap=2)
    kept_mean = plda.mean
    # 2 of the first and 100 others remain: the mean cannot be the mean of all 1,000.
    assert np.abs(kept_mean - x.mean(axis=0)).max() > 1e-3


def test_the_seed_draws_which_images_of_the_famous_count():
    random = np.random.default_rng(0)
    x = random.normal(size=(130, 3))
    classes = np.concatenate([np.zeros(100, int), np.repeat(np.arange(1, 16), 2)])
    means = [fit_plda(x, classes, cap=4, seed=seed).mean for seed in (0, 0, 1)]
    np.testing.assert_array_equal(means[0], means[1])
    # Other four of the hundred images of the first.
    assert (means[0] != means[2]).any()


def test_too_little_data_is_an_error():
    with pytest.raises(ValueError, match="two images"):
        fit_plda(np.eye(3), np.arange(3))


def test_embeddings_are_left_as_they_are(drawn):
    embeddings, classes = drawn[0].copy(), drawn[1]
    fit_plda(embeddings, classes)
    assert (embeddings == drawn[0]).all()
