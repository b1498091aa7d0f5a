"""Reads the rows of a CSV or tab-separated list, with errors that say where."""

import csv
import io
from collections.abc import Iterator
from typing import TextIO

from components.pair_example_gen.errors import DataError
from components.storage import is_address, open_stored


def read_rows(path: str, *, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yields the line number and the stripped cells of each row that is not blank.

    Raises:
      DataError: The file cannot be read, is not UTF-8, or has a broken quote.
    """
    line = 0
    try:
        with _opened(path) as lines:
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            for row in reader:
                line = reader.line_num
                if any(cell.strip() for cell in row):
                    yield line, [cell.strip() for cell in row]
    except OSError as error:
        raise _unreadable(path, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unusable(path, line, error) from error


def first_line(path: str) -> str:
    """The first line of a list that is not blank, as it is; empty if there is none.

    Raises:
      DataError: The file cannot be read, or is not UTF-8.
    """
    try:
        with _opened(path) as lines:
            return next((line for line in lines if line.strip()), "")
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise _unusable(path, 0, error) from error


def _unreadable(path: str, error: OSError) -> DataError:
    return DataError(f"the list {path!r} cannot be read: {error.strerror}")


def _unusable(path: str, line: int, error: Exception) -> DataError:
    return DataError(f"{path}, after line {line}: {error}; save it as CSV in UTF-8")


def _opened(path: str) -> TextIO:
    if is_address(path):
        return io.TextIOWrapper(open_stored(path), encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")
