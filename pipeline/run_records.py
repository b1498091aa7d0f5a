"""What ML Metadata knows about the runs of a pipeline: executions, artifacts, outcome.

The store is opened read-only, and only when no run writes to it: SQLite would make the two wait
for each other. ``python -m pipeline.run_records CONFIG TYPE`` prints the newest artifact's folder.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# ML Metadata and its protos carry no types.
Store = Any
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
        started: Seconds since the epoch.
        executions: In the order in which they began.
    """

    run_id: str
    started: float
    executions: tuple[Execution, ...]

    @property
    def failed(self) -> list[str]:
        """The ids of the components that failed."""
        return [each.node for each in self.executions if each.state == "FAILED"]

    def artifact(self, type_name: str) -> Artifact | None:
        """The last artifact of a type among the outputs of this run, or ``None``."""
        found = [a for each in self.executions for a in each.outputs if a.type_name == type_name]
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
        path = Path(artifact.uri) / SUMMARY_FILE
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is not JSON: {error}; delete it and run again") from error


def last_run(metadata_path: Path, since: float = 0.0) -> RunRecord | None:
    """The newest run in a pipeline's metadata store.

    Args:
        metadata_path: The SQLite file.
        since: Seconds since the epoch; an older run is not returned.
    """
    if not metadata_path.is_file():
        return None
    store = _open(metadata_path)
    runs = store.get_contexts_by_type("pipeline_run")
    # ML Metadata counts milliseconds.
    runs = [run for run in runs if run.create_time_since_epoch >= int(since * 1000)]
    if not runs:
        return None
    newest = max(runs, key=lambda run: (run.create_time_since_epoch, run.id))
    executions = sorted(store.get_executions_by_context(newest.id), key=lambda each: each.id)
    return RunRecord(
        run_id=newest.name,
        started=newest.create_time_since_epoch / 1000,
        executions=tuple(_execution(store, each) for each in executions),
    )


def _protos() -> Any:
    from ml_metadata.proto import metadata_store_pb2

    return metadata_store_pb2


def _open(metadata_path: Path) -> Store:
    from ml_metadata import MetadataStore

    protos = _protos()

    connection = protos.ConnectionConfig()
    connection.sqlite.filename_uri = str(metadata_path)
    connection.sqlite.connection_mode = protos.SqliteMetadataSourceConfig.READONLY
    return MetadataStore(connection)


def _execution(store: Store, execution: Proto) -> Execution:
    protos = _protos()

    # TFX names a node's context <pipeline>.<node>, and no pipeline's name of ours holds a dot.
    nodes = [
        context.name.partition(".")[2]
        for context in store.get_contexts_by_execution(execution.id)
        if context.type == "node"
    ]
    outputs = [
        event.artifact_id
        for event in store.get_events_by_execution_ids([execution.id])
        if event.type == protos.Event.OUTPUT
    ]
    return Execution(
        node=nodes[0] if nodes else execution.type,
        state=protos.Execution.State.Name(execution.last_known_state),
        outputs=tuple(_artifact(each) for each in store.get_artifacts_by_id(outputs)),
        # ML Metadata counts milliseconds.
        began=execution.create_time_since_epoch / 1000,
        ended=execution.last_update_time_since_epoch / 1000,
    )


def _artifact(artifact: Proto) -> Artifact:
    properties = {}
    for key, value in artifact.custom_properties.items():
        kind = value.WhichOneof("value")
        if kind in ("int_value", "double_value", "string_value"):
            properties[key] = getattr(value, kind)
    # Our own types carry the name of a package for Kubeflow: components.RunSummary.
    return Artifact(artifact.type.rpartition(".")[2], artifact.uri, properties, artifact.id)


def main(argv: list[str] | None = None) -> int:
    """Print where the newest run left an artifact, for scripts and for ``make``."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.run_records", description=main.__doc__
    )
    parser.add_argument("config", type=Path, help="the pipeline's config file")
    parser.add_argument("type_name", metavar="TYPE", help="for example ModelRun or ModelEvaluation")
    args = parser.parse_args(argv)

    from pipeline.config import ConfigError, load_config

    try:
        config = load_config(args.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    run = last_run(config.metadata_path)
    artifact = run.artifact(args.type_name) if run else None
    if artifact is None:
        where = (
            f"the last run in {config.metadata_path}" if run else f"{config.metadata_path}: no run"
        )
        print(
            f"no {args.type_name} in {where}; `make run CONFIG={args.config}` makes one",
            file=sys.stderr,
        )
        return 1
    print(artifact.uri)
    return 0


if __name__ == "__main__":
    sys.exit(main())
