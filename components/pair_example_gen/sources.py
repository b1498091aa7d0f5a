"""Which images a data set holds: from a folder per identity, or from an image list.

Standard library only, so that a pipeline can be defined without waiting for numpy or TensorFlow.
"""

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from components import features
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.tables import read_rows
from components.storage import StorageError, StoredFile, files_below, is_address
from serving.names import one_name

UNKNOWN = "unknown"  # An attribute that the image list leaves empty.

# Why something is quarantined before any image is opened.
UNREADABLE_FOLDER = "a folder that may not be read"
ENDLESS = "a link to a folder above it"
NO_TEXT = "its name is no text (UTF-8)"

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
      unusable: What cannot be read or named: place below the root, identity and reason, as in the
        quarantine. What is no text there is written out in ASCII.
    """

    attribute_names: tuple[str, ...]
    images: tuple[Image, ...]
    ignored: int = 0
    unusable: tuple[tuple[str, str, str], ...] = ()


def stored_files(config: DataConfig) -> Iterator[tuple[str, StoredFile]]:
    """What lies below the address ``data.images``, in the spans wanted, with its path below it.

    Raises:
      DataError: The address cannot be listed.
    """
    for span in config.span_folders or ("",):
        below = f"{span}/" if span else ""
        folder = f"{config.images.rstrip('/')}/{below}".rstrip("/")
        try:
            for file in files_below(folder):
                yield below + file.name, file
        except StorageError as error:
            raise DataError(f"data.images: {folder} cannot be listed: {error.strerror}") from error


class Row(NamedTuple):
    """An image, and the line of the image list that names it: 0 where there is no list."""

    image: Image
    line: int = 0


class Listing:
    """The images of a data set one after the other, as its source names them.

    What only all of them show is not looked at: whether one is listed twice, or a person by two
    spellings of one name.

    Attributes:
      ignored: As in ``ImageTable``, of those listed so far.
      unusable: Likewise.
    """

    def __init__(self, config: DataConfig, stored: Iterable[str] | None = None):
        """Names the data set.

        Args:
          config: Names it.
          stored: The paths below the address ``data.images``, where they were listed already.

        Raises:
          DataError: The root is missing.
        """
        root = config.images
        if not is_address(root) and not Path(root).is_dir():
            raise DataError(
                f"data.images is {root!r}, which is not a folder (seen from {Path.cwd()}); "
                "give the folder that holds the images"
            )
        self._config, self._stored = config, stored
        self.ignored = 0
        self.unusable: list[tuple[str, str, str]] = []

    def rows(self) -> Iterator[Row]:
        """Yields the images, in the order of the list or of no meaning.

        Raises:
          DataError: The root or the list cannot be read, has no image, or a row is not usable.
        """
        if self._config.image_list is not None:
            return _listed(self._config, self._config.image_list)
        return self._in_folders()

    def _in_folders(self) -> Iterator[Row]:
        """What is in a folder an identity, in each of some folders below the root."""
        config, count, loose, first_loose = self._config, 0, 0, ""
        spans = config.span_folders or ("",)
        depth = len(_parts(spans[0]))
        for parts in self._files(spans, depth):
            if posixpath.splitext(parts[-1])[1].lower() not in _IMAGE_SUFFIXES:
                self.ignored += 1
            elif len(parts) == depth + 1:
                first_loose = first_loose or "/".join(parts)
                loose += 1
            else:
                count += 1
                yield Row(Image("/".join(parts), parts[depth]))
        if loose:
            raise DataError(
                f"{loose} images, the first of them {first_loose!r}, lie directly in "
                f"{config.images}; move each into a folder named after its identity, or name "
                "identities in data.image_list"
            )
        if not count:
            raise DataError(
                f"no images below {config.images} ({self.ignored} other files); expected are "
                "<identity>/<image> with one of the suffixes .jpg .jpeg .png"
            )

    def _files(self, spans: Sequence[str], depth: int) -> Iterator[tuple[str, ...]]:
        """The parts of the path of every visible file."""
        if not is_address(self._config.images):
            for span in spans:
                yield from _walk(self._config.images, _parts(span), self.unusable, depth)
            return
        stored = self._stored
        if stored is None:
            stored = (path for path, _ in stored_files(self._config))
        for parts in map(_parts, stored):
            if _is_visible(parts[depth:]):
                yield parts


def read_images(config: DataConfig, stored: Iterable[str] | None = None) -> ImageTable:
    """Lists the images of a data set.

    Args:
      config: Names it.
      stored: The paths below the address ``data.images``, where they were listed already.

    Raises:
      DataError: The root or the list is missing, empty or inconsistent.
    """
    listing = Listing(config, stored)
    return _table(config, listing, listing.rows())


def read_some_images(config: DataConfig, stored: Iterable[str] | None = None) -> ImageTable | None:
    """As ``read_images``; None if there are more than ``data.images_in_memory``."""
    listing = Listing(config, stored)
    most = config.images_in_memory
    rows = list(islice(listing.rows(), most + 1))
    return None if len(rows) > most else _table(config, listing, rows)


def _table(config: DataConfig, listing: Listing, rows: Iterable[Row]) -> ImageTable:
    if config.image_list is not None:
        names = tuple(attribute_names(config))
        return ImageTable(names, tuple(_without_twins(rows, config.image_list)))
    images = sorted((image for image, _ in rows), key=lambda image: image.image_id)
    spellings: dict[str, str] = {}
    for identity in sorted({image.identity for image in images}):
        twin = spellings.setdefault(one_name(identity), identity)
        if twin != identity:
            raise two_spellings(twin, identity, config.images)
    return ImageTable((), tuple(images), listing.ignored, tuple(sorted(listing.unusable)))


def _without_twins(rows: Iterable[Row], path: str) -> Iterator[Image]:
    """The images of a list, with one spelling of each name: the first that it has."""
    lines: dict[str, int] = {}
    spellings: dict[str, str] = {}
    for image, line in rows:
        first = lines.setdefault(image.image_id, line)
        if first != line:
            raise listed_twice(image.image_id, path, first, line)
        # Two spellings that look alike are one person.
        name = spellings.setdefault(one_name(image.identity), image.identity)
        yield image if name == image.identity else replace(image, identity=name)


def two_spellings(one: str, other: str, root: str) -> DataError:
    """Two folders whose names look alike: are they one person, or two?"""
    return DataError(
        f"the folders {one!a} and {other!a} in {root} are two spellings of one "
        "name; put the photos of one person into one folder, or tell two apart"
    )


def listed_twice(image_id: str, path: str, first: int, line: int) -> DataError:
    """An image that two lines of a list name."""
    return DataError(
        f"{path}, line {line}: {image_id!r} is listed already, in line {first}; "
        "keep one of the two rows"
    )


def attribute_names(config: DataConfig) -> list[str]:
    """The data set's own columns to slice by, read from the header of the image list.

    Raises:
      DataError: The list is missing, or its header is not usable.
    """
    if config.image_list is None:
        return []
    path = config.image_list
    return _attribute_columns(_header(read_rows(path), path), path)


def _walk(
    root: str,
    below: tuple[str, ...],
    unusable: list[tuple[str, str, str]],
    depth: int,
    above: tuple[str, ...] = (),
) -> Iterator[tuple[str, ...]]:
    """The parts of the path of every visible file below a folder; follows links to folders.

    What cannot be looked into is added to ``unusable``, and the rest goes on. The folders of the
    identities are ``depth`` folders below the root.
    """

    def refuse(parts: tuple[str, ...], reason: str) -> None:
        place = "/".join(parts)
        if not _is_text(place):
            place = ascii(place)[1:-1]
        unusable.append((place, place.split("/")[depth], reason))

    folder = os.path.join(root, *below)
    real = os.path.realpath(folder)
    if real in above:
        refuse(below, ENDLESS)
        return
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        if len(below) == depth:
            raise DataError(f"the folder {folder} may not be read; change its mode") from None
        refuse(below, UNREADABLE_FOLDER)
        return
    for entry in found:
        parts = (*below, entry.name)
        if entry.name.startswith("."):
            continue
        if not _is_text(entry.name):
            refuse(parts, NO_TEXT)
        elif _is_folder(entry):
            yield from _walk(root, parts, unusable, depth, (*above, real))
        else:
            yield parts


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")) if path else ()


def _is_visible(parts: Iterable[str]) -> bool:
    return not any(part.startswith(".") for part in parts)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself
        return False


def _is_text(name: str) -> bool:
    """Whether a name can be written down: bytes that are no UTF-8 read as lone surrogates."""
    return not any("\ud800" <= each <= "\udfff" for each in name)


def _listed(config: DataConfig, path: str) -> Iterator[Row]:
    """The rows of a list that are of the spans wanted."""
    rows = read_rows(path)
    header = _header(rows, path)
    names = _attribute_columns(header, path)
    need_split = config.split == "given"
    if need_split and "split" not in header:
        raise DataError(
            f"{path} has the columns {', '.join(header)} and no column 'split', which "
            "data.split: given needs; add it, or set data.split: hash"
        )
    spans = tuple(f"{folder}/" for folder in config.span_folders) or ("",)
    line = count = 0
    for line, row in rows:
        image = _image_of(row, header, names, need_split, f"{path}, line {line}")
        if image.image_id.startswith(spans):
            count += 1
            yield Row(image, line)
    if not line:
        raise DataError(f"{path} has a header and no rows; list an image in each row")
    if not count:
        raise DataError(
            f"{path} has no image below {' or '.join(config.span_folders)}; with "
            f"data.spans: {config.spans}, its paths start at {config.images}"
        )


def _image_of(
    row: Sequence[str], header: Sequence[str], names: Sequence[str], need_split: bool, place: str
) -> Image:
    if len(row) != len(header):
        raise DataError(
            f"{place}: {len(row)} values for the {len(header)} columns of the header; "
            "quote values that hold a comma"
        )
    value = dict(zip(header, row, strict=True))
    image_id = clean_image_id(value["image"], place)
    identity = value["identity"]
    if not one_name(identity):
        raise DataError(f"{place}: {image_id!r} has no identity; say who is shown")
    split = value.get("split")
    if need_split and split not in features.SPLITS:
        raise DataError(f"{place}: split {split!r}; give one of {', '.join(features.SPLITS)}")
    return Image(image_id, identity, tuple(value[name] or UNKNOWN for name in names), split)


def clean_image_id(path: str, place: str) -> str:
    """The image id of a path in a list: relative to the image root, without "." parts.

    Raises:
      DataError: The path is empty or leads out of the image root.
    """
    image_id = posixpath.normpath(path) if path else ""
    if not image_id or image_id in (".", "..") or image_id.startswith(("/", "../")):
        raise DataError(f"{place}: {path!r} is no path below data.images; make it relative to that")
    return image_id


def _header(rows: Iterator[tuple[int, list[str]]], path: str) -> list[str]:
    _, header = next(rows, (0, []))
    missing = [column for column in ("image", "identity") if column not in header]
    if missing:
        raise DataError(
            f"{path}: no column {' and no column '.join(map(repr, missing))} in {header}; the "
            "first line must read image,identity and may add split and attributes"
        )
    return header


def _attribute_columns(header: list[str], path: str) -> list[str]:
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
