"""What training reads from TFRecords."""

import numpy as np
import pytest
import tensorflow as tf

from components import features
from components.trainer.inputs.arrays import read_images, read_pairs, room_for

SHAPE = (2, 2, 1)


def write(path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
        for row in rows:
            feature = {
                key: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                if isinstance(value, int)
                else tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for key, value in row.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


def image(image_id: bytes, identity: bytes, fill: int) -> dict:
    return {
        features.IMAGE_ID: image_id,
        features.IDENTITY: identity,
        features.IMAGE_RAW: bytes([fill, fill + 1, fill + 2, fill + 3]),
    }


@pytest.fixture
def folder(tmp_path):
    # Out of order and over two shards, as Beam may write them.
    write(tmp_path / "images" / "a.gz", [image(b"zoe/1", b"zoe", 30), image(b"bob/2", b"bob", 20)])
    write(tmp_path / "images" / "b.gz", [image(b"bob/1", b"bob", 10)])
    return tmp_path


def test_images_come_sorted_by_id_with_pixels_in_place(folder):
    images = read_images(folder / "images", SHAPE)
    assert images.ids.tolist() == [b"bob/1", b"bob/2", b"zoe/1"]
    assert images.people.tolist() == [b"bob", b"zoe"]
    assert images.classes.tolist() == [0, 0, 1]
    assert images.pixels[1].reshape(-1).tolist() == [20, 21, 22, 23]
    assert images.pixels.dtype == np.uint8


def test_a_memory_map_holds_the_same_as_memory(folder, tmp_path):
    held = read_images(folder / "images", SHAPE)
    mapped = read_images(folder / "images", SHAPE, memory_limit=5, spill=tmp_path)
    assert isinstance(mapped.pixels, np.memmap)
    # In the same order, which is not that of the shards: a training is the same from both.
    np.testing.assert_array_equal(mapped.pixels, held.pixels)
    for name in ("ids", "people", "classes"):
        assert getattr(mapped, name).tolist() == getattr(held, name).tolist()
    with pytest.raises(ValueError, match="exceeds 11 bytes and no spill folder is given"):
        read_images(folder / "images", SHAPE, memory_limit=11)


def test_what_is_made_of_mapped_pixels_is_mapped(folder, tmp_path):
    held, mapped = (
        read_images(folder / "images", SHAPE, memory_limit=limit, spill=tmp_path).pixels
        for limit in (12, 11)
    )
    assert not isinstance(room_for((3, 1, 1, 1), held), np.memmap)
    room = room_for((3, 1, 1, 1), mapped)
    assert isinstance(room, np.memmap)
    room[:] = 7
    assert room.sum() == 21
    assert {path.name for path in tmp_path.iterdir()} == {"images", "images.pixels"}


def test_pairs_name_rows(folder):
    images = read_images(folder / "images", SHAPE)
    write(
        folder / "pairs" / "a",
        [
            {features.IMAGE_ID_A: b"zoe/1", features.IMAGE_ID_B: b"bob/2", features.LABEL: 0},
            {features.IMAGE_ID_A: b"bob/2", features.IMAGE_ID_B: b"bob/1", features.LABEL: 1},
        ],
    )
    pairs = read_pairs(folder / "pairs", images)
    assert (pairs.a.tolist(), pairs.b.tolist()) == ([2, 1], [1, 0])
    assert pairs.labels.tolist() == [0, 1]


def test_a_pair_without_its_image_is_an_error(folder):
    images = read_images(folder / "images", SHAPE)
    row = {features.IMAGE_ID_A: b"eve/1", features.IMAGE_ID_B: b"bob/1", features.LABEL: 0}
    write(folder / "pairs" / "a", [row])
    with pytest.raises(ValueError, match="eve/1"):
        read_pairs(folder / "pairs", images)


def test_another_image_size_is_an_error(folder):
    with pytest.raises(ValueError, match="3 x 2 x 1"):
        read_images(folder / "images", (3, 2, 1))


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no TFRecord"):
        read_images(tmp_path, SHAPE)
