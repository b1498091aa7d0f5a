"""The comparison of two embeddings: a distance, whatever it was learned with.

Every comparison is a ``tf.Module`` with a method ``distance``, from two float32 ``[N, D]`` to
float32 ``[N]``: 0 or more, smaller is more alike, the same for ``(a, b)`` and ``(b, a)`` to the
last bit.

A comparison that orders pairs as a sum of products does has ``search_space`` as well. It says where
embeddings must be placed for that, so that a search among millions of them is one product of a
matrix and a vector and finds whom ``distance`` would put first. An embedding ``x``, of length 1
where ``unit_length`` says so, is placed at ``u = (x - mean) @ matrix``. The distance of ``a`` and
``b`` then falls as ``u_a . u_b - (weight . u_a^2 + weight . u_b^2) / 2`` rises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from components.trainer.comparison import ComparisonName
from components.trainer.comparison.distances import CosineDistance, EuclideanDistance
from components.trainer.comparison.plda import Plda, fit_plda, too_little_for_plda
from components.trainer.comparison.sigmoid_head import SigmoidHead, combine
from components.trainer.config import TrainingConfig

Tensors = dict[str, tf.Tensor]


class DistanceComparison(tf.Module):
    """The Euclidean distance, or one minus the cosine similarity (0 to 2).

    Args:
      metric: Which of the two.
    """

    def __init__(self, metric: Literal["euclidean", "cosine"]):
        super().__init__()
        self._layer = EuclideanDistance() if metric == "euclidean" else CosineDistance()
        self._unit_length = metric == "cosine"

    def distance(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N]``."""
        return self._layer([a, b])[:, 0]

    def search_space(self, dimension: tf.Tensor) -> Tensors:
        """Of some dimensions ``[N]``, all but ``matrix``, which is the identity."""
        return {
            "unit_length": tf.fill(tf.shape(dimension), self._unit_length),
            "mean": tf.zeros_like(dimension, tf.float32),
            "weight": tf.fill(tf.shape(dimension), 0.0 if self._unit_length else 1.0),
        }


class SigmoidComparison(tf.Module):
    """The head that loss ``binary`` learned.

    Its distance is ``-log p`` of "same person": at both ends it tells apart what the probability
    itself rounds to 0 or 1. It weighs absolute differences, which are no products: there is no
    ``search_space``.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor):
        super().__init__()
        self.kernel = tf.Variable(kernel, trainable=False)
        self.bias = tf.Variable(bias, trainable=False)

    def distance(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N]``."""
        return tf.math.softplus(-(combine(a, b) @ self.kernel + self.bias))[:, 0]


class PldaComparison(tf.Module):
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

    def search_space(self, dimension: tf.Tensor) -> Tensors:
        """Of some dimensions ``[N]``, with ``matrix`` ``[N, D]``: their rows of it.

        ``cross * u * v`` is the product of ``sqrt(cross) * u`` and ``sqrt(cross) * v``, and ``own``
        is ``-weight / 2`` in units of ``cross``. Where identities do not differ, both are 0.
        """
        positive = self.cross > 0
        weight = tf.where(positive, -2 * self.own / tf.where(positive, self.cross, 1), 0)
        return {
            "unit_length": tf.zeros_like(dimension, tf.bool),
            "mean": tf.gather(self.mean, dimension),
            "matrix": tf.gather(self.transform * tf.sqrt(self.cross), dimension),
            "weight": tf.gather(weight, dimension),
        }


@dataclass(frozen=True)
class ChosenComparison:
    """The comparison of a finished model.

    Attributes:
      comparison: Has ``distance``.
      name: What it is, which may be another than the config asks for.
      note: Why, where it is another; one sentence for people to read.
    """

    comparison: tf.Module
    name: ComparisonName
    note: str | None = None


def build_comparison(
    config: TrainingConfig,
    embed_train: Callable[[], np.ndarray],
    classes: np.ndarray,
    size: int,
    head: SigmoidHead | None = None,
) -> ChosenComparison:
    """The comparison that a config names; the cosine where PLDA has too little data.

    Args:
      config: The training section.
      embed_train: Gives the embeddings of the train images, float32 ``[N, D]``; called only where
        they are needed: PLDA is fitted on them.
      classes: int ``[N]``, their identities.
      size: D.
      head: Of a model that was trained with loss ``binary``.
    """
    name = config.chosen_comparison
    if name != "plda":
        return ChosenComparison(epoch_comparison(config, head), name)
    little = too_little_for_plda(classes, size)
    if little:
        note = f"PLDA has too little to be fitted on ({little}), so the cosine compares instead"
        return ChosenComparison(DistanceComparison("cosine"), "cosine", note)
    plda = fit_plda(embed_train(), classes, config.shrinkage, seed=config.seed)
    return ChosenComparison(PldaComparison(plda), name)


def epoch_comparison(config: TrainingConfig, head: SigmoidHead | None = None) -> tf.Module:
    """The comparison that the epochs of a training are judged by.

    The config's, but for PLDA, which would cost a pass over the train images each epoch: the cosine
    stands in for it.

    Args:
      config: The training section.
      head: As for ``build_comparison``.
    """
    name = config.chosen_comparison
    if name == "sigmoid" and head is not None:
        return SigmoidComparison(head.dense.kernel.value, head.dense.bias.value)
    return DistanceComparison("euclidean" if name == "euclidean" else "cosine")
