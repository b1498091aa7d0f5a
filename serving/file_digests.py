"""The SHA-256 of every file below a folder."""

import hashlib
from collections.abc import Collection
from pathlib import Path


def file_digests(folder: Path, but: Collection[Path] = ()) -> dict[str, str]:
    """Returns the SHA-256 of every file below a folder, as hexadecimal digits by relative path.

    Args:
        folder: Where to look.
        but: Relative paths that are left out.

    Raises:
        OSError: A file cannot be read.
    """
    digests = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_dir() or name in but:
            continue
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(2**20):
                digest.update(block)
        digests[name.as_posix()] = digest.hexdigest()
    return digests


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Returns what happened to files between two ``file_digests``, sorted: a clause for each."""
    return sorted(
        [
            *(
                f"{name} was changed"
                for name in before
                if now.get(name, before[name]) != before[name]
            ),
            *(f"{name} is missing" for name in before if name not in now),
            *(f"{name} was added" for name in now if name not in before),
        ]
    )
