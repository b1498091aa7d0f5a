"""Data that comes in spans, as TFX calls it: a folder each day or each week, told by a number."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

PLACEHOLDER: Final = "{SPAN}"


class SpanError(ValueError):
    """There is no such span; the message says where it was looked for."""


def with_span(data: Mapping[str, Any]) -> dict[str, Any]:
    """The section ``data`` of a config, with the span that its paths stand for.

    ``{SPAN}`` in ``images`` stands for digits in the name of a file or folder; taken is the largest
    number there is, or ``span``. The same digits go into ``image_list`` and ``pair_lists``.

    Args:
      data: With absolute paths.

    Returns:
      The section with paths that exist, and the number as ``span``.

    Raises:
      SpanError: There is no such span, or nothing that a span could be in.
    """
    images, wanted = str(data.get("images")), data.get("span")
    if wanted is not None and type(wanted) is not int:
        return dict(data)  # which the section's own check refuses
    if PLACEHOLDER not in images:
        if wanted is not None:
            raise SpanError(
                f"data.span is {wanted}, and data.images has no {PLACEHOLDER}: {images}"
            )
        return dict(data)
    parts = Path(images).parts
    place = next(index for index, part in enumerate(parts) if PLACEHOLDER in part)
    folder, pattern = Path(*parts[:place]), re.escape(parts[place])
    pattern = pattern.replace(re.escape(PLACEHOLDER), r"(\d+)", 1)
    if PLACEHOLDER in "/".join(parts[place + 1 :]) or re.escape(PLACEHOLDER) in pattern:
        raise SpanError(f"data.images has {PLACEHOLDER} twice: {images}; leave one")
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise SpanError(f"data.images: {folder} cannot be listed ({error.strerror})") from None
    found = {int(match[1]): match[1] for name in names if (match := re.fullmatch(pattern, name))}
    if not found:
        raise SpanError(f"data.images: {folder} has nothing that is called {parts[place]}")
    number = max(found) if wanted is None else wanted
    if number not in found:
        known = ", ".join(map(str, sorted(found)[-5:]))
        raise SpanError(f"data.span is {number}, and {folder} has no such span; there is {known}")

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(PLACEHOLDER, found[number])
        if isinstance(value, list):
            return [filled(each) for each in value]
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        return value

    paths = {
        key: filled(data[key]) for key in ("images", "image_list", "pair_lists") if key in data
    }
    return {**data, **paths, "span": number}
