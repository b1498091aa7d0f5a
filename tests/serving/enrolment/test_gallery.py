import sys

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from serving.enrolment.gallery import EXACT_UP_TO, Gallery, _Coded


def euclidean(identities, templates, exact_up_to=EXACT_UP_TO):
    """A gallery that ranks by the Euclidean distance."""
    offsets = -0.5 * (templates**2).sum(axis=1)
    return Gallery(identities, templates, offsets, exact_up_to)


def distances(matches, probe):
    """|t - p|^2 is |p|^2 - 2 (t.p - |t|^2 / 2)."""
    square = (np.asarray(probe, np.float64) ** 2).sum()
    return [max(0.0, square - 2 * match.closeness) ** 0.5 for match in matches]


def test_the_nearest_by_hand():
    templates = np.array([[0, 0], [3, 4], [1, 0], [6, 8]], np.float32)
    gallery = euclidean(["b", "a", "b", "a"], templates)
    matches = gallery.nearest(np.array([3, 3], np.float32), 5)
    # (3,4) is 1 away; of b's two, (1,0) is sqrt(4 + 9) away and (0,0) sqrt(18).
    assert [(match.identity, match.row) for match in matches] == [("a", 1), ("b", 2)]
    assert distances(matches, [3, 3]) == pytest.approx([1, 13**0.5])
    # t.p - |t|^2 / 2: 21 - 12.5, and 3 - .5.
    assert [match.closeness for match in matches] == [8.5, 2.5]
    assert (len(gallery), gallery.people) == (4, 2)


def test_offsets_count_by_hand():
    templates = np.array([[1, 0], [2, 0], [0, 3]], np.float32)
    gallery = Gallery(["a", "b", "c"], templates, np.array([5, 0, -1], np.float32))
    found = [(one.identity, one.closeness) for one in gallery.nearest(np.array([2, 1]), 3)]
    assert found == [("a", 7.0), ("b", 4.0), ("c", 2.0)]


@pytest.mark.parametrize("exact_up_to", [None, 1999])
def test_products_with_offsets_are_ranked_in_every_kind_of_search(exact_up_to):
    random = np.random.default_rng(0)
    templates = in_few_directions(random).astype(np.float32) * random.uniform(1, 3, (2000, 1))
    offsets = random.uniform(-4, 0, 2000)
    gallery = Gallery(
        [str(row) for row in range(2000)],
        templates.astype(np.float32),
        offsets.astype(np.float32),
        exact_up_to,
    )
    probes = in_few_directions(random)[:200].astype(np.float32)
    expected = (probes @ templates.T + offsets).argmax(axis=1)
    found = np.array([gallery.nearest(probe)[0].row for probe in probes])
    # Lists may miss some, though not many when they order as the products do.
    assert (found == expected).mean() >= (1.0 if exact_up_to is None else 0.5)


def spread_evenly(random):
    return random.standard_normal((2000, 16))


def in_few_directions(random):
    """Unit vectors with nearly all variance in 4 of 16 turned directions, as embeddings have."""
    turned, _ = np.linalg.qr(random.standard_normal((16, 16)))
    vectors = random.standard_normal((2000, 16)) * ([1.0] * 4 + [0.02] * 12) @ turned
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("make", [spread_evenly, in_few_directions])
def test_it_finds_what_scikit_learn_finds(make):
    random = np.random.default_rng(0)
    templates = make(random).astype(np.float32)
    # Probes near a template, and probes near none.
    near = templates[:25] + 0.01 * random.standard_normal((25, 16)).astype(np.float32)
    probes = np.concatenate([near, random.standard_normal((25, 16)).astype(np.float32)])
    identities = [f"person-{random.integers(0, 400)}" for _ in templates]
    neighbours = NearestNeighbors(n_neighbors=100, algorithm="brute").fit(templates)
    gallery = euclidean(identities, templates)
    for probe, distance, row in zip(probes, *neighbours.kneighbors(probes), strict=True):
        # The first template of each identity, in order of distance.
        expected = {}
        for far, at in zip(distance, row, strict=True):
            expected.setdefault(identities[at], (at, far))
        expected = list(expected.items())[:8]
        found = gallery.nearest(probe, 8)
        assert [(one.identity, one.row) for one in found] == [
            (who, at) for who, (at, _) in expected
        ]
        # A square root magnifies what float32 loses of small squares.
        squares = [far**2 for _, (_, far) in expected]
        assert [far**2 for far in distances(found, probe)] == pytest.approx(squares, abs=1e-4)


