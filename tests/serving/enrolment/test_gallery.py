import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from serving.enrolment.gallery import EXACT_NUMBERS, Gallery
from serving.enrolment.template_index import ExactIndex


def euclidean(identities, templates, exact_numbers=EXACT_NUMBERS):
    """A gallery that ranks by the Euclidean distance."""
    offsets = -0.5 * (templates**2).sum(axis=1)
    return Gallery(identities, templates, offsets, exact_numbers)


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


@pytest.mark.parametrize("exact_numbers", [None, 31_999])
def test_products_with_offsets_are_ranked_in_every_kind_of_search(exact_numbers):
    random = np.random.default_rng(0)
    templates = in_few_directions(random).astype(np.float32) * random.uniform(1, 3, (2000, 1))
    offsets = random.uniform(-4, 0, 2000)
    gallery = Gallery(
        [str(row) for row in range(2000)],
        templates.astype(np.float32),
        offsets.astype(np.float32),
        exact_numbers,
    )
    probes = in_few_directions(random)[:200].astype(np.float32)
    expected = (probes @ templates.T + offsets).argmax(axis=1)
    found = np.array([gallery.nearest(probe)[0].row for probe in probes])
    # Lists may miss some, though not many when they order as the products do.
    assert (found == expected).mean() >= (1.0 if exact_numbers is None else 0.5)


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
    gallery = euclidean(identities, templates.copy(), exact_numbers=31_999)
    assert not gallery.is_exact
    assert euclidean(identities, templates.copy(), exact_numbers=32_000).is_exact
    assert euclidean(identities, templates.copy(), exact_numbers=None).is_exact
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


def test_what_is_added_is_found_and_what_it_replaces_is_not():
    random = np.random.default_rng(0)
    templates = spread_evenly(random).astype(np.float32)
    offsets = -0.5 * (templates**2).sum(axis=1)
    names = [str(row // 2) for row in range(2000)]
    for exact_numbers in (None, 16 * 1500 - 1):
        gallery = Gallery(names[:1500], templates[:1500], offsets[:1500], exact_numbers)
        for begin in range(1500, 2000, 100):
            rows = slice(begin, begin + 100)
            gallery.add(names[rows], templates[rows], offsets[rows])
        gallery.remove(np.arange(1450, 1550))
        assert (len(gallery), gallery.people) == (1900, 950)
        found = [gallery.nearest(template)[0].row for template in templates[1550:]]
        assert found == list(range(1550, 2000))
        assert all(not 1450 <= gallery.nearest(one)[0].row < 1550 for one in templates[1450:1550])


def test_people_with_many_templates_hide_nobody():
    # 1,000 templates of one lie nearer than anybody else's.
    crowd = np.float32([[1 - row / 1e5, 0] for row in range(1000)])
    others = np.float32([[0.5, 0], [0.25, 0]])
    gallery = euclidean(["crowd"] * 1000 + ["a", "b"], np.concatenate([crowd, others]))
    assert [one.identity for one in gallery.nearest(np.array([1, 0]), 3)] == ["crowd", "a", "b"]


def test_what_is_removed_is_overwritten():
    index = ExactIndex(np.float32([[1, 2], [3, 4], [5, 6]]), np.float32([7, 8, 9]))
    index.add(np.float32([[10, 11]]), np.float32([12]))
    index.remove(np.array([0, 3]))
    kept = [part.reconstruct(row).tolist() for part in index._parts for row in range(part.ntotal)]
    nothing = [0, 0, -np.inf]
    assert kept == [nothing, [3, 4, 8], [5, 6, 9], nothing]
    # 3 + 4 + 8, and 5 + 6 + 9; the other two are not found at all.
    closeness, rows = index.nearest(np.float32([1, 1]), 4)
    assert (closeness.tolist(), rows.tolist()) == ([20, 15], [2, 1])


def test_there_are_no_more_matches_than_identities():
    gallery = euclidean(["a", "a"], np.eye(2, dtype=np.float32))
    assert [one.identity for one in gallery.nearest(np.ones(2), 5)] == ["a"]


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="2 identities"):
        euclidean(["a", "b"], np.zeros((3, 4), np.float32))
    gallery = euclidean(["a"], np.zeros((1, 4), np.float32))
    with pytest.raises(ValueError, match=r"probe of shape \(3,\) among templates of 4"):
        gallery.nearest(np.zeros(3))
    with pytest.raises(ValueError, match="1 identities and 1 offsets"):
        gallery.add(["b"], np.zeros((1, 3), np.float32), np.zeros(1, np.float32))
