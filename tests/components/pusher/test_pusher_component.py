"""The component under TFX's own launcher and cache."""

from pathlib import Path

import pytest
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts

from components.pusher import executor
from components.pusher.component import Pusher
from pipeline.launcher.records import Artifact, last_run
from serving.versions import versions_in


def model(folder: Path, content: str) -> Path:
    serving = folder / "Format-Serving"
    serving.mkdir(parents=True)
    (serving / "saved_model.pb").write_text(content)
    return folder


def destination(base: str) -> pusher_pb2.PushDestination:
    return pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=base)
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a pipeline that pushes a model; returns Pusher's state and what it put out."""
    clock = iter(range(100, 200))
    monkeypatch.setattr(executor, "_now", lambda: next(clock))

    def one(source: Path, blessed: int = 1) -> tuple[str | None, Artifact]:
        imported = Importer(str(source), artifact_type=standard_artifacts.Model).with_id("Model")
        blessing = Importer(
            str(source),
            artifact_type=standard_artifacts.ModelBlessing,
            custom_properties={"blessed": blessed},
        ).with_id("Blessing")
        pusher = Pusher(
            model=imported.outputs["result"],
            model_blessing=blessing.outputs["result"],
            push_destination=destination(str(tmp_path / "models")),
        )
        database = tmp_path / "metadata.sqlite"
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="push",
                pipeline_root=str(tmp_path / "artifacts"),
                components=[imported, blessing, pusher],
                enable_cache=True,
                metadata_connection_config=metadata.sqlite_metadata_connection_config(
                    str(database)
                ),
            )
        )
        record = last_run(database)
        pushed = record.artifact("PushedModel")
        return record.producer_state("PushedModel"), pushed

    return one


def test_each_run_leaves_its_model_served_and_an_identical_one_is_cached(run, tmp_path):
    base = tmp_path / "models"
    a, b = model(tmp_path / "a", "a"), model(tmp_path / "b", "b")
    told = []
    for source in (a, a, b, b, a, a):
        state, pushed = run(source)
        assert pushed.properties["pushed"] == 1
        assert pushed.properties["pushed_destination"] == str(
            base / pushed.properties["pushed_version"]
        )
        assert (Path(pushed.uri) / "saved_model.pb").read_text() == source.name
        newest = versions_in(base)[-1]
        assert pushed.properties["pushed_version"] == str(newest)
        assert (base / str(newest) / "saved_model.pb").read_text() == source.name
        told.append((state, newest))
    assert told == [
        ("COMPLETE", 100),
        ("CACHED", 100),
        ("COMPLETE", 101),
        ("CACHED", 101),
        ("COMPLETE", 102),
        ("CACHED", 102),
    ]
    assert versions_in(base) == [100, 101, 102]


def test_what_is_not_blessed_is_not_pushed(run, tmp_path):
    state, pushed = run(model(tmp_path / "a", "a"), blessed=0)
    assert state == "COMPLETE"
    assert pushed.properties["pushed"] == 0
    assert pushed.properties["serving_dir"] == str(tmp_path / "models")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("base", ["", "gs://bucket/models"])
def test_a_folder_that_cannot_be_renamed_in_is_refused(base):
    properties = {"push_destination": executor.proto_utils.proto_to_json(destination(base))}
    with pytest.raises(ValueError, match="needs a folder of a mounted file system"):
        executor.serving_dir(properties)
