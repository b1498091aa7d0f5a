"""What PairExampleGen tells people: quarantine.csv and summary.json, beside the splits' folders."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from absl import logging
from tfx.utils import io_utils

from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.duplicates import (
    DUPLICATES_FILE,
    Duplicate,
    check_duplicates,
    rows_of,
)
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.planning import SplitPairs, parts_of
from components.pair_example_gen.records import SUMMARY_FILE
from components.pair_example_gen.sources import Image

# An image id, its identity and the reason: a tuple, or a list when it has been through JSON.
Quarantined = Sequence[str]

QUARANTINE_FILE = "quarantine.csv"

_IDS_IN_MESSAGES = 5


def tell_quarantine(
    uri: str,
    unusable: Iterable[Quarantined],
    reports: Iterable[Mapping[str, Any]],
    images: int,
    config: DataConfig,
) -> list[Quarantined]:
    """Writes what is quarantined, if it is not too much.

    Args:
      uri: Of the images artifact.
      unusable: As in ``ImageTable``.
      reports: Of ``WriteImages``.
      images: How many were to be read.
      config: How much may be.

    Returns:
      Image id, identity and reason of each.

    Raises:
      DataError: It is more.
    """
    unread = list(unusable)
    quarantined = [*unread, *(row for report in reports for row in report["quarantined"])]
    check_quarantine(quarantined, len(unread) + images, config.max_quarantined)
    write_quarantine(uri, quarantined)
    return quarantined


def check_quarantine(quarantined: Sequence[Quarantined], total: int, max_share: float) -> None:
    """Refuses a data set of which too much is not usable.

    Args:
      quarantined: Image id, identity and reason of each unusable image.
      total: How many images were read.
      max_share: The largest share of unusable images to go on with.

    Raises:
      DataError: There are more.
    """
    if not quarantined:
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in _reasons(quarantined).items())
    ids = ", ".join(sorted(row[0] for row in quarantined)[:_IDS_IN_MESSAGES])
    message = f"{len(quarantined)} of {total} images are quarantined ({reasons}), the first: {ids}"
    if len(quarantined) > max_share * total:
        raise DataError(
            f"{message}; that is more than data.max_quarantined, {max_share:g}: replace or remove "
            "these images, or raise the limit"
        )
    logging.warning("%s; all are in %s", message, QUARANTINE_FILE)


def write_quarantine(uri: str, quarantined: Sequence[Quarantined]) -> None:
    """Writes image id, identity and reason of each quarantined image, sorted by image id."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image_id", "identity", "reason"])
    writer.writerows(sorted(map(tuple, quarantined)))
    io_utils.write_string_file(f"{uri}/{QUARANTINE_FILE}", text.getvalue())


def tell_duplicates(uri: str, duplicates: Sequence[Duplicate], config: DataConfig) -> None:
    """Writes which photos are alike, whether or not they are too many.

    Raises:
      DataError: They are.
    """
    write_duplicates(uri, duplicates)
    check_duplicates(duplicates, config)


def write_duplicates(uri: str, duplicates: Sequence[Duplicate]) -> None:
    """Writes which photos are under two people or in two splits, the most alike first."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows_of(duplicates))
    io_utils.write_string_file(f"{uri}/{DUPLICATES_FILE}", text.getvalue())
    if duplicates:
        logging.warning(
            "%d photos are under two people or in two splits, such as %s; all are in %s",
            len(duplicates),
            duplicates[0].told(),
            DUPLICATES_FILE,
        )


class SplitCounts(NamedTuple):
    """How many there are in a split.

    Attributes:
      images: That can be used.
      identities: Whom these show.
      quarantined: Images that cannot be used.
    """

    images: int
    identities: int
    quarantined: int


def count_splits(
    splits: Mapping[str, Sequence[Image]], quarantined: Sequence[Quarantined]
) -> dict[str, SplitCounts]:
    """Counts the images of each split, usable or not."""
    unusable = {row[0] for row in quarantined}
    counts = {}
    for split, images in splits.items():
        usable = [image for image in images if image.image_id not in unusable]
        identities = len({image.identity for image in usable})
        counts[split] = SplitCounts(len(usable), identities, len(images) - len(usable))
    return counts


def write_image_summary(
    uri: str,
    splits: Mapping[str, SplitCounts],
    quarantined: Sequence[Quarantined],
    reports: Iterable[Mapping[str, Any]],
    ignored: int,
) -> None:
    """Writes counts of the images artifact.

    Args:
      uri: The artifact.
      splits: What is in each split.
      quarantined: Image id, identity and reason of each unusable image.
      reports: Of ``WriteImages``.
      ignored: How many files below the root are not named like images.
    """
    rotated = sum(report["rotated"] for report in reports)
    if rotated:
        logging.warning(
            "%d images have an EXIF orientation, which the pipeline does not follow: their faces "
            "are seen as stored, perhaps turned; rewrite the files upright if that is not meant",
            rotated,
        )
    _write_json(
        uri,
        {
            "splits": {split: counts._asdict() for split, counts in splits.items()},
            "quarantined": _reasons(quarantined),
            "exif_rotated": rotated,
            "other_files_ignored": ignored,
        },
    )


def summaries_of(pairs: Mapping[str, SplitPairs]) -> dict[str, dict[str, Any]]:
    """Counts of the pairs, for each split and pair set."""
    return {
        split: {part.name: part.summary() for part in parts_of(parts)}
        for split, parts in pairs.items()
    }


def write_pair_summary(uri: str, splits: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes ``summaries_of`` the pairs artifact."""
    _write_json(uri, {"splits": splits})


def _reasons(quarantined: Sequence[Quarantined]) -> dict[str, int]:
    return dict(sorted(Counter(row[2] for row in quarantined).items()))


def _write_json(uri: str, content: Mapping[str, Any]) -> None:
    io_utils.write_string_file(f"{uri}/{SUMMARY_FILE}", json.dumps(content, indent=2) + "\n")
