"""Which identity goes to which split: a person is in one split only."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from components import features
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import Image, ImageTable


def hash_fraction(seed: int, identity: str) -> float:
    """A number in [0, 1) that depends on nothing but the two arguments.

    The first 53 bits of the SHA-256 of ``<seed>:<identity>``, as many as a float holds exactly. An
    identity keeps its number when others come or go, so it never moves to another split.
    """
    digest = hashlib.sha256(f"{seed}:{identity}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def first_of_splits(people: int, train: int, val: int) -> tuple[int, int]:
    """Which people are the first of val and of test, in the order of their hashes.

    Of a handful of people the hashes may leave a split with one or none, who make no pair of two:
    it gets those whose hashes lie nearest.

    Args:
      people: How many there are.
      train: How many of them have hashes below the share of train.
      val: How many have hashes below the shares of train and val.
    """
    if people >= 2 * len(features.SPLITS):
        train = min(max(train, 2), people - 4)
        val = min(max(val, train + 2), people - 2)
    return train, val


def in_two_splits(config: DataConfig, identity: str, one: Image, other: Image) -> DataError:
    """A person whom the image list has in two splits."""
    return DataError(
        f"{config.image_list}: the identity {identity!r} is in two splits, {one.split} "
        f"({one.image_id}) and {other.split} ({other.image_id}); put all its images in one"
    )


def no_images(splits: Sequence[str], identities: int, config: DataConfig) -> DataError:
    """Splits into which nobody falls."""
    remedy = (
        "name images for it in the column 'split'"
        if config.split == "given" and splits != [features.VAL]
        else "add identities, or change data.shares, data.val_from_train or data.seed"
    )
    return DataError(
        f"no identity of the {identities} in {config.image_list or config.images} falls into "
        f"the split {' or '.join(splits)}; {remedy}"
    )


def split_images(table: ImageTable, config: DataConfig) -> dict[str, list[Image]]:
    """The images of each split, in the table's order; every split has some.

    With ``limit_identities``, identities beyond that number are in no split.

    Raises:
      DataError: An identity is in two splits, or a split is empty.
    """
    split_of = (
        _given_splits(table, config) if config.split == "given" else _hash_splits(table, config)
    )
    if config.limit_identities:
        split_of = _limited(split_of, config)
    images: dict[str, list[Image]] = {split: [] for split in features.SPLITS}
    for image in table.images:
        if image.identity in split_of:
            images[split_of[image.identity]].append(image)
    empty = [split for split, members in images.items() if not members]
    if empty:
        raise no_images(empty, len({image.identity for image in table.images}), config)
    return images


def _hash_splits(table: ImageTable, config: DataConfig) -> dict[str, str]:
    fractions = {
        identity: hash_fraction(config.seed, identity)
        for identity in {image.identity for image in table.images}
    }
    ordered = sorted(fractions, key=fractions.__getitem__)
    first, second = config.shares.train, config.shares.train + config.shares.val
    train = sum(fraction < first for fraction in fractions.values())
    val = sum(fraction < second for fraction in fractions.values())
    train, val = first_of_splits(len(ordered), train, val)
    return {
        identity: features.TRAIN if at < train else features.VAL if at < val else features.TEST
        for at, identity in enumerate(ordered)
    }


def _given_splits(table: ImageTable, config: DataConfig) -> dict[str, str]:
    split_of: dict[str, str] = {}
    first_image: dict[str, Image] = {}
    for image in table.images:
        if image.split is None:
            raise DataError(
                f"{image.image_id!r} has no split; data.split: given needs a data.image_list with "
                "a column 'split'"
            )
        split = split_of.setdefault(image.identity, image.split)
        first = first_image.setdefault(image.identity, image)
        if split != image.split:
            raise in_two_splits(config, image.identity, first, image)
    if features.VAL not in split_of.values():
        for identity, split in split_of.items():
            if (
                split == features.TRAIN
                and hash_fraction(config.seed, identity) < config.val_from_train
            ):
                split_of[identity] = features.VAL
    return split_of


def _limited(split_of: dict[str, str], config: DataConfig) -> dict[str, str]:
    """The first ``limit_identities`` of each split by hash: a larger limit only adds to them."""
    members: dict[str, list[str]] = defaultdict(list)
    for identity in sorted(split_of, key=lambda who: (hash_fraction(config.seed, who), who)):
        members[split_of[identity]].append(identity)
    return {
        identity: split
        for split, identities in members.items()
        for identity in identities[: config.limit_identities]
    }
