"""Reads the rows of a CSV or tab-separated list, with errors that say where."""

import csv
import io
from collections.abc import Iterator
from typing import TextIO

from components.pair_example_gen.errors import DataError
from components.storage import is_address, read_stored


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
        raise DataError(f"the list {path!r} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}, after line {line}: {error}; save it as CSV in UTF-8") from error


def _opened(path: str) -> TextIO:
    if is_address(path):
        content = io.BytesIO(read_stored(path))
        return io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")
