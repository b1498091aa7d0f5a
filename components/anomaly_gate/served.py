"""How far what is served is from what is trained on, by TFDV's comparators."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from components.anomaly_gate.drift import FEWEST, compared_findings, examples_in, mean_of
from components.anomaly_gate.findings import Finding
from components.storage import read_content
from serving.served_file import COLUMNS, VARIABLE

_MEND: Final = (
    "train on photos like those that are served, or mend what serves them; to only report it, set "
    "validation.stop_on_anomalies: false, or raise the threshold"
)
_WHOLE: Final = ("width", "height", "channels")
# No side of a photo is longer.
_MOST: Final = 10**6


class ServedPhotosError(ValueError):
    """The file of served photos cannot be used."""


def read_served(path: str) -> bytes:
    """The file of served photos.

    Raises:
      ServedPhotosError: It cannot be read.
    """
    try:
        return read_content(path)
    except OSError as error:
        raise ServedPhotosError(
            f"validation.served_photos: {path} cannot be read ({error.strerror}); those who serve "
            f"write it, with {VARIABLE} in their environment. Give its path, or remove the key"
        ) from error


def served_photos(content: bytes, path: str, days: int | None) -> Any:
    """What served photos are like.

    Args:
      content: Of the file.
      path: Of it, for messages.
      days: So many of the last days that are in it; None takes all.

    Returns:
      A data frame with the columns of ``serving.served_photos`` but the day.

    Raises:
      ServedPhotosError: It is no such file; the message names the line.
    """
    import pandas as pd

    rows = list(_rows(content, path))
    if days is not None and rows:
        since = max(day for day, _ in rows) - timedelta(days=days - 1)
        rows = [(day, values) for day, values in rows if day >= since]
    return pd.DataFrame([values for _, values in rows], columns=list(COLUMNS[1:]))


def skew_findings(split: str, trained: Any, served: Any, schema: Any) -> list[Finding]:
    """The features in which a split is not like what is served.

    Args:
      split: The split's name.
      trained: ``DatasetFeatureStatisticsList`` of the split.
      served: From ``served_photos``.
      schema: Its features' ``skew_comparator`` has the thresholds, of the Jensen-Shannon divergence
        (Lin 1991).

    Returns:
      A finding for each feature beyond its threshold, with both means. None where either has fewer
      than ``FEWEST`` photos.
    """
    if min(len(served), examples_in(trained)) < FEWEST:
        return []
    import tensorflow_data_validation as tfdv

    there = tfdv.generate_statistics_from_dataframe(served)
    anomalies = tfdv.validate_statistics(trained, schema, serving_statistics=there)
    return compared_findings(
        split,
        anomalies,
        "Training photos are not like those that are served",
        lambda name: (
            f"Its mean is {mean_of(trained, name):.4g}, and of what is served "
            f"{served[name].mean():.4g}."
        ),
        _MEND,
    )


def _rows(content: bytes, path: str) -> Iterator[tuple[date, list[float]]]:
    header, *lines = content.decode("utf-8-sig", "replace").split("\n")
    if header.strip() != ",".join(COLUMNS):
        raise ServedPhotosError(
            f"validation.served_photos: {path} does not begin with the line {','.join(COLUMNS)}; "
            f"give a file that was written with {VARIABLE}"
        )
    for number, line in enumerate(lines, 2):
        if line.strip():
            yield _row(line.strip().split(","), path, number)


def _row(row: list[str], path: str, line: int) -> tuple[date, list[float]]:
    if len(row) != len(COLUMNS):
        raise _bad(path, line, f"{len(row)} values instead of {len(COLUMNS)}")
    try:
        day = date.fromisoformat(row[0])
        # In UTC, which may be a day ahead of here.
        if day > date.today() + timedelta(days=1):
            raise ValueError(f"{day} is yet to come")
        values = [_number(name, text) for name, text in zip(COLUMNS[1:], row[1:], strict=True)]
    except ValueError as error:
        raise _bad(path, line, str(error)) from None
    return day, values


def _number(name: str, text: str) -> float:
    value = float(text)
    if not 0 <= value <= _MOST or (name in _WHOLE and not value.is_integer()):
        raise ValueError(f"{text[:20]!r} is no {name}")
    return int(value) if name in _WHOLE else value


def _bad(path: str, line: int, what: str) -> ServedPhotosError:
    return ServedPhotosError(
        f"validation.served_photos: {path}, line {line}: {what}; delete the line, or give another "
        "file"
    )