def test_what_is_removed_is_not_found():
    random = np.random.default_rng(0)
    templates = spread_evenly(random).astype(np.float32)
    gone = np.zeros(2000, bool)
    gone[random.choice(2000, 700, replace=False)] = True
    # Who is removed is removed with all templates: rows 2k and 2k + 1 are one person's.
    gone = np.repeat(gone[::2], 2)
    gallery = euclidean([str(row // 2) for row in range(2000)], templates.copy())
    gallery.remove(np.flatnonzero(gone))
    gallery.remove(np.flatnonzero(gone)[:3])
    assert len(gallery) == 2000 - gone.sum()
    assert gallery.people == len(gallery) // 2
    kept = np.flatnonzero(~gone)
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(templates[kept])
    # Some of the probes are templates that are gone.
    _, nearest = neighbours.kneighbors(templates[:50])
    found = [gallery.nearest(probe)[0].row for probe in templates[:50]]
    assert found == kept[nearest[:, 0]].tolist()
    gallery.remove(kept)
    assert gallery.nearest(templates[0], 3) == []


def test_beyond_the_exact_search_lists_propose():
    random = np.random.default_rng(0)
    templates = in_few_directions(random).astype(np.float32)
    identities = [str(row // 4) for row in range(2000)]
    gallery = euclidean(identities, templates.copy(), exact_up_to=1999)
    assert not gallery.is_exact
    assert euclidean(identities, templates.copy(), exact_up_to=2000).is_exact
    assert euclidean(identities, templates.copy(), exact_up_to=None).is_exact
    # As good as a template itself: it lies in the first list that is looked through.
    near = templates[:100] + 1e-4 * random.standard_normal((100, 16)).astype(np.float32)
    assert [gallery.nearest(probe)[0].row for probe in near] == list(range(100))
    # Others may be missed, and never come nearer than they are.
    probes = in_few_directions(random)[:100].astype(np.float32)
    exact, _ = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(templates).kneighbors(probes)
    found = np.array([distances(gallery.nearest(probe), probe)[0] for probe in probes])
    assert (found >= exact[:, 0] - 1e-5).all()
    assert np.isclose(found, exact[:, 0], atol=1e-5).mean() > 0.5
    # The rows of the others stay as they were.
    gallery.remove(np.arange(0, 40))
    assert [gallery.nearest(probe)[0].row for probe in near[40:]] == list(range(40, 100))
    assert all(gallery.nearest(probe)[0].row >= 40 for probe in near[:40])
    gallery.remove(np.arange(40, 2000))
    assert gallery.nearest(near[0]) == []


def test_few_templates_are_looked_at_in_full_where_that_is_possible():
    random = np.random.default_rng(0)
    for make in (spread_evenly, in_few_directions):
        templates = make(random).astype(np.float32)
        gallery = euclidean(["x"] * 2000, templates)
        assert len(gallery._candidates(templates[5], 1)) < 20
    # All within a thousandth of each other: the codes cannot tell them apart.
    close = (1 + 1e-3 * random.random((2000, 16))).astype(np.float32)
    assert euclidean(["x"] * 2000, close)._candidates(close[5], 1) is None


def test_no_product_is_above_its_bound():
    random = np.random.default_rng(0)
    vectors = random.standard_normal((1000, 32)) * 10.0 ** random.integers(-3, 4, (1000, 1))
    # Nothing, one direction, one large number among small ones.
    vectors[:3] = 0
    vectors[1, 7] = 5
    vectors[2] = 1e-3
    vectors[2, 7] = 1e3
    vectors = vectors.astype(np.float32)
    coded = _Coded(vectors)
    for probe in (vectors[2], vectors[50], np.zeros(32, np.float32), -vectors[60]):
        products = vectors.astype(np.float64) @ probe.astype(np.float64)
        bounds = coded.highest_products(probe).astype(np.float64)
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1) * np.linalg.norm(probe)
        # But for what float32 loses, which the search allows for.
        assert (bounds >= products - 1e-5 * lengths).all()
        # A coordinate is off by at most 1/254 of the largest, a vector by sqrt(32)/254 of its
        # length at most, and a product of two by twice that; a bound is as far on the other side.
        assert (bounds <= products + 4.2 * 32**0.5 / 254 * lengths).all()


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on: nothing counts it"
)
def test_searches_take_no_references_that_are_not_theirs():
    random = np.random.default_rng(0)
    gallery = euclidean(["x"] * 2000, spread_evenly(random).astype(np.float32))
    gallery.nearest(np.ones(16))
    before = sys.getrefcount(None)
    for _ in range(500):
        gallery.nearest(np.ones(16))
    # simsimd with out= would have taken 500.
    assert abs(sys.getrefcount(None) - before) < 100


def test_there_are_no_more_matches_than_identities():
    gallery = euclidean(["a", "a"], np.eye(2, dtype=np.float32))
    assert [one.identity for one in gallery.nearest(np.ones(2), 5)] == ["a"]


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="2 identities"):
        euclidean(["a", "b"], np.zeros((3, 4), np.float32))
    with pytest.raises(ValueError, match="probe"):
        euclidean(["a"], np.zeros((1, 4), np.float32)).nearest(np.zeros(3))
