"""Writes the ``models.config`` that serving reads, with the labels stable and canary.

A label names a version number, and numbers are made by pushes, so this runs after a push:
``faceauth labels`` makes the newest version the canary and leaves stable where it is;
``--stable V`` promotes, and ``--canary V --stable V`` rolls back. Servers poll the file.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.versions import versions_in
from serving.whole_file import whole_file

TEMPLATE: Final = Path(__file__).with_name("models.config")
CONFIG_NAME: Final = "models.config"
STABLE, CANARY = "stable", "canary"


class LabelError(ValueError):
    """A label would name a version that is not there, or not served."""


def next_labels(
    versions: Sequence[int],
    current: Mapping[str, int],
    stable: int | None = None,
    canary: int | None = None,
) -> dict[str, int]:
    """Returns the labels after a push, a promotion or a rollback.

    Args:
        versions: The served versions, oldest first: the newest two.
        current: The labels in force.
        stable: Where stable shall point; by default it stays, or takes the oldest served version
            when its own is no longer served.
        canary: Where canary shall point; by default, to the newest.

    Raises:
        LabelError: There is no version, or a wanted one is not served.
    """
    if not versions:
        raise LabelError("no version is pushed yet; run the pipeline first")
    for label, wanted in ((STABLE, stable), (CANARY, canary)):
        if wanted is not None and wanted not in versions:
            raise LabelError(
                f"{label} cannot be version {wanted}: served are {', '.join(map(str, versions))}"
            )
    kept = current.get(STABLE, versions[0])
    if kept not in versions:
        kept = versions[0]
    return {
        STABLE: kept if stable is None else stable,
        CANARY: versions[-1] if canary is None else canary,
    }


def read_labels(file: Path) -> dict[str, int]:
    """Returns the labels in a ``models.config``; none if there is no file.

    Raises:
        LabelError: The file is damaged.
    """
    if not file.exists():
        return {}
    config = _parse(file)
    return dict(config.model_config_list.config[0].version_labels)


def render(labels: Mapping[str, int], base_path: str | None = None) -> str:
    """Returns the template with labels, in text format.

    Args:
        labels: Version numbers by label.
        base_path: The model's folder, where it is not the containers' ``/models/faceauth``.
    """
    config = _parse(TEMPLATE)
    model = config.model_config_list.config[0]
    for label, version in labels.items():
        model.version_labels[label] = version
    if base_path is not None:
        model.base_path = base_path
    return text_format.MessageToString(config)


def served_versions(models: Path) -> list[int]:
    """Returns the versions the template's policy serves, oldest first."""
    model = _parse(TEMPLATE).model_config_list.config[0]
    count = model.model_version_policy.latest.num_versions
    return versions_in(models / model.name)[-count:]


def write(file: Path, content: str) -> None:
    """Writes a file so that a server that polls it sees the old one or the new one."""
    with whole_file(file) as partial:
        partial.write_text(content, encoding="utf-8")


def _parse(file: Path) -> ModelServerConfig:
    try:
        return text_format.Parse(file.read_text(encoding="utf-8"), ModelServerConfig())
    except text_format.ParseError as error:
        raise LabelError(f"{file}:{error}; delete it, it is written anew") from None


def run(given: argparse.Namespace) -> int:
    """Writes the labels.

    Raises:
        LabelError: There is no version, or a wanted one is not served.
    """
    file = given.models / CONFIG_NAME
    labels = next_labels(
        served_versions(given.models), read_labels(file), given.stable, given.canary
    )
    write(file, render(labels))
    print(f"{file}: stable {labels[STABLE]}, canary {labels[CANARY]}")
    return 0
