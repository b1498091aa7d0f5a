"""Which pairs each split gets: those of its pair lists, or sampled ones."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from absl import logging
from numpy.typing import NDArray

from components import features
from components.pair_example_gen.config import DataConfig, pair_set
from components.pair_example_gen.drawing import DrawnPairs, most_drawn
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.pair_lists import ListedPair, pairs_of, with_suffixes
from components.pair_example_gen.pairing import possible_pairs, sample_pairs
from components.pair_example_gen.sources import Image

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of one pair set: positions in the list of the split's images, int64 [N] each.

    Attributes:
      name: The value of the feature ``pair_set``.
      first: Position of image a.
      second: Position of image b.
      label: 1 for one person, 0 for two.
      beyond_limit: Listed pairs left out because ``limit_identities`` leaves out an identity.
      quarantined: How many listed pairs are left out because they name a quarantined image, by the
        reason of the first such image.
      wanted: How many pairs were to be sampled; None for a list.
    """

    name: str
    first: Indices
    second: Indices
    label: Indices
    beyond_limit: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    wanted: int | None = None

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return len(self.label)

    def summary(self) -> dict[str, Any]:
        """Counts for people to read."""
        same = int(self.label.sum())
        counts: dict[str, Any] = {"same": same, "different": len(self.label) - same}
        if self.wanted is not None:
            return {**counts, "wanted": self.wanted}
        return {
            **counts,
            "left_out_beyond_limit": self.beyond_limit,
            "left_out_quarantined": sum(self.quarantined.values()),
            "left_out_reasons": dict(self.quarantined),
        }


@dataclass(frozen=True)
class SampledByWorkers:
    """Pairs that are drawn where they are written; see ``drawing``.

    Attributes:
      images: Positions in the list of the split's images, person by person, int64 [N].
      sizes: How many of them each person has, int64 [G].
      half: How many pairs of one person, and of two.
      seed: Of ``DrawnPairs``.
      wanted: How many pairs were to be sampled.
    """

    images: Indices
    sizes: Indices
    half: int
    seed: list[int]
    wanted: int

    name = features.SAMPLED

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return 2 * self.half

    def rows(self, start: int, stop: int) -> tuple[Indices, Indices, Indices]:
        """Some of the pairs, as ``Pairs`` has them: ``first``, ``second`` and ``label``."""
        first, second, label = self._drawn.rows(start, stop)
        return self.images[first], self.images[second], label

    def summary(self) -> dict[str, Any]:
        """Counts for people to read."""
        return {"same": self.half, "different": self.half, "wanted": self.wanted}

    @cached_property
    def _drawn(self) -> DrawnPairs:
        return DrawnPairs(self.sizes, self.half, self.seed)


# Of a split: its lists, or one that is sampled.
SplitPairs = list[Pairs] | SampledByWorkers


def parts_of(pairs: SplitPairs) -> Sequence[Pairs | SampledByWorkers]:
    """The pair sets of a split, whatever they are."""
    return [pairs] if isinstance(pairs, SampledByWorkers) else pairs


def read_listed_pairs(
    splits: Mapping[str, Sequence[Image]], every_image: Mapping[str, str], config: DataConfig
) -> dict[str, list[Pairs]]:
    """Reads the pair lists of all splits and looks their images up.

    Args:
      splits: The images of each split.
      every_image: Image id to identity, for all images of the data set, in a split or not.
      config: Names the lists.

    Returns:
      For each split that has pair lists: their pairs, in the lists' order.

    Raises:
      DataError: A pair names an image that does not exist or that is of another split, or its label
        is not what the identities of its images say.
    """
    split_of = {image.identity: split for split, images in splits.items() for image in images}
    listed: dict[str, list[Pairs]] = {}
    for split, images in splits.items():
        position = {image.image_id: index for index, image in enumerate(images)}
        for path in getattr(config.pair_lists, split):
            # Some millions of pairs as objects would take gigabytes.
            rows, listed_pairs = array("q"), 0
            for pair in with_suffixes(pairs_of(path), every_image):
                listed_pairs += 1
                _check(pair, path, split, every_image, split_of, config)
                a, b = position.get(pair.image_a), position.get(pair.image_b)
                if a is not None and b is not None:
                    rows.extend((a, b, pair.label))
            first, second, label = np.array(rows, dtype=np.int64).reshape(-1, 3).T
            beyond_limit = listed_pairs - len(label)
            listed.setdefault(split, []).append(
                Pairs(pair_set(path), first, second, label, beyond_limit)
            )
    return listed


def _check(
    pair: ListedPair,
    path: str,
    split: str,
    every_image: Mapping[str, str],
    split_of: Mapping[str, str],
    config: DataConfig,
) -> None:
    place = f"{path}, line {pair.line}"
    identities = []
    for image_id in (pair.image_a, pair.image_b):
        identity = every_image.get(image_id)
        if identity is None:
            raise DataError(
                f"{place}: {image_id!r} is not among the images of "
                f"{config.image_list or config.images}; mend the path (it is relative to "
                "data.images) or remove the pair"
            )
        actual = split_of.get(identity)
        # With limit_identities an identity may be in no split.
        if actual != split and actual is not None:
            raise DataError(
                f"{place}: {identity!r} ({image_id}) is in the split {actual}, and the list is one "
                f"of data.pair_lists.{split}; a person may be in one split only: move the list, or "
                "give the splits in data.image_list with data.split: given"
            )
        identities.append(identity)
    if pair.label != (identities[0] == identities[1]):
        raise DataError(
            f"{place}: label {pair.label} for {identities[0]!r} ({pair.image_a}) and "
            f"{identities[1]!r} ({pair.image_b}); 1 means one person, 0 two: mend the label or the "
            "identity"
        )


