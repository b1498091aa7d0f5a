"""The state of a stopped training, whole and broken."""

import uuid

import keras
import numpy as np
import pytest

from components.trainer.fitting.checkpoint import Checkpoint, Progress


@pytest.fixture
def kept(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    progress = Progress(4, 2, 0.25, [np.arange(5, dtype=np.float32)], {"loss": [3.0, 2.0]})
    Checkpoint(tmp_path / "state").save(model, progress)
    return tmp_path / "state"


def test_what_was_kept_comes_back(kept):
    found = Checkpoint(kept).progress()
    assert (found.next_epoch, found.best_epoch, found.best_eer) == (4, 2, 0.25)
    assert found.history == {"loss": [3.0, 2.0]}
    assert [weights.tolist() for weights in found.best] == [[0, 1, 2, 3, 4]]
    assert [file.name for file in kept.iterdir()] == ["state.npz"]


@pytest.mark.parametrize("broken", ["cut short", "empty", "a flipped bit", "no archive"])
def test_a_state_that_cannot_be_read_begins_anew_and_says_so(kept, broken, capsys):
    [file] = kept.iterdir()
    content = bytearray(file.read_bytes())
    if broken == "a flipped bit":
        at = content.index(np.arange(5, dtype=np.float32).tobytes())
        content[at + 9] ^= 1
    file.write_bytes(
        {"cut short": content[: len(content) // 2], "empty": b"", "no archive": b"x" * 99}.get(
            broken, content
        )
    )
    assert Checkpoint(kept).progress() == Progress()
    assert "cannot be read" in capsys.readouterr().err
    # And the next one finds nothing.
    assert Checkpoint(kept).progress() == Progress()
    assert capsys.readouterr().err == ""


def test_a_state_is_kept_at_an_address_too():
    folder = f"ram://{uuid.uuid4().hex}/Trainer/checkpoints/1"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    before = [weights.numpy() for weights in model.variables]
    Checkpoint(folder).save(model, Progress(1, 0, 0.5, [np.ones(2, np.float32)], {"loss": [1.0]}))
    for weights in model.variables:
        weights.assign(weights + 1)
    found = Checkpoint(folder)
    assert found.progress().next_epoch == 1
    found.restore(model, with_optimizer=True)
    for weights, expected in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(weights, expected)
    found.delete()
    assert Checkpoint(folder).progress() == Progress()
