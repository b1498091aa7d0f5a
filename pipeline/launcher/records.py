"""What ML Metadata knows about the runs of a pipeline: executions, artifacts, outcome.

The store is opened read-only. Of a reader and a writer of a SQLite file, one waits for the other.
So the store of a run that goes on is only read when the file has changed, for a few milliseconds;
ML Metadata's writers wait for two seconds before they give up.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.storage import read_file

# ML Metadata's protos carry no types.
Proto = Any

RUN_SUMMARY: Final = "RunSummary"
SUMMARY_FILE: Final = "summary.json"


@dataclass(frozen=True)
class Artifact:
    """One output of an execution.

    Attributes:
        type_name: For example ``Model`` or ``PushedModel``.
        uri: Its folder.
        properties: Its custom properties.
        id: ML Metadata's number for it.
    """

    type_name: str
    uri: str
    properties: Mapping[str, int | float | str]
    id: int = 0


@dataclass(frozen=True)
class Execution:
    """One component of one run.

    Attributes:
        node: The component's id in the pipeline.
        state: ML Metadata's word: ``COMPLETE``, ``CACHED``, ``FAILED``, ``RUNNING``, …
        outputs: What it made, or what the cache gave for it.
        began: Seconds since the epoch.
        ended: When its state last changed; seconds since the epoch.
    """

    node: str
    state: str
    outputs: tuple[Artifact, ...]
    began: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True)
class RunRecord:
    """One run of a pipeline.

    Attributes:
        run_id: TFX's id of the run.
        id: ML Metadata's number for it; a later run has a higher one, whatever the clock says.
        started: Seconds since the epoch.
        executions: In the order in which they began.
    """

    run_id: str
    id: int
    started: float
    executions: tuple[Execution, ...]

    @property
    def failed(self) -> list[str]:
        """The ids of the components that failed."""
        return [each.node for each in self.executions if each.state == "FAILED"]

    @property
    def unfinished(self) -> list[str]:
        """The ids of the components that failed or did not come to their end."""
        return [each.node for each in self.executions if each.state in ("FAILED", "RUNNING")]

    @property
    def artifacts(self) -> list[Artifact]:
        """What the executions made or took from the cache, in their order."""
        return [artifact for each in self.executions for artifact in each.outputs]

    def artifact(self, type_name: str) -> Artifact | None:
        """The last artifact of a type among the outputs of this run, or ``None``."""
        found = [each for each in self.artifacts if each.type_name == type_name]
        return found[-1] if found else None

    def producer_state(self, type_name: str) -> str | None:
        """The state of the execution that put out that artifact."""
        found = [
            each.state
            for each in self.executions
            if any(a.type_name == type_name for a in each.outputs)
        ]
        return found[-1] if found else None

    def summary(self) -> dict[str, Any] | None:
        """What the Report component measured and decided, or ``None`` when it did not run.

        Raises:
            ValueError: The file exists and is not JSON.
        """
        artifact = self.artifact(RUN_SUMMARY)
        if artifact is None:
            return None
        try:
            return json.loads(read_file(artifact.uri, SUMMARY_FILE))
        except FileNotFoundError:
            return None
        except ValueError as error:
            path = f"{artifact.uri}/{SUMMARY_FILE}"
            raise ValueError(f"{path} is not JSON: {error}; delete it and run again") from error


class Records:
    """A pipeline's metadata store.

    Args:
        path: The SQLite file.
        writable: Whether it is opened for changes, too.

    Raises:
        StatusError: It holds no store, or none that can be read now (``ml_metadata.errors``).
    """

    def __init__(self, path: Path, writable: bool = False) -> None:
        from ml_metadata import MetadataStore
        from ml_metadata.proto import metadata_store_pb2

        protos: Any = metadata_store_pb2
        self._protos = protos
        modes = protos.SqliteMetadataSourceConfig
        connection = protos.ConnectionConfig()
        connection.sqlite.filename_uri = str(path)
        connection.sqlite.connection_mode = modes.READWRITE if writable else modes.READONLY
        self._store = MetadataStore(connection)
        self._nodes: dict[int, str] = {}

    def newest_run(self, after: int = 0) -> Proto | None:
        """The context of the newest run with a number above ``after``."""
        runs = (each for each in self._run_contexts() if each.id > after)
        return max(runs, key=lambda run: run.id, default=None)

    def runs(self) -> list[RunRecord]:
        """All runs, the newest first."""
        newest_first = sorted(self._run_contexts(), key=lambda run: run.id, reverse=True)
        return [self.record(each) for each in newest_first]

    def record(self, run: Proto) -> RunRecord:
        """A run with its executions, by its context."""
        started = run.create_time_since_epoch / 1000
        return RunRecord(run.name, run.id, started, self.executions(run))

    def _run_contexts(self) -> list[Proto]:
        return self._store.get_contexts_by_type("pipeline_run")

    def executions(self, run: Proto, with_outputs: bool = True) -> tuple[Execution, ...]:
        """The executions of a run in the order in which they began."""
        found = sorted(self._store.get_executions_by_context(run.id), key=lambda each: each.id)
        return tuple(
            Execution(
                node=self._node(each),
                state=self._protos.Execution.State.Name(each.last_known_state),
                outputs=self._outputs(each) if with_outputs else (),
                began=each.create_time_since_epoch / 1000,
                ended=each.last_update_time_since_epoch / 1000,
            )
            for each in found
        )

    def _node(self, execution: Proto) -> str:
        if execution.id not in self._nodes:
            # A node's context is <pipeline>.<node>, and no pipeline's name of ours has a dot.
            nodes = [
                context.name.partition(".")[2]
                for context in self._store.get_contexts_by_execution(execution.id)
                if context.type == "node"
            ]
            self._nodes[execution.id] = nodes[0] if nodes else execution.type
        return self._nodes[execution.id]

    def _outputs(self, execution: Proto) -> tuple[Artifact, ...]:
        events = self._store.get_events_by_execution_ids([execution.id])
        ids = [each.artifact_id for each in events if each.type == self._protos.Event.OUTPUT]
        return tuple(_artifact(each) for each in self._store.get_artifacts_by_id(ids))


class Watch:
    """The components of a run that begins, as they stand each time it is called.

    Args:
        path: The SQLite file; the run makes it where there is none.
        after: The number of the run before it.
    """

    def __init__(self, path: Path, after: int) -> None:
        self._path = path
        self._after = after
        self._records: Records | None = None
        self._changed = 0
        self._executions: tuple[Execution, ...] = ()

    def __call__(self) -> tuple[Execution, ...]:
        """What is known now, without outputs; as before where the store cannot be read just now."""
        from ml_metadata.errors import StatusError

        with contextlib.suppress(OSError, RuntimeError, StatusError):
            changed = self._path.stat().st_mtime_ns
            if changed != self._changed:
                self._records = self._records or Records(self._path)
                if run := self._records.newest_run(self._after):
                    self._executions = self._records.executions(run, with_outputs=False)
                self._changed = changed
        return self._executions


def last_run(metadata_path: Path, after: int = 0) -> RunRecord | None:
    """The newest run in a pipeline's metadata store.

    Args:
        metadata_path: The SQLite file.
        after: The number of a run; neither it nor an older one is returned.
    """
    if not metadata_path.is_file():
        return None
    records = Records(metadata_path)
    run = records.newest_run(after)
    return None if run is None else records.record(run)


def newest_run_number(metadata_path: Path) -> int:
    """The number of the newest run in a pipeline's metadata store, 0 where there is none."""
    if not metadata_path.is_file():
        return 0
    run = Records(metadata_path).newest_run()
    return 0 if run is None else run.id


def _artifact(artifact: Proto) -> Artifact:
    properties = {}
    for key, value in artifact.custom_properties.items():
        kind = value.WhichOneof("value")
        if kind in ("int_value", "double_value", "string_value"):
            properties[key] = getattr(value, kind)
    # Our own types carry the name of a package for Kubeflow: components.RunSummary.
    return Artifact(artifact.type.rpartition(".")[2], artifact.uri, properties, artifact.id)
