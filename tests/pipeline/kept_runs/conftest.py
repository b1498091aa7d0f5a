"""A pipeline's folder with runs in ML Metadata, made by hand."""

from pathlib import Path
from typing import Any

import pytest


class Store:
    """Adds runs, executions and artifacts, with a folder and a file for each artifact."""

    def __init__(self, root: Path) -> None:
        from ml_metadata import MetadataStore
        from ml_metadata.proto import metadata_store_pb2

        root.mkdir(parents=True)
        self.root = root
        self.protos: Any = metadata_store_pb2
        connection = self.protos.ConnectionConfig()
        connection.sqlite.filename_uri = str(root / "metadata.sqlite")
        connection.sqlite.connection_mode = 3
        self.store = MetadataStore(connection)

    def run(self, name: str) -> int:
        kind = self.store.put_context_type(self.protos.ContextType(name="pipeline_run"))
        context = self.protos.Context(type_id=kind, name=name)
        return self.store.put_contexts([context])[0]

    def execution(self, run: int, node: str, state: int = 3) -> int:
        kind = self.store.put_execution_type(self.protos.ExecutionType(name=node))
        execution = self.protos.Execution(type_id=kind, last_known_state=state)
        [number] = self.store.put_executions([execution])
        association = self.protos.Association(execution_id=number, context_id=run)
        self.store.put_attributions_and_associations([], [association])
        return number

    def artifact(
        self, execution: int, node: str, output: str, type_name: str, **properties: int | str
    ) -> int:
        folder = self.root / "artifacts" / node / output / str(execution)
        folder.mkdir(parents=True)
        (folder / "file").write_text(output)
        kind = self.store.put_artifact_type(self.protos.ArtifactType(name=type_name))
        artifact = self.protos.Artifact(type_id=kind, uri=str(folder))
        for key, value in properties.items():
            name = "int_value" if isinstance(value, int) else "string_value"
            setattr(artifact.custom_properties[key], name, value)
        [number] = self.store.put_artifacts([artifact])
        self.output(execution, number)
        return number

    def output(self, execution: int, artifact: int) -> None:
        output = self.protos.Event.OUTPUT
        event = self.protos.Event(artifact_id=artifact, execution_id=execution, type=output)
        self.store.put_events([event])

    def states(self) -> list[str]:
        names = self.protos.Execution.State.Name
        return [names(each.last_known_state) for each in self.store.get_executions()]

    def there(self) -> set[str]:
        """The folders of artifacts, as component/output/number."""
        return {
            "/".join(path.parts[-3:])
            for path in (self.root / "artifacts").glob("*/*/*")
            if path.parts[-2] not in (".system", "checkpoints")
        }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs" / "faces")
