"""Why a run failed, from the log of everything that it printed."""

import re
from collections.abc import Iterable
from typing import Final

_TRACEBACK: Final = "Traceback (most recent call last):"
# Where the text of an exception ends: the next link of a chain, or the next record of a log.
_AFTER_EXCEPTION = re.compile(
    r"During handling of the above exception|The above exception was the direct cause"
    r"|Error while running \"|Exception ignored in|Fatal Python error"
    r"|[IWEF]\d{4} \d\d:\d\d|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
)
_WHILE_RUNNING = re.compile(r" \[while running '[^']*'\]")
_MODULE = re.compile(r"^(?:[a-zA-Z_]\w*\.)+(?=\w+(?::|$))")
_ERROR_LINES: Final = 12


def last_error(lines: Iterable[str]) -> list[str]:
    """The text of the last exception in a log, without its traceback.

    Args:
        lines: The log, line by line.

    Returns:
        ``ValueError: …`` and the lines of its message that follow, at most twelve; empty when the
        log holds no traceback, as when the process was killed.
    """
    found: list[str] = []
    state = "outside"
    ignored = False
    for raw in lines:
        line = raw.rstrip()
        if line.endswith(_TRACEBACK):
            state = "outside" if ignored else "frames"
            ignored = False
            continue
        ignored = line.startswith("Exception ignored in")
        if state == "frames" and line and not line[0].isspace():
            found, state = [], "message"
        if state == "message":
            if _AFTER_EXCEPTION.match(line):
                state = "outside"
            else:
                found.append(line)
    return _shorten(found)


def _shorten(found: list[str]) -> list[str]:
    text = [_WHILE_RUNNING.sub("", line) for line in found if line.strip()]
    # TensorFlow repeats the Python stack inside its message; the log has it.
    text = [line for line in text if not re.match(r"\s*File \"", line)]
    if text:
        text[0] = _MODULE.sub("", text[0])
    if len(text) > _ERROR_LINES:
        half = _ERROR_LINES // 2
        text = [
            *text[:half],
            f"… {len(text) - _ERROR_LINES + 1} lines more in the log …",
            *text[1 - half :],
        ]
    return text
