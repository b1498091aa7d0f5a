"""What TensorBoard's projector reads, read back with TensorBoard's own code."""

from io import BytesIO

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.projector import projector_plugin
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from components.report import projector


def png(colour, size=(48, 48)):
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_whole_people_are_chosen_up_to_the_limit():
    identities = {f"{person}/{i}".encode(): person.encode() for person in "abcd" for i in range(5)}
    chosen = projector.choose_images(identities, 12, seed=0)
    assert len(chosen) == 10
    people = [identities[each] for each in chosen]
    assert people[:5] == [people[0]] * 5
    assert people[5:] == [people[5]] * 5
    assert people[0] != people[5]
    assert projector.choose_images(identities, 12, seed=0) == chosen
    assert len(projector.choose_images(identities, 100, seed=0)) == 20
    assert projector.choose_images(identities, 0, seed=0) == []


def test_sprites_stand_row_by_row():
    # Three images make two rows of two; the last place stays black.
    sheet = projector.sprite_sheet([png("red"), png("lime"), png("blue", (48, 24))])
    assert sheet.size == (96, 96)
    assert sheet.getpixel((24, 24)) == (255, 0, 0)
    assert sheet.getpixel((72, 24)) == (0, 255, 0)
    assert sheet.getpixel((24, 72)) == (0, 0, 255)
    assert sheet.getpixel((24, 50)) == (0, 0, 0)
    assert sheet.getpixel((72, 72)) == (0, 0, 0)


@pytest.mark.parametrize("faces", [True, False])
def test_tensorboard_reads_what_was_written(tmp_path, faces):
    ids = [b"a/1.png", b"b/2.png"]
    identities = {b"a/1.png": b"a", b"b/2.png": b"b"}
    embeddings = np.array([[0.5, -1.25, 3.0], [1e-5, 0.0, 1.0]], np.float32)
    files = [png("red"), png("blue")] if faces else None
    projector.write_projector(tmp_path, ids, identities, embeddings, files)
    text = (tmp_path / "projector_config.pbtxt").read_text()
    (config,) = text_format.Parse(text, ProjectorConfig()).embeddings
    assert list(config.tensor_shape) == [2, 3]
    read = projector_plugin._read_tensor_tsv_file(str(tmp_path / config.tensor_path))
    np.testing.assert_allclose(read, embeddings, rtol=1e-5)
    assert (tmp_path / config.metadata_path).read_text().splitlines() == [
        "identity\timage",
        "a\ta/1.png",
        "b\tb/2.png",
    ]
    assert config.HasField("sprite") == faces
    assert (tmp_path / "sprites.png").exists() == faces


def test_scalars_make_a_run(tmp_path):
    projector.write_scalars(tmp_path, {"accuracy": 0.75}, {"blessed": True})
    found = event_accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert found.Tags()["tensors"] == ["test/accuracy", "test/verdict"]
