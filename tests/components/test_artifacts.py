"""Reading artifacts: which files, rows by the batch, images by id."""

import math
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from components import artifacts
from components.artifacts import (
    image_files,
    input_files,
    model_folder,
    read_columns,
    read_rows,
    split_files,
)
from components.pair_example_gen.records import example_of


def write(path: Path, *rows: dict[str, bytes | int | float]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            writer.write(example_of(row))
    return str(path)


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    names = ("a", "b", "c")
    rows = [{"image_id": f"{name}.jpg".encode(), "image_encoded": name.encode()} for name in names]
    return [write(tmp_path / "0", rows[0]), write(tmp_path / "1", rows[1]), str(tmp_path / "2")]


def test_the_files_of_a_split_are_sorted_and_one_without_is_named(tmp_path: Path) -> None:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path)
    artifact.split_names = artifact_utils.encode_split_names(["train", "val"])
    with pytest.raises(ValueError, match="Split-train holds no TFRecord file"):
        input_files([artifact], "train")
    folder = tmp_path / "Split-train"
    (folder / "a folder").mkdir(parents=True)
    with pytest.raises(ValueError, match="Split-train holds no TFRecord file"):
        split_files(folder)
    files = [write(folder / name) for name in ("pairs-1", "pairs-0")]
    assert input_files([artifact], "train") == split_files(folder) == files[::-1]
    with pytest.raises(ValueError, match="test"):
        input_files([artifact], "test")


def test_rows_come_in_order_over_files_so_many_at_a_time(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "b", {"id": b"1", "n": 1, "x": 0.5}, {"id": b"2", "n": 2}),
        write(tmp_path / "a", {"id": b"3", "n": 3, "x": 1.5}),
    ]
    columns = {"n": int, "id": bytes}
    batches = [
        {name: values.tolist() for name, values in batch.items()}
        for batch in read_rows(files, columns, rows=2)
    ]
    assert batches == [{"n": [1, 2], "id": [b"1", b"2"]}, {"n": [3], "id": [b"3"]}]
    assert list(batches[0]) == ["n", "id"]
    whole = read_columns(files, {**columns, "x": float}, optional=["x"])
    assert (whole["n"].dtype, whole["x"].dtype) == ("int64", "float32")
    assert whole["id"].tolist() == [b"1", b"2", b"3"]
    assert [None if math.isnan(x) else x for x in whole["x"]] == [0.5, None, 1.5]
    with pytest.raises(tf.errors.InvalidArgumentError, match="x"):
        read_columns(files, {"x": float})
    assert len(read_columns([], columns)["n"]) == 0


def test_images_are_found_by_id_and_no_more_is_read_than_needed(
    images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "IMAGE_ROWS", 1)
    # The third file is not there: it would be an error to open it.
    found = image_files(images, [b"b.jpg", b"a.jpg", b"b.jpg"])
    assert found == {b"a.jpg": b"a", b"b.jpg": b"b"}
    assert image_files(images, []) == {}


def test_an_image_that_is_not_there_is_named(images: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^2 images of pairs .*'x.jpg' first; make images"):
        image_files(images[:2], [b"y.jpg", b"a.jpg", b"x.jpg"])


def test_where_a_model_artifact_has_its_saved_model(tmp_path: Path) -> None:
    model = standard_artifacts.Model()
    model.uri = str(tmp_path)
    assert model_folder([model]) == str(tmp_path / "Format-Serving")
