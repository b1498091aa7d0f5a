"""Toy models: an image is a number, and two images are as far apart as theirs."""

from pathlib import Path

import pytest
import tensorflow as tf


class Toy(tf.Module):
    def __init__(self, factor: float):
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
    def embed(self, image):
        number = tf.strings.to_number(image) * self.factor
        return {"embedding": tf.stack([number, tf.zeros_like(number)], axis=1)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="embedding_a"),
            tf.TensorSpec([None, 2], tf.float32, name="embedding_b"),
        ]
    )
    def compare(self, embedding_a, embedding_b):
        distance = tf.norm(embedding_a - embedding_b, axis=1)
        return {"distance": distance, "score": 1 / (1 + distance), "same": distance <= 1}


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> tuple[Path, Path]:
    """Two models: the second one's distances are ten times as large."""
    folder = tmp_path_factory.mktemp("models")
    for name, factor in (("candidate", 1.0), ("baseline", 10.0)):
        toy = Toy(factor)
        path = str(folder / name / "Format-Serving")
        tf.saved_model.save(toy, path, signatures={"embed": toy.embed, "compare": toy.compare})
    return folder / "candidate", folder / "baseline"
