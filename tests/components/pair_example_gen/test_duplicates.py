"""Photos that stand in a data set more than once."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from components.pair_example_gen import duplicates
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.duplicates import (
    Duplicate,
    check_duplicates,
    find_duplicates,
    picture_hash,
)
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import Image


def encoded(pixels, kind="PNG", **options):
    buffer = io.BytesIO()
    Pillow.fromarray(np.asarray(pixels, np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


def picture(seed):
    """Smooth random light, as a photo has it."""
    noise = np.random.default_rng(seed).integers(0, 256, (160, 120, 3)).astype(np.uint8)
    smooth = Pillow.fromarray(noise).filter(ImageFilter.GaussianBlur(6))
    pixels = np.asarray(smooth, float)
    return np.clip((pixels - pixels.mean()) * 6 + 128, 0, 255)


def test_hashes_by_hand():
    ramp = np.tile(np.arange(170) // 10 * 10, (160, 1))
    # Brighter from each cell to the next one on the right: ones; the other way round: zeros.
    assert picture_hash(encoded(ramp)) == b"\xff" * 32
    assert picture_hash(encoded(ramp[:, ::-1])) == bytes(32)
    half = ramp.copy()
    half[80:] = ramp[80:, ::-1]
    assert picture_hash(encoded(half)) == b"\xff" * 16 + bytes(16)
    # Nothing to tell a plain colour by.
    assert picture_hash(encoded(np.full((50, 50, 3), 77))) is None


def test_a_photo_that_was_encoded_anew_is_found_and_no_other():
    files = {f"p{seed}/1.png": encoded(picture(seed)) for seed in range(12)}
    small = Pillow.fromarray(picture(3).astype(np.uint8)).resize((60, 80))
    files |= {
        "twin/1.jpg": encoded(picture(1), "JPEG", quality=40),
        "twin/2.png": encoded(np.asarray(small)),
        # The same person may have a photo twice.
        "p5/2.jpg": encoded(picture(5), "JPEG", quality=90),
        "plain/1.png": encoded(np.zeros((9, 9))),
        "plain2/1.png": encoded(np.zeros((9, 9))),
    }
    images = [Image(name, name.partition("/")[0]) for name in files]
    # Both photos of p5 are in train.
    train = [image for image in images if image.identity in ("p0", "p1", "p3", "p5", "p7")]
    splits = {"train": train, "test": [image for image in images if image not in train]}
    hashes = {name: picture_hash(content) for name, content in files.items()}
    found = find_duplicates(splits, {name: code for name, code in hashes.items() if code})
    assert {(one.first.image_id, one.second.image_id) for one in found} == {
        ("p1/1.png", "twin/1.jpg"),
        ("p3/1.png", "twin/2.png"),
    }
    assert all(one.between_splits for one in found)
    assert all(
        one.bits
        == np.unpackbits(
            np.frombuffer(hashes[one.first.image_id], np.uint8)
            ^ np.frombuffer(hashes[one.second.image_id], np.uint8)
        ).sum()
        for one in found
    )


def test_a_data_set_of_one_picture_is_refused():
    images = [Image(f"p{number}/1.png", f"p{number}") for number in range(20)]
    same, others = (
        picture_hash(encoded(picture(0))),
        [picture_hash(encoded(picture(n))) for n in range(1, 11)],
    )
    hashes = dict(zip([image.image_id for image in images], [same] * 11 + others[:9], strict=True))
    with pytest.raises(DataError, match=r"11 of 20 images are the same picture, such as 'p"):
        find_duplicates({"train": images}, hashes)
    hashes["p10/1.png"] = others[9]
    assert len(find_duplicates({"train": images}, hashes)) == 10 * 9 // 2


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ({}, "1 photos are in two splits, more than data.max_duplicates_between_splits, 0: a/1"),
        ({"max_duplicates_between_splits": 1}, None),
        (
            {"max_duplicates_between_splits": 1, "max_duplicates_between_people": 1},
            "2 photos are under two people, more than data.max_duplicates_between_people, 1: a/1",
        ),
    ],
)
def test_limits(limits, refused):
    found = [
        Duplicate(Image("a/1", "a"), "train", Image("b/1", "b"), "test", 0),
        Duplicate(Image("c/1", "c"), "val", Image("d/1", "d"), "val", 7),
    ]
    config = DataConfig(images=".", **limits)
    if refused is None:
        check_duplicates(found, config)
        return
    with pytest.raises(DataError, match=refused) as caught:
        check_duplicates(found, config)
    assert "a/1 (a, train) and b/1 (b, test)" in str(caught.value)
    assert duplicates.rows_of(found)[2] == ["c/1", "c", "val", "d/1", "d", "val", "7"]


@pytest.mark.parametrize("many", [10**9, 0], ids=["each with each", "by parts"])
def test_all_that_are_alike_are_found_and_nothing_else(many, monkeypatch):
    monkeypatch.setattr(duplicates, "_MANY", many)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (300, 32), np.uint8)
    # Copies with 15 to 25 bits turned over, anywhere or all in a few bytes.
    for at, bits in enumerate(np.repeat(np.arange(15, 26), 9)):
        inside = 256 if at % 3 else 32
        turned = np.zeros(256, np.uint8)
        turned[rng.permutation(inside)[:bits]] = 1
        codes[299 - at] = codes[at] ^ np.packbits(turned)
    apart = np.unpackbits(codes[:, None] ^ codes[None], axis=2).sum(axis=2)
    # Five people, in two splits.
    images = [Image(f"{at:03d}", f"p{at % 5}") for at in range(300)]
    splits = {"train": images[:150], "test": images[150:]}
    expected = [
        (int(apart[a, b]), a, b)
        for a in range(300)
        for b in range(a + 1, 300)
        if apart[a, b] <= 20 and (a % 5 != b % 5 or (a < 150) != (b < 150))
    ]
    assert len(expected) > 40
    hashes = {image.image_id: code.tobytes() for image, code in zip(images, codes, strict=True)}
    found = duplicates.find_duplicates(splits, hashes)
    assert [
        (one.bits, int(one.first.image_id), int(one.second.image_id)) for one in found
    ] == sorted(expected)
    for one in found:
        assert one.split_of_first == ("train" if int(one.first.image_id) < 150 else "test")
        assert one.split_of_second == ("train" if int(one.second.image_id) < 150 else "test")
