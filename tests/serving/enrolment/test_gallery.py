import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from serving.enrolment.gallery import Gallery


def test_the_nearest_by_hand():
    templates = np.array([[0, 0], [3, 4], [1, 0], [6, 8]], np.float32)
    gallery = Gallery(["b", "a", "b", "a"], templates)
    matches = gallery.nearest(np.array([3, 3], np.float32), 5)
    # (3,4) is 1 away; of b's two, (1,0) is sqrt(4 + 9) away and (0,0) sqrt(18).
    assert [(match.identity, match.row) for match in matches] == [("a", 1), ("b", 2)]
    assert [match.distance for match in matches] == pytest.approx([1, 13**0.5])
    assert gallery.templates(matches[1]).tolist() == [[0, 0], [1, 0]]


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
    gallery = Gallery(identities, templates)
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
        assert [one.distance for one in found] == pytest.approx(
            [far for _, (_, far) in expected], abs=1e-4
        )


def test_few_templates_are_looked_at_in_full_where_that_is_possible():
    random = np.random.default_rng(0)
    few = in_few_directions(random)
    assert len(Gallery(["x"] * 2000, few)._candidates(few[5].astype(np.float32), 1)) < 200
    even = spread_evenly(random)
    assert Gallery(["x"] * 2000, even)._candidates(even[5].astype(np.float32), 1) is None


def test_there_are_no_more_matches_than_identities():
    gallery = Gallery(["a", "a"], np.eye(2, dtype=np.float32))
    assert [one.identity for one in gallery.nearest(np.ones(2), 5)] == ["a"]


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="2 identities"):
        Gallery(["a", "b"], np.zeros((3, 4), np.float32))
    with pytest.raises(ValueError, match="probe"):
        Gallery(["a"], np.zeros((1, 4), np.float32)).nearest(np.zeros(3))
