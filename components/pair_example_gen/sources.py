"""Which images a data set holds: from a folder per identity, or from an image list.

Standard library only, so that a pipeline can be defined without waiting for numpy or TensorFlow.
"""

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components import features
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.tables import local_path, read_rows

UNKNOWN = "unknown"  # An attribute that the image list leaves empty.

# Files with another suffix are not taken for images. What is neither JPEG nor PNG inside is
# quarantined later, by its content: a forgotten .webp must not vanish without a word.
_IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng"),
        *("bmp", "gif", "webp", "tif", "tiff", "heic", "heif", "avif"),
    )
)


@dataclass(frozen=True)
class Image:
    """One image of a data set, as its source names it; nothing is known of its content.

    Attributes:
      image_id: The path below the image root, with "/" between folders.
      identity: Who is shown.
      attributes: A value for each of ``ImageTable.attribute_names``.
      split: The image list's column ``split``; None where there is no such column.
    """

    image_id: str
    identity: str
    attributes: tuple[str, ...] = ()
    split: str | None = None


@dataclass(frozen=True)
class ImageTable:
    """The images of a data set, in the order of the image list or else sorted by path.

    Attributes:
      attribute_names: The image list's columns besides image, identity and split.
      images: One entry an image.
      ignored: How many files below the root do not have the name of an image.
    """

    attribute_names: tuple[str, ...]
    images: tuple[Image, ...]
    ignored: int = 0


def read_images(config: DataConfig) -> ImageTable:
    """Lists the images of a data set.

    Raises:
      DataError: The root or the list is missing, empty or inconsistent.
    """
    root = local_path(config.images)
    if not root.is_dir():
        raise DataError(
            f"data.images is {config.images!r}, which is not a folder (seen from {Path.cwd()}); "
            "give the folder that holds the images"
        )
    if config.image_list is not None:
        return _from_list(local_path(config.image_list), need_split=config.split == "given")
    return _from_folders(root)


def attribute_names(config: DataConfig) -> list[str]:
    """The data set's own columns to slice by, read from the header of the image list.

    Raises:
      DataError: The list is missing, or its header is not usable.
    """
    if config.image_list is None:
        return []
    path = local_path(config.image_list)
    return _attribute_columns(_header(read_rows(path), path), path)


def _from_folders(root: Path) -> ImageTable:
    loose, ignored, images = [], 0, []
    for parts in _walk(root, ()):
        if posixpath.splitext(parts[-1])[1].lower() not in _IMAGE_SUFFIXES:
            ignored += 1
        elif len(parts) == 1:
            loose.append(parts[0])
        else:
            images.append(Image("/".join(parts), parts[0]))
    if loose:
        raise DataError(
            f"{len(loose)} images, the first of them {loose[0]!r}, lie directly in {root}; move "
            "each into a folder named after its identity, or name identities in data.image_list"
        )
    if not images:
        raise DataError(
            f"no images below {root} ({ignored} other files); expected are <identity>/<image> with "
            "one of the suffixes .jpg .jpeg .png"
        )
    return ImageTable((), tuple(sorted(images, key=lambda image: image.image_id)), ignored)


def _walk(
    root: Path, below: tuple[str, ...], above: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The parts of the path of every visible file below a folder; follows links to folders."""
    folder = os.path.join(root, *below)
    real = os.path.realpath(folder)
    if real in above:
        raise DataError(f"{folder} links to {real}, a folder above it; remove the link")
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if not entry.name.isprintable():
                # Also what no text encoding can hold: such a name reads as lone surrogates.
                raise DataError(
                    f"{entry.name!r} in {folder} holds unprintable characters; rename it"
                )
            if entry.is_dir():
                yield from _walk(root, (*below, entry.name), (*above, real))
            else:
                yield (*below, entry.name)


def _from_list(path: Path, need_split: bool) -> ImageTable:
    rows = read_rows(path)
    header = _header(rows, path)
    names = _attribute_columns(header, path)
    if need_split and "split" not in header:
        raise DataError(
            f"{path} has the columns {', '.join(header)} and no column 'split', which "
            "data.split: given needs; add it, or set data.split: hash"
        )
    images: list[Image] = []
    seen: dict[str, int] = {}
    for line, row in rows:
        place = f"{path}, line {line}"
        if len(row) != len(header):
            raise DataError(
                f"{place}: {len(row)} values for the {len(header)} columns of the header; "
                "quote values that hold a comma"
            )
        value = dict(zip(header, row, strict=True))
        image_id = clean_image_id(value["image"], place)
        if not value["identity"]:
            raise DataError(f"{place}: {image_id!r} has no identity; say who is shown")
        if image_id in seen:
            raise DataError(
                f"{place}: {image_id!r} is listed already, in line {seen[image_id]}; "
                "keep one of the two rows"
            )
        seen[image_id] = line
        split = value.get("split")
        if need_split and split not in features.SPLITS:
            raise DataError(f"{place}: split {split!r}; give one of {', '.join(features.SPLITS)}")
        attributes = tuple(value[name] or UNKNOWN for name in names)
        images.append(Image(image_id, value["identity"], attributes, split))
    if not images:
        raise DataError(f"{path} has a header and no rows; list an image in each row")
    return ImageTable(tuple(names), tuple(images))


def clean_image_id(path: str, place: str) -> str:
    """The image id of a path in a list: relative to the image root, without "." parts.

    Raises:
      DataError: The path is empty or leads out of the image root.
    """
    image_id = posixpath.normpath(path) if path else ""
    if not image_id or image_id in (".", "..") or image_id.startswith(("/", "../")):
        raise DataError(f"{place}: {path!r} is no path below data.images; make it relative to that")
    return image_id


def _header(rows: Iterator[tuple[int, list[str]]], path: Path) -> list[str]:
    _, header = next(rows, (0, []))
    missing = [column for column in ("image", "identity") if column not in header]
    if missing:
        raise DataError(
            f"{path}: no column {' and no column '.join(map(repr, missing))} in {header}; the "
            "first line must read image,identity and may add split and attributes"
        )
    return header


def _attribute_columns(header: list[str], path: Path) -> list[str]:
    """The columns of a header that are attributes, each with a name that a feature can have."""
    for column in header:
        if header.count(column) > 1:
            raise DataError(f"{path}, header: column {column!r} appears twice; rename one of them")
        if not column or "/" in column:
            raise DataError(
                f"{path}, header: {column!r} cannot name a feature; rename the column "
                "(no empty name, no '/')"
            )
    names = [column for column in header if column not in ("image", "identity", "split")]
    for name in names:
        if name in features.RESERVED:
            raise DataError(
                f"{path}, header: the column {name!r} has the name of one of the pipeline's own "
                f"features; rename it, for example to {'my_' + name!r}"
            )
    return names
