"""What TensorBoard's projector reads, read back with TensorBoard's own code."""

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import projector_plugin
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from components.projector import sprite_sheet, write_projector

RED, BLUE = Image.new("RGB", (48, 48), "red"), Image.new("RGB", (48, 24), "blue")
GREY = Image.new("L", (96, 96), 130)


def test_sprites_stand_row_by_row():
    # Three images make two rows of two; the last place stays black.
    sheet = sprite_sheet([RED, GREY, BLUE])
    assert sheet.size == (96, 96)
    assert sheet.getpixel((24, 24)) == (255, 0, 0)
    assert sheet.getpixel((72, 24)) == (130, 130, 130)
    # A wide picture lies in the middle of its place.
    assert sheet.getpixel((24, 72)) == (0, 0, 255)
    assert sheet.getpixel((24, 50)) == (0, 0, 0)
    assert sheet.getpixel((72, 72)) == (0, 0, 0)


def test_more_sprites_than_fit_are_refused():
    # 170 of 48 px in 8192.
    with pytest.raises(ValueError, match="28901 pictures; a sprite sheet has room for 28900"):
        sprite_sheet([RED] * 28_901)


@pytest.mark.parametrize("pictures", [[RED, BLUE], None])
def test_tensorboard_reads_what_was_written(tmp_path, pictures):
    embeddings = np.array([[0.5, -1.25, 3.0], [1e-5, 0.0, 1.0]], np.float32)
    labels = {"identity": ["a", "b\tb"], "image": ["a/1.png", "b/2.png"]}
    write_projector(tmp_path, "test images", embeddings, labels, pictures)
    text = (tmp_path / "projector_config.pbtxt").read_text()
    (config,) = text_format.Parse(text, ProjectorConfig()).embeddings
    assert config.tensor_name == "test images"
    assert list(config.tensor_shape) == [2, 3]
    read = projector_plugin._read_tensor_tsv_file(str(tmp_path / config.tensor_path))
    np.testing.assert_allclose(read, embeddings, rtol=1e-5)
    assert (tmp_path / config.metadata_path).read_text().splitlines() == [
        "identity\timage",
        "a\ta/1.png",
        "b b\tb/2.png",
    ]
    assert config.HasField("sprite") == bool(pictures)
    assert (tmp_path / "sprites.png").exists() == bool(pictures)
