"""Listed pairs are looked up and checked; quarantined images leave the rest."""

import numpy as np
import pytest

from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.planning import final_pairs, read_listed_pairs
from components.pair_example_gen.sources import Image

SPLITS = {
    "train": [Image("a/1", "a"), Image("a/2", "a"), Image("b/1", "b"), Image("b/2", "b")],
    "val": [Image("c/1", "c"), Image("c/2", "c"), Image("d/1", "d")],
    "test": [Image("e/1", "e"), Image("e/2", "e"), Image("f/1", "f")],
}
EVERY_IMAGE = {image.image_id: image.identity for images in SPLITS.values() for image in images}


@pytest.fixture
def config(tmp_path):
    def make(rows="", split="test", **options):
        path = tmp_path / "given.csv"
        path.write_text(rows)
        lists = {split: [str(path)]} if rows else {}
        return DataConfig(images="faces", pair_lists=lists, **options)

    return make


def rows_of(part):
    return np.stack([part.first, part.second, part.label], axis=1).tolist()


def test_listed_pairs_keep_order_and_repetitions(config):
    rows = "f/1,e/2,0\ne/1,e/2,1\nf/1,e/2,0\n"
    (part,) = read_listed_pairs(SPLITS, EVERY_IMAGE, config(rows))["test"]
    assert part.name == "given"
    assert rows_of(part) == [[2, 1, 0], [0, 1, 1], [2, 1, 0]]


@pytest.mark.parametrize(
    ("row", "split", "message"),
    [
        (
            "e/1,e/9,1",
            "test",
            r"given.csv, line 2: 'e/9' is not among the images of faces; mend",
        ),
        (
            "a/1,e/1,0",
            "test",
            r"line 2: 'a' \(a/1\) is in the split train, and the list is one of ",
        ),
        ("e/1,f/1,0", "val", r"line 1: 'e' \(e/1\) is in the split test, .* data.pair_lists.val"),
        (
            "e/1,f/1,1",
            "test",
            r"line 2: label 1 for 'e' \(e/1\) and 'f' \(f/1\); 1 means one person",
        ),
        ("e/1,e/2,0", "test", r"line 2: label 0 for 'e' \(e/1\) and 'e' \(e/2\)"),
    ],
)
def test_pairs_that_do_not_fit_are_errors(config, row, split, message):
    with pytest.raises(DataError, match=message):
        read_listed_pairs(SPLITS, EVERY_IMAGE, config(f"e/1,e/2,1\n{row}\n", split))


def test_pairs_beyond_the_limit_are_left_out_and_counted(config):
    every_image = {**EVERY_IMAGE, "g/1": "g"}
    rows = "e/1,g/1,0\ne/1,e/2,1\n"
    (part,) = read_listed_pairs(SPLITS, every_image, config(rows, limit_identities=2))["test"]
    assert rows_of(part) == [[0, 1, 1]]
    assert part.beyond_limit == 1


def test_pairs_with_a_quarantined_image_are_left_out_and_counted(config):
    settings = config("f/1,e/2,0\ne/1,e/2,1\ne/1,f/1,0\n")
    listed = read_listed_pairs(SPLITS, EVERY_IMAGE, settings)
    settings = settings.model_copy(update={"max_quarantined": 0.7})
    (part,) = final_pairs(SPLITS, listed, {"e/2": "no_face"}, settings)["test"]
    assert rows_of(part) == [[0, 2, 0]]
    assert part.summary() == {
        "same": 0,
        "different": 1,
        "left_out_beyond_limit": 0,
        "left_out_quarantined": 2,
        "left_out_reasons": {"no_face": 2},
    }


def test_too_many_pairs_left_out_are_an_error(config):
    settings = config("f/1,e/2,0\ne/1,e/2,1\ne/1,f/1,0\n")
    listed = read_listed_pairs(SPLITS, EVERY_IMAGE, settings)
    settings = settings.model_copy(update={"max_quarantined": 0.6})
    with pytest.raises(DataError, match=r"2 of the 3 pairs of .* name a quarantined image"):
        final_pairs(SPLITS, listed, {"e/2": "no_face"}, settings)


def test_splits_without_a_list_are_sampled_from_usable_images(config):
    pairs = final_pairs(SPLITS, {}, {"a/1": "corrupt"}, config())
    (train,) = pairs["train"]
    # Left are a/2, b/1 and b/2: one same pair, and one different one to match.
    assert train.name == "sampled"
    assert train.summary() == {"same": 1, "different": 1, "wanted": 40_000}
    assert 0 not in {*train.first.tolist(), *train.second.tolist()}
    same = train.label == 1
    assert {train.first[same].item(), train.second[same].item()} == {2, 3}


def test_splits_are_sampled_independently():
    images = [Image(f"{who}/{number}", f"{who}") for who in range(20) for number in range(5)]
    config = DataConfig(images="faces", pairs={"train": 20, "val": 20, "test": 20})
    # The splits of this test hold the same images, so that only their seeds tell them apart.
    pairs = final_pairs(dict.fromkeys(SPLITS, images), {}, {}, config)
    samples = {str(rows_of(part)) for (part,) in pairs.values()}
    assert len(samples) == 3


def test_a_split_without_pairs_is_an_error(config):
    with pytest.raises(
        DataError, match=r"the split val has 2 usable images and no pairs; it needs"
    ):
        final_pairs(SPLITS, {}, {"c/1": "corrupt"}, config())


def test_a_list_without_usable_pairs_is_an_error(config):
    settings = config("e/1,e/2,1\n")
    listed = read_listed_pairs(SPLITS, EVERY_IMAGE, settings)
    with pytest.raises(DataError, match=r"the split test has 2 usable images and no pairs"):
        final_pairs(
            SPLITS,
            listed,
            {"e/1": "corrupt"},
            settings.model_copy(update={"max_quarantined": 1.0}),
        )
