"""How embeddings are compared: symmetric, as defined, and as a search among many needs it."""

import numpy as np
import pytest
import tensorflow as tf
from plda_ratio import log_likelihood_ratio
from striped_faces import config, stripes

from components.trainer.comparison.comparisons import (
    DistanceComparison,
    PldaComparison,
    build_comparison,
    epoch_comparison,
)
from components.trainer.comparison.plda import fit_plda
from components.trainer.comparison.sigmoid_head import SigmoidHead


def test_plda_gives_way_to_the_cosine_where_people_are_few():
    images = stripes(40, 8, seed=1)
    embeddings = np.random.default_rng(0).normal(size=(len(images.ids), 8)).astype(np.float32)
    # 8 dimensions want 20 people, and 20 images beyond one each.
    for people, each, name in ((19, 8, "cosine"), (20, 8, "plda"), (30, 1, "cosine")):
        rows = np.flatnonzero((images.classes < people) & (np.arange(len(embeddings)) % 8 < each))
        found = build_comparison(
            config(comparison="plda"),
            lambda rows=rows: embeddings[rows],
            images.classes[rows],
            8,
        )
        assert found.name == name
        assert isinstance(
            found.comparison, PldaComparison if name == "plda" else DistanceComparison
        )
        assert (found.note is None) == (name == "plda")
    assert found.note == (
        "PLDA has too little to be fitted on (30 identities with 0 images beyond one each, where 8 "
        "dimensions want 20 of both), so the cosine compares instead"
    )


def test_plda_is_fitted_with_the_seed_of_the_training():
    # 28 images of the first of 21 people, 8 more than count.
    images = stripes(21, 28, seed=1)
    rows = np.flatnonzero((images.classes == 0) | (np.arange(len(images.ids)) % 28 < 3))
    embeddings = np.random.default_rng(0).normal(size=(len(rows), 8)).astype(np.float32)
    means = []
    for seed in (0, 0, 1):
        chosen = config(comparison="plda", seed=seed)
        found = build_comparison(chosen, lambda: embeddings, images.classes[rows], 8)
        means.append(found.comparison.mean.numpy())
    np.testing.assert_array_equal(means[0], means[1])
    assert (means[0] != means[2]).any()


def test_only_plda_asks_for_the_train_images():
    chosen = config(comparison="cosine")
    found = build_comparison(chosen, lambda: pytest.fail("asked"), np.zeros(5, int), 8)
    assert (found.name, found.note) == ("cosine", None)


def head() -> SigmoidHead:
    """A head as training starts from."""
    made = SigmoidHead()
    made.build([(None, 8), (None, 8)])
    return made


@pytest.mark.parametrize("comparison", ["euclidean", "cosine", "sigmoid", "plda"])
def test_comparisons_are_symmetric_to_the_last_bit(comparison):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 300, 8)).astype(np.float32)
    if comparison == "plda":
        made = PldaComparison(fit_plda(random.normal(size=(100, 8)), np.arange(100) // 4))
    else:
        loss = {"name": "binary" if comparison == "sigmoid" else "contrastive"}
        chosen = config(loss=loss, comparison=comparison)
        made = epoch_comparison(chosen, head())
    there, back = made.distance(a, b).numpy(), made.distance(b, a).numpy()
    assert there.tobytes() == back.tobytes()
    assert there.shape == (300,)
    assert (there >= 0).all()


def test_the_plda_comparison_orders_pairs_as_the_ratio_does():
    random = np.random.default_rng(0)
    x = (random.normal(size=(50, 6))[np.arange(200) // 4] + random.normal(size=(200, 6))) / 4
    plda = fit_plda(x, np.arange(200) // 4)
    a, b = x[:99], x[101:]
    ratio = log_likelihood_ratio(plda, a, b)
    distance = PldaComparison(plda).distance(a.astype(np.float32), b.astype(np.float32))
    np.testing.assert_allclose(distance, np.log1p(np.exp(-ratio / plda.scale)), rtol=1e-4)


def test_the_sigmoid_distance_is_the_cross_entropy_of_same():
    a, b = np.random.default_rng(0).normal(size=(2, 20, 8)).astype(np.float32)
    learned = head()
    found = epoch_comparison(config(loss={"name": "binary"}), learned)
    logits = learned([a, b]).numpy()[:, 0]
    expected = -np.log(1 / (1 + np.exp(-logits.astype(np.float64))))
    np.testing.assert_allclose(found.distance(a, b), expected, rtol=1e-4)


@pytest.mark.parametrize("comparison", ["euclidean", "cosine", "plda"])
def test_products_in_the_search_space_order_pairs_as_the_distance_does(comparison):
    random = np.random.default_rng(0)
    classes = np.arange(400) // 4
    # As embeddings of various lengths; two of eight dimensions tell nothing about an identity.
    means = random.normal(size=(100, 8)) * [1, 1, 1, 0.5, 0.5, 0.2, 0, 0]
    x = (means[classes] + 0.5 * random.normal(size=(400, 8)) + 0.3).astype(np.float32)
    if comparison == "plda":
        made = PldaComparison(fit_plda(x, classes))
    else:
        made = epoch_comparison(config(comparison=comparison))
    space = {name: each.numpy() for name, each in made.search_space(tf.range(8)).items()}
    placed = x.astype(np.float64)
    if space["unit_length"].all():
        placed /= np.linalg.norm(placed, axis=1, keepdims=True)
    placed = (placed - space["mean"]) @ space.get("matrix", np.eye(8))
    offsets = -0.5 * placed**2 @ space["weight"]
    a, b = random.integers(0, 400, (2, 5000))
    a, b = a[a != b], b[a != b]
    products = (placed[a] * placed[b]).sum(axis=1) + offsets[a] + offsets[b]
    distance = made.distance(x[a], x[b]).numpy()
    # Not only for one probe: over all pairs, one falls as the other rises.
    by_product = distance[np.argsort(-products)]
    np.testing.assert_allclose(by_product, np.sort(distance), rtol=1e-4, atol=1e-5)
