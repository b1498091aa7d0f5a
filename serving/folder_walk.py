"""Every file below a folder, each once, whatever links there are."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SEEN_BEFORE: Final = "seen_before"
NOT_A_FILE: Final = "not_a_file"
UNREADABLE: Final = "unreadable"


@dataclass(frozen=True)
class Walked:
    """What stands in a folder.

    Attributes:
        name: Its path below the folder, with slashes.
        fault: None for a file; else why it must not be opened, for people.
        reason: One word for that.
    """

    name: str
    fault: str | None = None
    reason: str = ""


def walk(root: Path) -> Iterator[Walked]:
    """Names every file below a folder, those of real folders first, then those behind links.

    A folder is walked once, however many links lead to it, so that a loop of links has an end; the
    links that are not followed are named with that reason. FIFOs, sockets and devices, which could
    wait forever, are named and never opened.

    Raises:
        OSError: The folder itself cannot be read.
    """
    seen = {_identity(os.stat(root))}
    # Real folders before links, so that a photo has the name where it really is.
    waiting: deque[str] = deque([""])
    links: deque[str] = deque()
    while waiting or links:
        below = waiting.popleft() if waiting else links.popleft()
        folder = root / below
        linked = below != "" and folder.is_symlink()
        if linked:
            status = folder.stat()
            if _identity(status) in seen:
                yield Walked(below, "The folder it links to is read already.", SEEN_BEFORE)
                continue
            seen.add(_identity(status))
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if below == "":
                raise
            yield Walked(below, f"The folder cannot be read ({error.strerror}).", UNREADABLE)
            continue
        for entry in listed:
            name = f"{below}/{entry.name}" if below else entry.name
            try:
                status = entry.stat()
            except OSError as error:
                yield Walked(name, f"It leads nowhere ({error.strerror}).", UNREADABLE)
                continue
            if stat.S_ISREG(status.st_mode):
                yield Walked(name)
            elif not stat.S_ISDIR(status.st_mode):
                yield Walked(name, "This is not a file, but a pipe or a device.", NOT_A_FILE)
            elif entry.is_symlink():
                links.append(name)
            elif _identity(status) not in seen:
                seen.add(_identity(status))
                waiting.append(name)
            else:
                yield Walked(name, "The folder is read already, through a link.", SEEN_BEFORE)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
