"""A pipeline's runs, artifacts and executions in ML Metadata, open for changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.launcher.records import Records
from pipeline.run_folder import METADATA


@dataclass(frozen=True)
class Entry:
    """An artifact as ML Metadata has it.

    Attributes:
        id: Its number.
        type_name: For example ``Model``.
        folder: Where it lies, or lay.
        blessed: The number of the model that it blesses; None of anything else.
    """

    id: int
    type_name: str
    folder: Path
    blessed: int | None


class History(Records):
    """The metadata store of a pipeline, for changes.

    Args:
        root: The pipeline's folder below ``runs_dir``. Nothing runs there meanwhile.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root / METADATA, writable=True)

    def artifacts(self) -> list[Entry]:
        """All artifacts that are not marked as deleted."""
        return [
            Entry(each.id, each.type.rpartition(".")[2], Path(each.uri), _blessed(each))
            for each in self._store.get_artifacts()
            if each.state != self._protos.Artifact.State.DELETED and each.uri
        ]

    def mark_deleted(self, artifacts: Iterable[Entry]) -> None:
        """Says of artifacts that they are deleted, so that no run looks for them."""
        ids = [each.id for each in artifacts]
        if ids:
            found = self._store.get_artifacts_by_id(ids)
            for each in found:
                each.state = self._protos.Artifact.State.DELETED
            self._store.put_artifacts(found)

    def cancel_running(self) -> list[str]:
        """Ends the executions that a killed run left as running; returns their types."""
        state = self._protos.Execution.State
        left = [
            each for each in self._store.get_executions() if each.last_known_state == state.RUNNING
        ]
        for each in left:
            each.last_known_state = state.CANCELED
        if left:
            self._store.put_executions(left)
        return [each.type.rpartition(".")[2] for each in left]


def _blessed(artifact: Any) -> int | None:
    values = artifact.custom_properties
    is_blessing = "blessed" in values and "current_model_id" in values
    if is_blessing and values["blessed"].int_value == 1:
        return int(values["current_model_id"].int_value)
    return None
