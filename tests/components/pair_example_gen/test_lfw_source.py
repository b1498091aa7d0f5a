"""Labeled Faces in the Wild, where it is at hand: lists only, no image is read."""

import os
from pathlib import Path

import pytest

from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.planning import read_listed_pairs
from components.pair_example_gen.sources import attribute_names, read_images
from components.pair_example_gen.splitting import split_images

LFW = Path(os.environ.get("LFW_DIR", "data/lfw"))


@pytest.mark.skipif(not (LFW / "images.csv").is_file(), reason=f"no LFW in {LFW}; set LFW_DIR")
def test_lfw_has_the_published_numbers():
    config = DataConfig(
        align="none",
        images=str(LFW / "images"),
        image_list=str(LFW / "images.csv"),
        split="given",
        pair_lists={"test": [str(LFW / "pairsDevTest.txt"), str(LFW / "verification_test.csv")]},
    )
    table = read_images(config)
    splits = split_images(table, config)
    identities = {split: {image.identity for image in splits[split]} for split in splits}
    assert len(table.images) == 13_233
    assert len({image.identity for image in table.images}) == 5_749
    assert len(splits["test"]) == 3_729
    assert len(identities["test"]) == 1_711
    assert len(identities["train"]) + len(identities["val"]) == 4_038
    assert not identities["train"] & identities["val"]
    assert attribute_names(config) == ["gender"]

    every_image = {image.image_id: image.identity for image in table.images}
    view_1, all_pairs = read_listed_pairs(splits, every_image, config)["test"]
    assert view_1.summary()["same"] == view_1.summary()["different"] == 500
    assert all_pairs.summary()["same"] == 24_618
    assert all_pairs.summary()["different"] == 142_182
