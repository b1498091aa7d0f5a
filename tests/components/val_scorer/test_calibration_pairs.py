"""Distances of pairs on toy models, where a face is a grey and two are as far apart as theirs."""

import hashlib
import io
import weakref

import numpy as np
import pytest
from PIL import Image

from components.val_scorer.calibration_pairs import AskedPairs, CalibrationPairs, score_copies

# Greys by image id; "ada" and "bob" are two people.
GREYS = {"ada/1": 100, "ada/2": 110, "bob/1": 200, "bob/2": 150}


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), grey, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


class MeanGrey:
    """Embeds by the mean grey; remembers how many files it was given."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, files):
        self.embedded += len(files)
        means = [np.asarray(Image.open(io.BytesIO(file))).mean() for file in files]
        return np.array(means, np.float32)[:, None]

    def distances(self, first, second, a, b):
        return np.abs(first[a] - second[b])[:, 0]


def score(pairs, ageings=(), images=None, strangers=0):
    model = MeanGrey()
    images = images or [(name, png(grey)) for name, grey in GREYS.items()]
    labels = np.array([int(a[:3] == b[:3]) for a, b in pairs])
    found = score_copies(model, images, pairs, labels, lambda name: name[:3], ageings, strangers)
    return model, found


PAIRS = [("ada/2", "ada/1"), ("ada/1", "bob/1"), ("bob/1", "ada/1")]


def test_distances_by_hand():
    _, found = score(PAIRS)
    assert found.distances.keys() == {"plain"}
    assert found.distances["plain"].tolist() == [10, 100, 100]
    assert found.labels.tolist() == [1, 0, 0]
    assert found.identities[found.a].tolist() == ["ada", "ada", "bob"]
    assert found.identities[found.b].tolist() == ["ada", "bob", "ada"]
    assert (found.people, found.couples, found.images) == (2, 1, 3)


def test_both_images_of_a_pair_are_aged_and_each_image_is_embedded_once_a_kind():
    model, found = score(PAIRS, ["small", "jpeg"])
    # One grey stays that grey, averaged or as JPEG.
    for kind in ("small", "jpeg"):
        assert found.distances[kind].tolist() == [10, 100, 100]
    # "bob/2" is in no pair.
    assert model.embedded == 3 * 3
    # Gamma makes 100 to 39 or 160, and 110 to 47 or 167, by the lot of each image.
    _, found = score(PAIRS[:1], ["gamma"])
    assert found.distances["gamma"][0] in (8, 7, 128, 113)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    _, found = score(PAIRS, ["blur"])
    found.save(tmp_path / "artifact")
    loaded = CalibrationPairs.load(tmp_path / "artifact")
    assert [path.name for path in (tmp_path / "artifact").iterdir()] == ["pairs.npz"]
    for name in ("ids", "identities", "a", "b", "labels", "added"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(found, name))
    assert loaded.distances.keys() == found.distances.keys()
    for kind, distances in found.distances.items():
        np.testing.assert_array_equal(loaded.distances[kind], distances)


def test_the_digest_is_that_of_the_sorted_rows_in_any_order():
    rows = "ada/1\tbob/1\t0\nada/2\tada/1\t1\nbob/1\tada/1\t0\n"
    expected = hashlib.sha256(rows.encode()).hexdigest()
    assert score(PAIRS)[1].digest() == score(PAIRS[::-1])[1].digest() == expected


def test_strangers_are_added_once_and_can_be_left_out():
    pairs = [("ada/1", "bob/1"), ("ada/2", "bob/2")]
    _, found = score(pairs, ["small"], strangers=100)
    # Of the four pairs of Ada's and Bob's two images, the two others.
    assert found.added.tolist() == [False, False, True, True]
    assert found.labels.tolist() == [0, 0, 0, 0]
    assert sorted(found.distances["plain"][2:]) == [50, 90]
    assert len(found.distances["small"]) == 4
    given = found.given()
    assert given.distances["plain"].tolist() == [100, 40]
    assert (len(given.a), len(given.distances["small"])) == (2, 2)
    assert score(pairs, strangers=0)[1].added.tolist() == [False, False]


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="image 'bob/1', which is not among the images"):
        score(PAIRS, images=[(name, png(1)) for name in ("ada/1", "ada/2")])
    with pytest.raises(ValueError, match="no pair to calibrate on"):
        score([])


def test_the_embeddings_of_one_kind_are_held_at_a_time():
    tables = []

    def embeddings(kind):
        assert all(table() is None for table in tables)
        table = np.float32([[1], [3]]) * (len(tables) + 1)
        tables.append(weakref.ref(table))
        return table

    asked = AskedPairs.of(np.array([[b"ada/1", b"bob/1"]]), np.array([0]), strangers=0)
    kinds = ("plain", "blur", "jpeg")
    found = asked.compared(MeanGrey(), np.array(["ada", "bob"]), kinds, embeddings)
    assert [found.distances[kind].tolist() for kind in kinds] == [[2], [4], [6]]
