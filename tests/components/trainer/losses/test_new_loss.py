"""A loss of one's own is one file and one line: a copy of the project is given one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[4]

FILE = '''
"""Toy loss: the squared distance of same pairs, and what different ones lack to a limit."""

from typing import Literal

from pydantic import Field

from components.trainer.losses.base import LossConfig, Terms, flat_pair


class Toy(LossConfig):
    """``y d^2 + (1 - y) max(limit - d, 0)``."""

    takes = "pairs"
    comparison = "euclidean"

    name: Literal["toy"] = "toy"
    limit: float = Field(1.5, gt=0, description="distance from which on different pairs are free")

    def head(self, classes):
        from components.trainer.comparison.distances import EuclideanDistance

        return EuclideanDistance()

    def terms(self, y_true, y_pred):
        from keras import ops

        y, d = flat_pair(y_true, y_pred)
        return Terms(y * d**2 + (1 - y) * ops.maximum(self.limit - d, 0.0))
'''

LINE = "from components.trainer.losses.toy import Toy as Toy"

# From the config as a user writes it, through a training, to the Keras loss.
USE = """
import sys
from pipeline.config import ConfigError, parse_config

tree = {"name": "toy", "data": {"images": "/faces"}}
training = {"loss": {"name": "toy", "limit": 1.25}, "sampler": "identities"}
config = parse_config({**tree, "training": training}, "toy.yaml", {}).training
assert config.loss.limit == 1.25 and config.chosen_comparison == "euclidean"
for loss, told in (
    ({"name": "toy", "limit": 0}, "training.loss.limit: 0: Input should be greater than 0"),
    ({"name": "toy", "margin": 1}, "loss toy takes limit (margin is for arcface,"),
    ({"name": "triplet", "limit": 1}, "(limit is for toy)"),
):
    try:
        parse_config({**tree, "training": {"loss": loss}}, "toy.yaml", {})
    except ConfigError as error:
        assert told in str(error), error
    else:
        raise SystemExit(f"{loss} was taken")
assert "keras" not in sys.modules

from striped_faces import config, pairs_of, stripes
from components.trainer.fitting.loop import fit

train, val = stripes(16, 4, seed=1), stripes(8, 4, seed=2)
chosen = config(loss={"name": "toy"}, sampler="identities", epochs=2, steps_per_epoch=6)
_, history, _ = fit(chosen, train, pairs_of(train, 40), val, pairs_of(val, 40), sys.argv[1])
assert history["loss"][1] < history["loss"][0], history

from components.trainer.losses import ToyLoss

# 0.5^2 and 1.25 - 0.25
assert float(ToyLoss(limit=1.25)([1, 0], [[0.5], [0.25]])) == (0.25 + 1) / 2
"""


def test_a_new_loss_is_one_file_and_one_line(tmp_path):
    code = tmp_path / "code"
    shutil.copytree(PROJECT / "components", code / "components")
    folder = code / "components" / "trainer" / "losses"
    (folder / "toy.py").write_text(FILE)
    registry = folder / "__init__.py"
    last = "from components.trainer.losses.triplet import Triplet as Triplet\n"
    text = registry.read_text()
    assert last in text
    registry.write_text(text.replace(last, f"{LINE}\n{last}"))
    helpers = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path / "logs")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (code, helpers, PROJECT)))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
