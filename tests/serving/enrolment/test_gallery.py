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
    assert gallery.rows([1, 2]).tolist() == [[3, 4], [1, 0]]


def test_it_finds_what_scikit_learn_finds():
    random = np.random.default_rng(0)
    templates = random.standard_normal((2000, 16)).astype(np.float32)
    probes = random.standard_normal((50, 16)).astype(np.float32)
    identities = [f"person-{random.integers(0, 400)}" for _ in templates]
    distances, rows = (
        NearestNeighbors(n_neighbors=100, algorithm="brute").fit(templates).kneighbors(probes)
    )
    gallery = Gallery(identities, templates)
    for probe, distance, row in zip(probes, distances, rows, strict=True):
        # The first template of each identity, in order of distance.
        expected = {}
        for far, at in zip(distance, row, strict=True):
            expected.setdefault(identities[at], (at, far))
        expected = list(expected.items())[:10]
        found = gallery.nearest(probe, 10)
        assert [(one.identity, one.row) for one in found] == [
            (who, at) for who, (at, _) in expected
        ]
        assert [one.distance for one in found] == pytest.approx(
            [far for _, (_, far) in expected], abs=1e-5
        )


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="2 identities"):
        Gallery(["a", "b"], np.zeros((3, 4), np.float32))
    with pytest.raises(ValueError, match="probe"):
        Gallery(["a"], np.zeros((1, 4), np.float32)).nearest(np.zeros(3))
