"""An address holds the artifacts of one metadata store."""

import uuid
from pathlib import Path

import pytest
import tensorflow as tf

from pipeline.config import PipelineConfig, parse_config
from pipeline.errors import CommandError
from pipeline.owner import own_artifacts


def config(runs: Path, address: str | None) -> PipelineConfig:
    tree = {"name": "faces", "data": {"images": "/faces"}, "runs_dir": str(runs)}
    # TensorFlow's file system in memory, which no config takes.
    return parse_config(tree, "my.yaml", {}).model_copy(update={"pipeline_root": address})


def test_the_artifacts_of_a_store_go_on_and_those_of_another_are_refused(tmp_path: Path) -> None:
    address = f"ram://{uuid.uuid4().hex}/runs"
    own_artifacts(config(tmp_path / "one", address))
    own_artifacts(config(tmp_path / "one", address))
    owner = tmp_path / "one" / "faces" / "owner.txt"
    with tf.io.gfile.GFile(f"{address}/faces/owner.txt") as file:
        assert file.read() == owner.read_text() != ""
    with pytest.raises(CommandError, match=rf"in {address}/faces lie artifacts of other runs than"):
        own_artifacts(config(tmp_path / "two", address))
    # As after "rm -r runs": what is counted anew would come among what was counted before.
    owner.unlink()
    with pytest.raises(CommandError, match="give another address, or delete what lies there"):
        own_artifacts(config(tmp_path / "one", address))
    own_artifacts(config(tmp_path / "two", f"{address}_2"))


def test_folders_of_this_machine_belong_to_nobody(tmp_path: Path) -> None:
    own_artifacts(config(tmp_path, None))
    assert not list(tmp_path.iterdir())
