"""Artifacts at addresses as folders: in TensorFlow's file system in memory."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.artifacts import split_files
from components.local_copies import local_copies, local_folder, with_local_copies


@pytest.fixture
def address() -> str:
    return f"ram://{uuid.uuid4().hex}/runs"


def at(uri: str) -> Any:
    artifact = standard_artifacts.Model()
    artifact.uri = uri
    return artifact


def write(path: str, content: str) -> None:
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(content)


def read(path: str) -> str:
    with tf.io.gfile.GFile(path) as file:
        return file.read()


def test_inputs_come_and_outputs_go(address: str, tmp_path: Path) -> None:
    write(f"{address}/Trainer/model/7/Format-Serving/saved_model.pb", "graph")
    tf.io.gfile.makedirs(f"{address}/Report/summary/8")
    inputs = {"model": [at(f"{address}/Trainer/model/7")], "here": [at(str(tmp_path))]}
    outputs = {"summary": [at(f"{address}/Report/summary/8")]}
    with local_copies(inputs, outputs):
        [model], [here], [summary] = inputs["model"], inputs["here"], outputs["summary"]
        assert (Path(model.uri) / "Format-Serving/saved_model.pb").read_text() == "graph"
        # So that messages tell which artifact they are about.
        assert model.uri.endswith("runs/Trainer/model/7")
        assert here.uri == str(tmp_path)
        (Path(summary.uri) / "pages").mkdir()
        (Path(summary.uri) / "pages" / "report.html").write_text("page")
    assert model.uri == f"{address}/Trainer/model/7"
    assert summary.uri == f"{address}/Report/summary/8"
    assert read(f"{address}/Report/summary/8/pages/report.html") == "page"


def test_nothing_goes_from_a_component_that_fails(address: str) -> None:
    tf.io.gfile.makedirs(f"{address}/Report/summary/8")
    artifact = at(f"{address}/Report/summary/8")

    class Executor:
        @with_local_copies
        def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:
            [summary] = output_dict["summary"]
            (Path(summary.uri) / "half").write_text("a page")
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        Executor().Do({}, {"summary": [artifact]}, {})
    assert artifact.uri == f"{address}/Report/summary/8"
    assert tf.io.gfile.listdir(artifact.uri) == []


def test_an_input_that_is_gone_is_named(address: str) -> None:
    gone = at(f"{address}/Trainer/model/7")
    with (
        pytest.raises(FileNotFoundError, match=f"^{address}/Trainer/model/7 is not there; run the"),
        local_copies({"model": [gone]}, {}),
    ):
        pass
    assert gone.uri == f"{address}/Trainer/model/7"
    with pytest.raises(FileNotFoundError, match=address), local_folder(f"{address}/x"):
        pass


def test_a_folder_of_this_machine_is_itself(tmp_path: Path) -> None:
    with local_folder(str(tmp_path)) as folder:
        assert folder == str(tmp_path)


def test_a_copy_of_an_address_is_there_while_it_is_needed(address: str) -> None:
    write(f"{address}/a/b.txt", "b")
    with local_folder(f"{address}/a") as folder:
        assert (Path(folder) / "b.txt").read_text() == "b"
    assert not Path(folder).exists()


def test_the_files_of_a_split_at_an_address(address: str) -> None:
    folder = f"{address}/images/3/Split-train"
    with pytest.raises(ValueError, match="Split-train holds no TFRecord file"):
        split_files(folder)
    for name in ("images-00001", "images-00000"):
        write(f"{folder}/{name}", "")
    assert split_files(folder) == [f"{folder}/images-00000", f"{folder}/images-00001"]
