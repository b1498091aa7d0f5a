"""Two workers, processes of this machine: the losses, and the model, of one process."""

import json
import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from striped_faces import config, pairs_of, stripes

from components.trainer.config import TrainingConfig
from components.trainer.fitting.checkpoint import Checkpoint
from components.trainer.fitting.loop import fit
from components.trainer.fitting.replicas import strategy_of
from components.trainer.workers.launch import train_together

# A head, whose gradient each worker has whole; gradients that are clipped; averaged weights; a
# penalty that no worker may count for all; batches that the last embeddings decide.
TRAINING = {
    "loss": {"name": "binary"},
    "sampler": "identities",
    "hard_negative_group": 2,
    "optimizer": {"learning_rate": 0.1, "clip_norm": 0.05, "ema": 0.9},
    "network": {"name": "cnn", "width": 8, "embedding_size": 8, "dropout": 0, "l2": 1e-3},
    "augmentation": {
        **dict.fromkeys(
            ("rotation", "zoom", "aspect", "shift", "gamma", "contrast", "brightness", "shading"), 0
        ),
        "flip": False,
        "cutout": 0,
    },
    "epochs": 2,
    "steps_per_epoch": 3,
}

CODE = """
import json

import keras
import numpy as np

from components.trainer.config import TrainingConfig
from components.trainer.fitting import replicas
from components.trainer.workers.launch import receive_task
from test_multi_worker import plain_descent, trained

given = receive_task()
strategy = replicas.join()
place, workers = replicas.worker(strategy)
assert workers == 2
keras.optimizers.AdamW = plain_descent
config = TrainingConfig.model_validate(given["training"])
history, best = trained(config, f"{given['folder']}/worker_{place}")
assert (best == -1) == (history == {}) == (place == 1)
if place == 0:
    print("HISTORY", json.dumps(history))
replicas.of_chief(np.zeros(1), strategy)
"""


def plain_descent(rate, weight_decay, beta_2, clipnorm):
    # Adam divides a gradient by its size, which hides a wrong factor and makes much of rounding.
    return keras.optimizers.SGD(rate, weight_decay=weight_decay, clipnorm=clipnorm)


def trained(chosen: TrainingConfig, folder: str | Path) -> tuple[dict[str, list[float]], int]:
    train, val = stripes(40, 8, seed=1), stripes(12, 8, seed=2)
    data = (train, pairs_of(train, 600), val, pairs_of(val, 200))
    _, history, best = fit(chosen, *data, f"{folder}/logs", Checkpoint(f"{folder}/state"))
    return history, best


def test_two_workers_have_the_losses_and_the_weights_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    helpers = (Path(__file__).parents[1], Path(__file__).parent)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([*map(str, helpers), os.environ.get("PYTHONPATH", "")])
    )
    monkeypatch.delenv("TF_CONFIG", raising=False)
    together = config(**TRAINING, distribution="multi_worker", workers=2)
    train_together(
        {"training": together.model_dump(mode="json"), "folder": str(tmp_path)},
        2,
        (sys.executable, "-c", CODE),
    )
    said = capfd.readouterr().err.splitlines()
    assert any("each batch is divided among 2 devices of 2 workers" in line for line in said)
    assert sum("epoch 1/2" in line for line in said) == 1
    [two] = [
        json.loads(line.removeprefix("HISTORY ")) for line in said if line.startswith("HISTORY ")
    ]

    monkeypatch.setattr(keras.optimizers, "AdamW", plain_descent)
    one, _ = trained(config(**TRAINING), tmp_path / "alone")
    for measure in ("loss", "embedding_variance"):
        np.testing.assert_allclose(two[measure], one[measure], rtol=1e-5)
    states = [tmp_path / name / "state" / "state.npz" for name in ("alone", "worker_0")]
    # Weights, averages, batch statistics, random state, optimizer, and the best epoch's weights.
    with np.load(states[0]) as a, np.load(states[1]) as b:
        assert a.files == b.files
        arrays = [name for name in a.files if name != "progress"]
        assert {name.partition("_")[0] for name in arrays} == {"model", "optimizer", "best"}
        for name in arrays:
            # As exact as on two devices of one process, see there.
            np.testing.assert_allclose(b[name], a[name], rtol=1e-5, atol=1e-5)

    # The chief writes, and no other worker.
    assert (tmp_path / "worker_0" / "logs").is_dir()
    assert not (tmp_path / "worker_1").exists()


def test_a_process_that_is_no_worker_does_not_train_as_one() -> None:
    with pytest.raises(RuntimeError, match=r"multi_worker is for the processes that Trainer start"):
        strategy_of(config(distribution="multi_worker", workers=2))
