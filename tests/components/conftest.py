"""Toy models: an image is a number, and two images are as far apart as theirs."""

from pathlib import Path

import pytest
import tensorflow as tf
from toy_models import Toy


class Number(Toy):
    def __init__(self, factor: float):
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
    def embed(self, image):
        number = tf.strings.to_number(image) * self.factor
        return {"embedding": tf.stack([number, tf.zeros_like(number)], axis=1)}


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> tuple[Path, Path]:
    """Two models: the second one's distances are ten times as large."""
    folder = tmp_path_factory.mktemp("models")
    for name, factor in (("candidate", 1.0), ("baseline", 10.0)):
        Number(factor).save(folder / name)
    return folder / "candidate", folder / "baseline"
