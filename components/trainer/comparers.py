"""The comparison of two embeddings: a distance, whatever it was learned with.

Every comparer is a ``tf.Module`` with one method, ``distance``, from two float32 ``[N, D]`` to float32
``[N]``: 0 or more, smaller is more alike, the same for ``(a, b)`` and ``(b, a)`` to the last bit.
"""

import tensorflow as tf

from components.trainer.distances import cosine_distance, euclidean_distance
from components.trainer.siamese import SiameseModel


class EuclideanComparer(tf.Module):
    """The Euclidean distance."""

    def distance(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N]``."""
        return euclidean_distance(a, b)[:, 0]


class CosineComparer(tf.Module):
    """One minus the cosine similarity, 0 to 2."""

    def distance(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N]``."""
        return cosine_distance(a, b)[:, 0]


class SigmoidComparer(tf.Module):
    """The head that paradigm ``binary`` learned.

    Its distance is ``-log p`` of "same person": at both ends it tells apart what the probability
    itself rounds to 0 or 1.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor):
        super().__init__()
        self.kernel = tf.Variable(kernel, trainable=False)
        self.bias = tf.Variable(bias, trainable=False)

    def distance(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N]``."""
        combined = tf.concat([tf.abs(a - b), a * b], axis=-1)
        return tf.math.softplus(-(combined @ self.kernel + self.bias))[:, 0]


def build_comparer(model: SiameseModel) -> tf.Module:
    """The comparer that a trained model's config names."""
    name = model.config.chosen_comparer
    if name == "sigmoid":
        dense = model.paradigm.head.dense
        return SigmoidComparer(dense.kernel.value, dense.bias.value)
    return {"euclidean": EuclideanComparer, "cosine": CosineComparer}[name]()
