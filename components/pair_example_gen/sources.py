"""Which images a data set holds: from a folder per identity, or from an image list.

Standard library only, so that a pipeline can be defined without waiting for numpy or TensorFlow.
"""

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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


def stored_files(config: DataConfig) -> dict[str, StoredFile] | None:
    """What lies below ``data.images``, in the spans wanted, by path; None of a local folder.

    Raises:
      DataError: The address cannot be listed.
    """
    if not is_address(config.images):
        return None
    found = {}
    for span in config.span_folders or ("",):
        below = f"{span}/" if span else ""
        folder = f"{config.images.rstrip('/')}/{below}".rstrip("/")
        try:
            for file in files_below(folder):
                found[below + file.name] = file
        except StorageError as error:
            raise DataError(f"data.images: {folder} cannot be listed: {error.strerror}") from error
    return found


def read_images(config: DataConfig, stored: Mapping[str, StoredFile] | None = None) -> ImageTable:
    """Lists the images of a data set.

    Args:
      config: Names it.
      stored: From ``stored_files``, where they were asked for already.

    Raises:
      DataError: The root or the list is missing, empty or inconsistent.
    """
    root = config.images
    if not is_address(root) and not Path(root).is_dir():
        raise DataError(
            f"data.images is {root!r}, which is not a folder (seen from {Path.cwd()}); "
            "give the folder that holds the images"
        )
    if config.image_list is not None:
        table = _from_list(config.image_list, need_split=config.split == "given")
        return _in_spans(table, config)
    if stored is None:
        stored = stored_files(config)
    return _from_folders(root, config.span_folders or ("",), stored)


def attribute_names(config: DataConfig) -> list[str]:
    """The data set's own columns to slice by, read from the header of the image list.

    Raises:
      DataError: The list is missing, or its header is not usable.
    """
    if config.image_list is None:
        return []
    path = config.image_list
    return _attribute_columns(_header(read_rows(path), path), path)


def _in_spans(table: ImageTable, config: DataConfig) -> ImageTable:
    """The rows of a list that are of the spans wanted."""
    if not config.span_folders:
        return table
    starts = tuple(f"{folder}/" for folder in config.span_folders)
    images = tuple(image for image in table.images if image.image_id.startswith(starts))
    if not images:
        raise DataError(
            f"{config.image_list} has no image below {' or '.join(config.span_folders)}; with "
            f"data.spans: {config.spans}, its paths start at {config.images}"
        )
    return replace(table, images=images)


def _from_folders(root: str, spans: Sequence[str], stored: Iterable[str] | None) -> ImageTable:
    """What is in a folder an identity, in each of some folders below the root."""
    loose, ignored, images = [], 0, []
    unusable: list[tuple[str, str, str]] = []
    depth = len(_parts(spans[0]))
    if stored is None:
        files = (parts for span in spans for parts in _walk(root, _parts(span), unusable, depth))
    else:
        files = (parts for parts in map(_parts, stored) if _is_visible(parts[depth:]))
    for parts in files:
        if posixpath.splitext(parts[-1])[1].lower() not in _IMAGE_SUFFIXES:
            ignored += 1
        elif len(parts) == depth + 1:
            loose.append("/".join(parts))
        else:
            images.append(Image("/".join(parts), parts[depth]))
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
    _check_twins(root, {image.identity for image in images})
    images.sort(key=lambda image: image.image_id)
    return ImageTable((), tuple(images), ignored, tuple(sorted(unusable)))


def _check_twins(root: str, names: Iterable[str]) -> None:
    """Refuses two folders whose names look alike: are they one person, or two?"""
    seen: dict[str, str] = {}
    for name in sorted(names):
        twin = seen.setdefault(one_name(name), name)
        if twin != name:
            raise DataError(
                f"the folders {twin!a} and {name!a} in {root} are two spellings of one "
                "name; put the photos of one person into one folder, or tell two apart"
            )


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


def _from_list(path: str, need_split: bool) -> ImageTable:
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
    spellings: dict[str, str] = {}
    for line, row in rows:
        place = f"{path}, line {line}"
        if len(row) != len(header):
            raise DataError(
                f"{place}: {len(row)} values for the {len(header)} columns of the header; "
                "quote values that hold a comma"
            )
        value = dict(zip(header, row, strict=True))
        image_id = clean_image_id(value["image"], place)
        # Two spellings that look alike are one person.
        identity = spellings.setdefault(one_name(value["identity"]), value["identity"])
        if not one_name(identity):
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
        images.append(Image(image_id, identity, attributes, split))
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