def final_pairs(
    splits: Mapping[str, Sequence[Image]],
    listed: Mapping[str, list[Pairs]],
    quarantined: Mapping[str, str],
    config: DataConfig,
    usable_images: Mapping[str, int] | None = None,
) -> dict[str, SplitPairs]:
    """The pairs of each split once it is known which images are usable.

    Args:
      splits: The images of each split.
      listed: From ``read_listed_pairs``.
      quarantined: Image ids that cannot be used, and why.
      config: How many pairs to sample, and how many may be left out of a list.
      usable_images: How many each split has, if ``splits`` has not all.

    Raises:
      DataError: A split has no pairs, or too many of a list are left out.
    """
    result: dict[str, SplitPairs] = {}
    for number, (split, images) in enumerate(splits.items()):
        usable = np.array([image.image_id not in quarantined for image in images])
        if split in listed:
            reasons = [quarantined.get(image.image_id) for image in images]
            result[split] = [_usable(pairs, reasons, split, config) for pairs in listed[split]]
        else:
            count = getattr(config.pairs, split)
            seed = [config.seed, number]
            result[split] = _sampled(split, images, usable, count, seed, config.pairs_in_memory)
        if not any(pairs.count for pairs in parts_of(result[split])):
            raise no_pairs(split, (usable_images or {}).get(split, int(usable.sum())))
        for pairs in parts_of(result[split]):
            logging.info("Pairs of %s, %s: %s", split, pairs.name, pairs.summary())
    return result


def no_pairs(split: str, usable: int) -> DataError:
    """A split whose images form no pairs."""
    return DataError(
        f"the split {split} has {usable} usable images and no pairs; it needs "
        "at least two persons, one of them with two images: add images, or change "
        "data.shares or data.limit_identities"
    )


def _usable(pairs: Pairs, reasons: Sequence[str | None], split: str, config: DataConfig) -> Pairs:
    unusable = np.array([reason is not None for reason in reasons], dtype=bool)
    keep = ~(unusable[pairs.first] | unusable[pairs.second])
    quarantined = Counter(
        reason
        for a, b in zip(pairs.first[~keep].tolist(), pairs.second[~keep].tolist(), strict=True)
        if (reason := reasons[a] or reasons[b]) is not None
    )
    left_out = quarantined.total()
    if left_out or pairs.beyond_limit:
        logging.warning(
            "%d of the %d pairs of %s in %s are left out: %d name a quarantined image%s, %d an "
            "identity beyond limit_identities",
            left_out + pairs.beyond_limit,
            len(keep) + pairs.beyond_limit,
            pairs.name,
            split,
            left_out,
            "".join(f" ({reason}: {count})" for reason, count in sorted(quarantined.items())),
            pairs.beyond_limit,
        )
    if left_out > config.max_quarantined * len(keep):
        raise DataError(
            f"{left_out} of the {len(keep)} pairs of {pairs.name} in {split} name a quarantined "
            f"image; that is more than data.max_quarantined, {config.max_quarantined:g}: replace "
            "these images, remove the pairs, or raise the limit"
        )
    return Pairs(
        pairs.name,
        pairs.first[keep],
        pairs.second[keep],
        pairs.label[keep],
        pairs.beyond_limit,
        dict(sorted(quarantined.items())),
    )


def _sampled(
    split: str,
    images: Sequence[Image],
    usable: NDArray[np.bool_],
    count: int,
    seed: list[int],
    in_memory: int,
) -> SplitPairs:
    positions = np.flatnonzero(usable)
    identities = np.array([images[index].identity for index in positions.tolist()])
    _, codes = np.unique(identities, return_inverse=True)
    if count > in_memory:
        order = np.argsort(codes, kind="stable")
        sizes = np.bincount(codes)
        if count // 2 <= most_drawn(sizes):
            return SampledByWorkers(positions[order], sizes, count // 2, seed, count)
        warn_of_few_people(split, count, sizes)
    return [sample_at_once(split, positions, codes, count, seed)]


def warn_of_few_people(split: str, count: int, sizes: Indices) -> None:
    """Says that pairs are drawn at once, of people who have so many images each."""
    logging.warning(
        "Split %s: %d pairs are drawn in memory; of its %d people, workers could draw %d",
        split,
        count,
        len(sizes),
        2 * most_drawn(sizes),
    )


def sample_at_once(
    split: str, positions: Indices, codes: Indices, count: int, seed: list[int]
) -> Pairs:
    """Draws pairs by ``sample_pairs``; warns if there are fewer than asked for.

    Args:
      split: To be named.
      positions: Of the images in the split's list, int64 ``[N]``.
      codes: Whom each shows, int64 ``[N]``.
      count: How many pairs to draw.
      seed: Of ``sample_pairs``.
    """
    first, second, label = sample_pairs(codes, count, seed)
    if len(label) < count // 2 * 2:
        _, sizes = np.unique(codes, return_counts=True)
        same, different = possible_pairs(sizes)
        logging.warning(
            "Split %s gets %d pairs instead of %d: its %d images of %d identities form %d pairs of "
            "one person and %d of two, and each half is as large as the smaller of them",
            split,
            len(label),
            count,
            len(positions),
            len(sizes),
            same,
            different,
        )
    return Pairs(features.SAMPLED, positions[first], positions[second], label, wanted=count)
