"""The version folders of a served model."""

from pathlib import Path
from typing import Final

SAVED_MODEL: Final = "saved_model.pb"


def versions_in(base: Path) -> list[int]:
    """Returns the versions in a model's folder, oldest first; none if there is no folder.

    A version is a folder whose name is a number, as numbers are written: one that is being pushed
    has another name.

    Raises:
        OSError: The folder cannot be read.
    """
    if not base.is_dir():
        return []
    return sorted(
        int(entry.name)
        for entry in base.iterdir()
        if entry.name.isdecimal() and entry.name == str(int(entry.name)) and entry.is_dir()
    )


def newest_version(folder: Path) -> Path:
    """Returns a version's folder as it is, or the newest in a folder of versions.

    Raises:
        ValueError: It is neither.
    """
    if (folder / SAVED_MODEL).is_file():
        return folder
    for version in reversed(versions_in(folder)):
        if (folder / str(version) / SAVED_MODEL).is_file():
            return folder / str(version)
    raise ValueError(f"{folder} is neither a SavedModel nor a folder of versions of one")
