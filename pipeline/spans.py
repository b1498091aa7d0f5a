"""Data that comes in spans, as TFX calls it: a folder each day or each week, told by a number."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from components.storage import files_below, is_address

PLACEHOLDER: Final = "{SPAN}"


class SpanError(ValueError):
    """There is no such span; the message says where it was looked for."""


def with_span(data: Mapping[str, Any]) -> dict[str, Any]:
    """The section ``data`` of a config, with the span or spans that its paths stand for.

    ``{SPAN}`` in ``images`` stands for digits in the name of a file or folder; taken is the largest
    number there is, or ``span``, and with ``spans`` so many numbers up to it. The same digits go
    into ``image_list`` and ``pair_lists``. Of several spans, ``images`` becomes the folder that
    they lie in, and ``span_folders`` says where below it.

    Args:
      data: With absolute paths.

    Returns:
      The section with paths that exist, and the number as ``span``.

    Raises:
      SpanError: There is no such span, or nothing that a span could be in; or a list is for one
        span and several are taken.
    """
    images, wanted, count = str(data.get("images")), data.get("span"), data.get("spans", 1)
    if type(wanted) not in (int, type(None)) or type(count) is not int or count < 1:
        return dict(data)  # which the section's own check refuses
    if data.get("span_folders"):
        raise SpanError("data.span_folders is filled in by data.spans; remove it")
    if PLACEHOLDER not in images:
        for key, value in (("span", wanted), ("spans", count if count > 1 else None)):
            if value is not None:
                raise SpanError(
                    f"data.{key} is {value}, and data.images has no {PLACEHOLDER}: {images}"
                )
        return dict(data)
    if images.count(PLACEHOLDER) > 1:
        raise SpanError(f"data.images has {PLACEHOLDER} twice: {images}; leave one")
    at = images.rindex("/", 0, images.index(PLACEHOLDER))
    folder, below = images[:at] or "/", images[at + 1 :]
    name = below.partition("/")[0]
    found = _spans(folder, name, re.escape(name).replace(re.escape(PLACEHOLDER), r"(\d+)"))
    number = max(found) if wanted is None else wanted
    if number not in found:
        known = ", ".join(map(str, sorted(found)[-5:]))
        raise SpanError(f"data.span is {number}, and {folder} has no such span; there is {known}")
    lists = {key: data[key] for key in ("image_list", "pair_lists") if key in data}
    if count == 1:
        paths = _filled({"images": images, **lists}, found[number])
        return {**data, **paths, "span": number}
    if PLACEHOLDER in json.dumps(lists, default=str):
        raise SpanError(
            f"data.spans is {count}, and a list has {PLACEHOLDER}; give one list for all spans, "
            f"with paths below {folder}"
        )
    taken = sorted(each for each in found if each <= number)[-count:]
    folders = [_filled(below, found[each]) for each in taken]
    return {**data, "images": folder, "span": number, "span_folders": folders}


def _spans(folder: str, name: str, pattern: str) -> dict[int, str]:
    """The numbers of the spans in a folder, and their digits as they are written there."""
    try:
        if is_address(folder):
            names = sorted({file.name.partition("/")[0] for file in files_below(folder)})
        else:
            names = sorted(os.listdir(folder))
    except OSError as error:
        raise SpanError(f"data.images: {folder} cannot be listed ({error.strerror})") from None
    found = {int(match[1]): match[1] for each in names if (match := re.fullmatch(pattern, each))}
    if not found:
        raise SpanError(f"data.images: {folder} has nothing that is called {name}")
    return found


def _filled(value: Any, digits: str) -> Any:
    """A value of a config with the digits in all of its texts."""
    if isinstance(value, str):
        return value.replace(PLACEHOLDER, digits)
    if isinstance(value, list):
        return [_filled(each, digits) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, digits) for key, each in value.items()}
    return value
