"""The comparison of two embeddings: a distance, whatever it was learned with.

Every comparer is a ``tf.Module`` with one method, ``distance``, from two float32 ``[N, D]`` to
float32 ``[N]``: 0 or more, smaller is more alike, the same for ``(a, b)`` and ``(b, a)`` to the
last bit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components.trainer.config import Comparer
from components.trainer.distances import cosine_distance, euclidean_distance
from components.trainer.paradigms import combine
from components.trainer.plda import Plda, fit_plda, too_little_for_plda
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
        return tf.math.softplus(-(combine(a, b) @ self.kernel + self.bias))[:, 0]


class PldaComparer(tf.Module):
    """The log-likelihood ratio of PLDA, as ``softplus(-ratio / scale)``.

    The scale keeps the ratios of ordinary pairs within a few units, where softplus resolves them.
    """

    def __init__(self, plda: Plda):
        super().__init__()
        self._scale = plda.scale
        self.mean, self.transform, self.cross, self.own, self.constant = (
            tf.Variable(tf.constant(value, tf.float32), trainable=False)
            for value in (plda.mean, plda.transform, plda.cross, plda.own, plda.constant)
        )

    def distance(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N]``."""
        u, v = (a - self.mean) @ self.transform, (b - self.mean) @ self.transform
        terms = self.cross * (u * v) + self.own * (u * u + v * v)
        ratio = tf.reduce_sum(terms, axis=-1) + self.constant
        return tf.math.softplus(-ratio / self._scale)


@dataclass(frozen=True)
class Comparison:
    """The comparer of a finished model.

    Attributes:
      comparer: Has ``distance``.
      name: What it is, which may be another than the config asks for.
      note: Why, where it is another; one sentence for people to read.
    """

    comparer: tf.Module
    name: Comparer
    note: str | None = None


def build_comparison(
    model: SiameseModel,
    embed_train: Callable[[], np.ndarray],
    classes: np.ndarray,
    size: int,
) -> Comparison:
    """The comparer that a trained model's config names; the cosine where PLDA has too little data.

    Args:
      model: Has the head, if its paradigm has one.
      embed_train: Gives the embeddings of the train images, float32 ``[N, D]``; called only where
        they are needed: PLDA is fitted on them.
      classes: int ``[N]``, their identities.
      size: D.
    """
    name = model.config.chosen_comparer
    if name != "plda":
        return Comparison(epoch_comparer(model), name)
    little = too_little_for_plda(classes, size)
    if little:
        note = f"PLDA has too little to be fitted on ({little}), so the cosine compares instead"
        return Comparison(CosineComparer(), "cosine", note)
    plda = fit_plda(embed_train(), classes, model.config.shrinkage)
    return Comparison(PldaComparer(plda), name)


def epoch_comparer(model: SiameseModel) -> tf.Module:
    """The comparer that the epochs of a training are judged by.

    The config's, but for PLDA, which would cost a pass over the train images each epoch: the cosine
    stands in for it.
    """
    name = model.config.chosen_comparer
    if name == "sigmoid":
        dense = model.paradigm.head.dense
        return SigmoidComparer(dense.kernel.value, dense.bias.value)
    return EuclideanComparer() if name == "euclidean" else CosineComparer()
