"""The curated schemas that every run's data is checked against."""

from pathlib import Path


def path(kind: str) -> Path:
    """The schema file of ``images`` or ``pairs``."""
    return Path(__file__).parent / f"{kind}.pbtxt"
