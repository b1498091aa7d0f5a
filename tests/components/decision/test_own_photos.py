"""Pairs of one's own photos, on toy models where a face is a grey."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.decision.own_photos import photos_in, photos_of, score_photos
from components.pair_example_gen.errors import DataError

# Three of Ada, two of Bob, one of Cat.
GREYS = {
    "Ada/1.png": 100,
    "Ada/2.png": 104,
    "Ada/3.png": 90,
    "Bob/1.png": 200,
    "Bob/2.png": 203,
    "Cat/1.png": 50,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, grey in GREYS.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), grey, np.uint8)).save(path)
    return tmp_path / "photos"


class MeanGrey:
    def embed(self, files):
        means = [np.asarray(Image.open(io.BytesIO(file))).mean() for file in files]
        return np.array(means, np.float32)[:, None]

    def distances(self, first, second, a, b):
        return np.abs(first[a] - second[b])[:, 0]


def named(photos) -> set[tuple[str, str]]:
    return {
        tuple(sorted(pair)) for pair in zip(photos.ids[photos.a], photos.ids[photos.b], strict=True)
    }


def test_all_pairs_of_a_folder_are_there_once(root):
    photos = photos_in(root)
    assert len(photos.a) == 6 * 5 // 2
    assert len(named(photos)) == 15
    same = photos.identities[photos.a] == photos.identities[photos.b]
    # 3 pairs of Ada's three photos, 1 of Bob's two.
    assert same.sum() == 4


def test_of_many_pairs_so_many_are_drawn_and_always_the_same(root):
    photos = photos_in(root, max_pairs=3)
    same = photos.identities[photos.a] == photos.identities[photos.b]
    assert same.sum() == 3
    # One of each couple.
    assert (~same).sum() == 3
    drawn = np.stack([photos.identities[photos.a], photos.identities[photos.b]])[:, ~same]
    assert len({tuple(sorted(couple)) for couple in drawn.T.tolist()}) == 3
    assert named(photos) == named(photos_in(root, max_pairs=3))


def test_distances_and_photos_that_cannot_be_used(root):
    (root / "Ada" / "3.png").write_bytes(b"no image")
    pairs, unusable = score_photos(MeanGrey(), photos_in(root), ["small"])
    assert unusable == {"Ada/3.png": "neither JPEG nor PNG"}
    assert (pairs.people, pairs.couples, pairs.images, len(pairs.labels)) == (3, 3, 5, 10)
    assert pairs.labels.sum() == 2
    assert sorted(pairs.distances["plain"][pairs.labels == 1]) == [3, 4]
    assert sorted(pairs.distances["small"][pairs.labels == 0]) == [
        50,
        54,
        96,
        99,
        100,
        103,
        150,
        153,
    ]


def test_a_list_names_pairs_and_folders_people(root, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("Ada/1.png,Ada/2.png,1\nBob/1.png,Cat/1.png,0\n")
    pairs, _ = score_photos(MeanGrey(), photos_of(path, root), [])
    assert pairs.distances["plain"].tolist() == [4, 150]
    assert pairs.identities[pairs.b].tolist() == ["Ada", "Cat"]
    path.write_text("Ada/1.png,Ada/2.png,1\nAda/1.png,Cat/1.png,1\n")
    with pytest.raises(DataError, match=r"line 2: label 1 for 'Ada/1.png' and 'Cat/1.png'"):
        photos_of(path, root)


def test_a_hook_gives_what_is_sent_of_a_photo(root):
    def framed(path: Path) -> bytes | str:
        return "no face" if path.parent.name == "Cat" else path.read_bytes()

    pairs, unusable = score_photos(MeanGrey(), photos_in(root), [], framed)
    assert unusable == {"Cat/1.png": "no face"}
    assert pairs.people == 2


def test_without_a_pair_it_is_said(root):
    with pytest.raises(DataError, match=r"no pair of usable photos .* \(6 of 6 photos"):
        score_photos(MeanGrey(), photos_in(root), [], lambda path: "no face")
    with pytest.raises(DataError, match="not a folder"):
        photos_in(root / "nowhere")
