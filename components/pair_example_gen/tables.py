"""Reads the rows of a CSV or tab-separated list, with errors that say where."""

import csv
from collections.abc import Iterator
from pathlib import Path

from components.pair_example_gen.errors import DataError


def local_path(path: str) -> Path:
    """``path``, if it is one that Python's own ``open`` understands.

    Raises:
      DataError: It is a remote address.
    """
    if "://" in path:
        raise DataError(
            f"{path!r} is a remote address; images and lists are read from a local or mounted "
            "folder: mount or copy it first"
        )
    return Path(path)


def read_rows(path: Path, *, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yields the line number and the stripped cells of each row that is not blank.

    Raises:
      DataError: The file cannot be read, is not UTF-8, or has a broken quote.
    """
    line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            for row in reader:
                line = reader.line_num
                if any(cell.strip() for cell in row):
                    yield line, [cell.strip() for cell in row]
    except OSError as error:
        raise DataError(f"the list {str(path)!r} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}, after line {line}: {error}; save it as CSV in UTF-8") from error
