"""A pipeline's folder with runs in ML Metadata, made by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google_storage import Bucket, environment, served


class Store:
    """Adds runs, executions and artifacts, with a folder and a file for each artifact."""

    def __init__(self, root: Path) -> None:
        from ml_metadata import MetadataStore
        from ml_metadata.proto import metadata_store_pb2

        root.mkdir(parents=True)
        self.root = root
        # Where artifacts go.
        self.artifacts = f"{root}/artifacts"
        self.bucket: Bucket | None = None
        self.protos: Any = metadata_store_pb2
        connection = self.protos.ConnectionConfig()
        connection.sqlite.filename_uri = str(root / "metadata.sqlite")
        connection.sqlite.connection_mode = 3
        self.store = MetadataStore(connection)

    def put(self, path: str, content: bytes) -> None:
        """Writes a file of an artifact, wherever it is."""
        if self.bucket is not None:
            self.bucket.put(path.removeprefix(f"gs://{self.bucket.name}/"), content)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)

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
        uri = f"{self.artifacts}/{node}/{output}/{execution}"
        self.put(f"{uri}/file", output.encode())
        kind = self.store.put_artifact_type(self.protos.ArtifactType(name=type_name))
        artifact = self.protos.Artifact(type_id=kind, uri=uri)
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
        if self.bucket is not None:
            names = (name.split("/")[2:] for name in self.bucket.names("runs/faces/"))
            return {
                "/".join(name[:3])
                for name in names
                if len(name) > 3 and name[1] not in (".system", "checkpoints")
            }
        return {
            "/".join(path.parts[-3:])
            for path in (self.root / "artifacts").glob("*/*/*")
            if path.parts[-2] not in (".system", "checkpoints")
        }


@pytest.fixture
def bucket_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """One whose artifacts lie in a bucket."""
    store = Store(tmp_path / "runs" / "faces")
    store.bucket = Bucket("bucket")
    store.artifacts = "gs://bucket/runs/faces"
    (store.root / "owner.txt").write_text("this one")
    store.put(f"{store.artifacts}/owner.txt", b"this one")
    authority = tmp_path / "authority.pem"
    with served(store.bucket, authority) as address:
        for name, value in environment(address, authority).items():
            monkeypatch.setenv(name, value)
        yield store


@pytest.fixture(params=["folder", "bucket"])
def anywhere(request: pytest.FixtureRequest) -> Store:
    """Both, one after the other."""
    name = "store" if request.param == "folder" else "bucket_store"
    found: Store = request.getfixturevalue(name)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs" / "faces")
