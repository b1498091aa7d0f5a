"""Splits by identity, with fractions from ``printf '0:h' | sha256sum`` and so on.

For seed 0: h 0.09, f 0.29, g 0.36, d 0.49, j 0.60, a 0.62, i 0.63, c 0.74, b 0.875, e 0.877.
"""

import pytest

from components.pair_example_gen.config import DataConfig, SplitShares
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import Image, ImageTable
from components.pair_example_gen.splitting import hash_fraction, split_images


def table(*rows):
    """``identity`` or ``identity:split`` for each image."""
    images = []
    for number, row in enumerate(rows):
        identity, _, split = row.partition(":")
        images.append(Image(f"{identity}/{number}.jpg", identity, (), split or None))
    return ImageTable((), tuple(images))


def identities(splits):
    return {split: "".join(image.identity for image in images) for split, images in splits.items()}


def given(**options):
    return DataConfig(images="faces", image_list="list.csv", split="given", **options)


def test_the_fraction_is_the_head_of_a_sha256():
    # printf '0:alice' | sha256sum begins with 5be0c0a459e03edf.
    assert hash_fraction(0, "alice") == pytest.approx(0x5BE0C0A459E03EDF / 2**64, abs=1e-15)
    # printf '1:alice' | sha256sum begins with 4cb3513c5c555820.
    assert hash_fraction(1, "alice") == pytest.approx(0x4CB3513C5C555820 / 2**64, abs=1e-15)


def test_identities_are_split_by_their_hash():
    shares = SplitShares(train=0.6, val=0.2, test=0.2)
    splits = split_images(table(*"abcdefghija"), DataConfig(images="faces", shares=shares))
    assert identities(splits) == {"train": "dfghj", "val": "acia", "test": "be"}


def test_of_few_people_each_split_gets_two():
    # By their hashes alone, val would be c only.
    splits = split_images(table(*"abcdefghij"), DataConfig(images="faces"))
    assert identities(splits) == {"train": "adfghj", "val": "ci", "test": "be"}


def test_shares_move_the_bounds():
    config = DataConfig(images="faces", shares=SplitShares(train=0.3, val=0.3, test=0.4))
    assert identities(split_images(table(*"abcdefghij"), config)) == {
        "train": "fh",
        "val": "dgj",
        "test": "abcei",
    }


def test_an_identity_stays_where_it_is_when_others_come():
    few = split_images(table(*"hce"), DataConfig(images="faces"))
    assert identities(few) == {"train": "h", "val": "c", "test": "e"}


def test_a_limit_keeps_the_first_by_hash():
    config = DataConfig(images="faces", limit_identities=2)
    splits = split_images(table(*"abcdefghijff"), config)
    assert identities(splits) == {"train": "fhff", "val": "ci", "test": "be"}


def test_given_splits_are_kept():
    # h's fraction is below val_from_train, which does not count where the list has val rows.
    rows = table("h:train", "b:val", "c:test", "a:train", "h:train")
    assert identities(split_images(rows, given())) == {"train": "hah", "val": "b", "test": "c"}


def test_val_is_taken_from_train_when_the_list_has_none():
    # h and f have a fraction below 0.3; f is in test and stays there.
    rows = table("a:train", "h:train", "f:test", "h:train", "g:train", "b:test")
    splits = split_images(rows, given(val_from_train=0.3))
    assert identities(splits) == {"train": "ag", "val": "hh", "test": "fb"}


def test_an_identity_in_two_splits_is_an_error():
    with pytest.raises(
        DataError, match=r"list.csv: the identity 'a' is in two splits, train \(a/0.jpg\) and test"
    ):
        split_images(table("a:train", "b:val", "a:test"), given())


def test_an_empty_split_is_an_error():
    with pytest.raises(
        DataError, match=r"no identity of the 2 in faces falls into the split val or test; add"
    ):
        split_images(table("h", "g"), DataConfig(images="faces"))


def test_an_empty_given_split_is_an_error():
    with pytest.raises(DataError, match=r"list.csv falls into the split test; name images for it"):
        split_images(table("h:train", "a:train"), given(val_from_train=0.3))
    with pytest.raises(DataError, match=r"falls into the split val; .*data.val_from_train"):
        split_images(table("a:train", "b:test"), given(val_from_train=0.3))
