"""An address holds the artifacts of one metadata store."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from google_storage import Bucket, environment, served

from components.local_copies import SCRATCH_VARIABLE, local_folder
from pipeline.config import PipelineConfig, parse_config
from pipeline.errors import CommandError
from pipeline.owner import own_artifacts, owner_of


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    bucket, authority = Bucket("bucket"), tmp_path / "authority.pem"
    with served(bucket, authority) as address:
        for name, value in environment(address, authority).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(SCRATCH_VARIABLE, "")  # which is changed
        yield bucket


def config(runs: Path, root: str | None, runner: str = "direct") -> PipelineConfig:
    tree = {"name": "faces", "data": {"images": "gs://bucket/faces"}, "runs_dir": str(runs)}
    made = parse_config({**tree, "pipeline_root": root}, "my.yaml", {})
    return made.model_copy(update={"beam": made.beam.model_copy(update={"runner": runner})})


def test_the_artifacts_of_a_store_go_on_and_those_of_another_are_refused(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("runs/faces_2/owner.txt", b"of another pipeline")
    assert owner_of("gs://bucket/runs/faces") is None
    own_artifacts(config(tmp_path / "one", "gs://bucket/runs"))
    own_artifacts(config(tmp_path / "one", "gs://bucket/runs"))
    owner = tmp_path / "one" / "faces" / "owner.txt"
    assert bucket.objects["runs/faces/owner.txt"].decode() == owner.read_text() != ""
    there = "in gs://bucket/runs/faces lie artifacts of other runs than"
    with pytest.raises(CommandError, match=there):
        own_artifacts(config(tmp_path / "two", "gs://bucket/runs"))
    # As after "rm -r runs": what is counted anew would come among what was counted before.
    owner.unlink()
    with pytest.raises(CommandError, match="give another address, or delete what lies there"):
        own_artifacts(config(tmp_path / "one", "gs://bucket/runs"))
    own_artifacts(config(tmp_path / "two", "gs://bucket/others"))
    # Files of whoever.
    bucket.put("photos/faces/Ada/1.jpg", b"x")
    with pytest.raises(CommandError, match="in gs://bucket/photos/faces lie artifacts of other"):
        own_artifacts(config(tmp_path / "two", "gs://bucket/photos"))


def test_a_bucket_that_is_not_there_is_said_at_once(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"pipeline_root: gs://none/faces cannot be read: .*404"):
        own_artifacts(config(tmp_path, "gs://none"))


def test_copies_lie_in_the_folder_of_the_pipeline(bucket: Bucket, tmp_path: Path) -> None:
    scratch = tmp_path / "faces" / "scratch"
    own_artifacts(config(tmp_path, "gs://bucket/runs"))
    bucket.put("runs/faces/Trainer/model/1/a", b"x")
    with local_folder("gs://bucket/runs/faces/Trainer/model/1") as folder:
        assert scratch in Path(folder).parents
    # What a killed run left.
    (scratch / "tmp1").mkdir()
    own_artifacts(config(tmp_path, "gs://bucket/runs"))
    assert list(scratch.iterdir()) == []


def test_folders_of_this_machine_belong_to_nobody(tmp_path: Path) -> None:
    own_artifacts(config(tmp_path, None))
    assert not list(tmp_path.iterdir())
    assert SCRATCH_VARIABLE not in os.environ
    with pytest.raises(CommandError, match=r"whose workers do not see .*; set pipeline_root: gs:"):
        own_artifacts(config(tmp_path, None, "dataflow"))
