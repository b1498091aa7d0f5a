"""One batch on two devices: the losses, and the model, of one device.

TensorFlow takes the number of devices before it does anything else, so both trainings run in a
process of their own, which has two virtual CPU devices.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from striped_faces import config, pairs_of, stripes

from components.trainer.fitting.loop import fit
from components.trainer.fitting.replicas import check_batch
from pipeline.config import PROJECT

TRAININGS = {
    # With a head, whose gradient each device has whole.
    "pairs": {
        "loss": {"name": "binary"},
        "sampler": "pairs",
        "optimizer": {"learning_rate": 0.1, "ema": 0},
    },
    # With gradients that are clipped, and averaged weights.
    "identities": {
        "loss": {"name": "triplet", "mining": "hard"},
        "sampler": "identities",
        "optimizer": {"learning_rate": 0.1, "clip_norm": 0.05, "ema": 0.9},
    },
}
# Batch normalisation of the whole batch, and a penalty that no replica may count for all.
NETWORK = {"name": "residual", "width": 8, "embedding_size": 8, "dropout": 0, "l2": 1e-3}
STILL = dict.fromkeys(
    ("rotation", "zoom", "aspect", "shift", "gamma", "contrast", "brightness", "shading"), 0
) | {"flip": False, "cutout": 0}

CODE = """
import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from components.trainer.config import TrainingConfig
from components.trainer.fitting.checkpoint import Checkpoint
from components.trainer.fitting.loop import fit
from striped_faces import pairs_of, stripes

# Adam divides a gradient by its size, which hides a wrong factor and makes much of rounding.
keras.optimizers.AdamW = lambda rate, weight_decay, beta_2, clipnorm: keras.optimizers.SGD(
    rate, weight_decay=weight_decay, clipnorm=clipnorm
)
train, val = stripes(40, 8, seed=1), stripes(12, 8, seed=2)
data = (train, pairs_of(train, 600), val, pairs_of(val, 200))
folder = Path(sys.argv[1])
found = {}
for name, given in json.loads(sys.argv[2]).items():
    model, history, _ = fit(TrainingConfig.model_validate(given), *data, folder / name)
    np.savez(folder / f"{name}.npz", *model.kept_weights())
    found[name] = {"history": history, "strategy": type(model.distribute_strategy).__name__}


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch:
            raise KeyboardInterrupt


# The last of them again, with draws, stopped in its second epoch and taken up.
chosen = TrainingConfig.model_validate({**given, "augmentation": {"rotation": 9}})
whole, history, _ = fit(chosen, *data, folder / "whole")
try:
    fit(chosen, *data, folder / "stopped", Checkpoint(folder / "state"), [Stop()])
except KeyboardInterrupt:
    pass
resumed, again, _ = fit(chosen, *data, folder / "resumed", Checkpoint(folder / "state"))
found["resumed"] = {
    "losses": [history["loss"], again["loss"]],
    "same": all(map(np.array_equal, whole.get_weights(), resumed.get_weights())),
}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("replicas")
    wanted = {}
    for name, given in TRAININGS.items():
        for distribution in ("none", "mirrored"):
            chosen = config(
                **given,
                network=NETWORK,
                augmentation=STILL,
                distribution=distribution,
                epochs=2,
                steps_per_epoch=3,
            )
            wanted[f"{name}-{distribution}"] = chosen.model_dump(mode="json")
    helpers = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(folder), json.dumps(wanted)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (helpers, PROJECT)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "each batch is divided among 2 devices" in done.stdout + done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", TRAININGS)
def test_two_devices_have_the_losses_and_the_weights_of_one(name: str, trained: Any) -> None:
    folder, found = trained
    one, two = found[f"{name}-none"]["history"], found[f"{name}-mirrored"]["history"]
    for measure in ("loss", "embedding_variance"):
        np.testing.assert_allclose(two[measure], one[measure], rtol=1e-5)
    with np.load(folder / f"{name}-none.npz") as a, np.load(folder / f"{name}-mirrored.npz") as b:
        assert a.files == b.files
        for index in a.files:
            # A gradient sums some 30,000 terms of about 1 in another order: off by the square root
            # of that times 6e-8, 1e-5, of which six steps at a rate of 0.1 leave less. A gradient
            # that were counted twice would be off by a thousand times that.
            np.testing.assert_allclose(b[index], a[index], rtol=1e-5, atol=1e-5)
    # What is exported knows of one device.
    assert found[f"{name}-mirrored"]["strategy"] == found[f"{name}-none"]["strategy"]


def test_a_training_on_two_devices_that_was_stopped_ends_as_if_it_had_not_been(
    trained: Any,
) -> None:
    resumed = trained[1]["resumed"]
    assert resumed["losses"][0] == resumed["losses"][1]
    assert resumed["same"]


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    check_batch(64, 32, 2)
    with pytest.raises(
        ValueError, match=r"among 2 devices, and a batch has 6 images and 3 targets"
    ):
        check_batch(6, 3, 2)


def test_partners_that_change_alike_are_not_parted() -> None:
    with pytest.raises(ValueError, match=r"same_for_pair wants to change alike"):
        config(distribution="mirrored", augmentation={"same_for_pair": True})


def test_a_network_trained_in_bfloat16_is_exported_in_float32(tmp_path: Path) -> None:
    train, val = stripes(16, 4, seed=1), stripes(8, 4, seed=2)
    chosen = config(precision="bfloat16", epochs=1, steps_per_epoch=3, network=NETWORK)
    data = (train, pairs_of(train, 40), val, pairs_of(val, 40))
    fitted: list[keras.Model] = []
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: fitted.append(last.model))
    model, history, _ = fit(chosen, *data, tmp_path, more=[last])
    assert np.isfinite(history["loss"]).all()
    assert [each.network.get_layer("stem_conv").compute_dtype for each in (*fitted, model)] == [
        "bfloat16",
        "float32",
    ]
    assert keras.config.dtype_policy().name == "float32"
    for before, after in zip(fitted[0].network.weights, model.network.weights, strict=True):
        assert before.dtype == after.dtype == "float32"
    # The exported model computes more exactly than what was fitted; 8 bits of mantissa in layers.
    a, b = (each.embed_all(val.pixels) for each in (fitted[0], model))
    assert 0 < np.abs(a - b).max() < 0.1
