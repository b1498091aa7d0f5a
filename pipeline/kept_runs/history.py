"""A pipeline's runs, artifacts and executions in ML Metadata, open for changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.storage import is_address
from pipeline.kept_runs.stored import StoredRuns, stored_runs
from pipeline.launcher.records import Records
from pipeline.owner import owner_of
from pipeline.run_folder import METADATA, OWNER


@dataclass(frozen=True)
class Entry:
    """An artifact as ML Metadata has it.

    Attributes:
        id: Its number.
        type_name: For example ``Model``.
        uri: Where it lies, or lay: a folder of this machine, or an address.
        blessed: The number of the model that it blesses; None of anything else.
    """

    id: int
    type_name: str
    uri: str
    blessed: int | None

    @property
    def folder(self) -> Path | None:
        """Its folder, resolved; None at an address."""
        return None if is_address(self.uri) else Path(self.uri).resolve()


class History(Records):
    """The metadata store of a pipeline, for changes.

    Args:
        root: The pipeline's folder below ``runs_dir``. Nothing runs there meanwhile.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root / METADATA, writable=True)
        self._root, self._name = root, root.name

    def artifacts(self) -> list[Entry]:
        """All artifacts that are not marked as deleted."""
        return [
            Entry(each.id, each.type.rpartition(".")[2], each.uri, _blessed(each))
            for each in self._store.get_artifacts()
            if each.state != self._protos.Artifact.State.DELETED and each.uri
        ]

    def stored(self) -> tuple[list[StoredRuns], list[str]]:
        """Where artifacts lie that are at addresses; and where they lay, and others lie now.

        Raises:
            CommandError: An address cannot be read.
        """
        own = self._root / OWNER
        token = own.read_text(encoding="utf-8") if own.is_file() else None
        ours, others = [], []
        for there in stored_runs(self._name, (each.uri for each in self._store.get_artifacts())):
            owner = owner_of(there.root)
            if owner is None:
                continue  # Nothing is left there.
            if owner == token:
                ours.append(there)
            else:
                others.append(there.root)
        return ours, others

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
