"""Pair lists that are taken as they are: CSV, or the text form of the LFW protocol.

CSV: the two images (paths below the image root) in the first two columns and a label, 0 or 1, in
the last; what lies between is ignored; a header line may come first.

LFW (http://vis-www.cs.umass.edu/lfw/README.txt), tab-separated: ``name i j`` is a same pair,
``name1 i name2 j`` a different one, image i of a name being ``name/name_000i.jpg``. A first line
may hold the number of same pairs (as many different ones follow them), or the numbers of folds and
of same pairs a fold.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import clean_image_id
from components.pair_example_gen.tables import first_line, read_rows


class ListedPair(NamedTuple):
    """A row of a pair list."""

    image_a: str
    image_b: str
    label: int
    line: int


def read_pair_list(path: str) -> list[ListedPair]:
    """``pairs_of``, all at once."""
    return list(pairs_of(path))


def pairs_of(path: str) -> Iterator[ListedPair]:
    """Reads a pair list in either form, pair by pair; order and repetitions are kept.

    Raises:
      DataError: The file cannot be read, a line has another form, or there are no pairs.
    """
    first = first_line(path).strip()
    is_lfw = "\t" in first or first.isdecimal()
    rows = read_rows(path, delimiter="\t" if is_lfw else ",")
    empty = True
    for pair in _lfw_pairs(rows, path) if is_lfw else _csv_pairs(rows, path):
        empty = False
        yield pair
    if empty:
        raise DataError(f"the pair list {path!r} holds no pairs; remove it or fill it")


def with_suffixes(pairs: Iterable[ListedPair], image_ids: Iterable[str]) -> Iterator[ListedPair]:
    """The pairs by the ids of the images that there are.

    LFW's lists say ``.jpg`` of images that may have been converted to another format: a name that
    is no image's is taken for the one image of the same name but for its suffix.
    """
    known = set(image_ids)
    stems: dict[str, list[str]] = {}
    for image_id in known:
        stems.setdefault(posixpath.splitext(image_id)[0], []).append(image_id)

    def found(name: str) -> str:
        alike = stems.get(posixpath.splitext(name)[0], [])
        return alike[0] if name not in known and len(alike) == 1 else name

    for pair in pairs:
        if pair.image_a in known and pair.image_b in known:
            yield pair
        else:
            yield pair._replace(image_a=found(pair.image_a), image_b=found(pair.image_b))


def _csv_pairs(rows: Iterator[tuple[int, list[str]]], path: str) -> Iterator[ListedPair]:
    for number, (line, row) in enumerate(rows):
        place = f"{path}, line {line}"
        if len(row) < 3:
            raise DataError(f"{place}: {','.join(row)!r}; a row is image_a,image_b,label")
        if row[-1] not in ("0", "1"):
            if number == 0 and not any(re.search(r"\.\w+$", cell) for cell in row[:2]):
                continue  # A header.
            raise DataError(
                f"{place}: label {row[-1]!r} in the last column; write 1 for one person, 0 for two"
            )
        image_a, image_b = clean_image_id(row[0], place), clean_image_id(row[1], place)
        yield ListedPair(image_a, image_b, int(row[-1]), line)


def _lfw_pairs(rows: Iterator[tuple[int, list[str]]], path: str) -> Iterator[ListedPair]:
    announced, count = None, 0
    for number, (line, row) in enumerate(rows):
        if number == 0 and len(row) <= 2 and all(cell.isdecimal() for cell in row):
            folds, same = (1, int(row[0])) if len(row) == 1 else (int(row[0]), int(row[1]))
            announced = 2 * folds * same
            continue
        if len(row) == 3 and row[1].isdecimal() and row[2].isdecimal():
            yield ListedPair(_lfw_image(row[0], row[1]), _lfw_image(row[0], row[2]), 1, line)
        elif len(row) == 4 and row[1].isdecimal() and row[3].isdecimal():
            yield ListedPair(_lfw_image(row[0], row[1]), _lfw_image(row[2], row[3]), 0, line)
        else:
            raise DataError(
                f"{path}, line {line}: {row}; expected are, with tabs between, name i j or "
                "name1 i name2 j"
            )
        count += 1
    if announced is not None and count != announced:
        raise DataError(
            f"{path}: the first line announces {announced} pairs and {count} follow; the file may "
            "be cut off: fetch it again, or remove the first line"
        )


def _lfw_image(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"
