"""What a step of training minimises: a loss, over the pairs or the images of a batch."""

from typing import Any

from keras import layers, ops

from components.trainer.losses import LossConfig
from components.trainer.losses.base import Terms


def all_pairs(embeddings: Any, identities: Any) -> tuple[Any, Any, Any]:
    """Every unordered pair of a batch.

    Args:
      embeddings: float ``[B, D]``.
      identities: int ``[B]``.

    Returns:
      float ``[B * (B - 1) / 2, D]`` twice, and labels float of the same length.
    """
    count = ops.shape(embeddings)[0]
    rows = ops.arange(count)
    above = ops.expand_dims(rows, 1) < ops.expand_dims(rows, 0)
    first, second = ops.nonzero(above)
    same = ops.take(identities, first) == ops.take(identities, second)
    return (
        ops.take(embeddings, first, axis=0),
        ops.take(embeddings, second, axis=0),
        ops.cast(same, embeddings.dtype),
    )


def balanced_mean(terms: Terms, labels: Any) -> Any:
    """The mean over pairs in which same and different pairs weigh alike.

    Args:
      terms: Of the pairs, float ``[P]``.
      labels: float ``[P]``.
    """
    losses = terms.losses
    weights = ops.ones_like(losses) if terms.weights is None else terms.weights
    same, different = weights * labels, weights * (1 - labels)
    mean_same = ops.sum(losses * same) / ops.maximum(ops.sum(same), 1.0)
    mean_different = ops.sum(losses * different) / ops.maximum(ops.sum(different), 1.0)
    return (mean_same + mean_different) / 2


class Objective(layers.Layer):
    """A loss with its head: a layer, because some heads have weights.

    A loss of pairs is told the labels of given pairs, or makes all pairs of a P x K batch.

    Args:
      loss: Which one, with its values.
      classes: Number of train identities.
      pairs_given: Whether a batch is pairs (first all a, then all b) or identities.

    Attributes:
      head: What makes the loss's predictions of embeddings, or None.
    """

    def __init__(self, loss: LossConfig, classes: int, pairs_given: bool, **options: Any):
        super().__init__(**options)
        self._loss, self.pairs_given = loss, pairs_given
        self.head = loss.head(classes)

    def build(self, input_shape: Any) -> None:
        """Makes the head's weights for embeddings of ``[B, D]``."""
        if self.head is not None:
            pairs = self._loss.takes == "pairs"
            self.head.build([input_shape, input_shape] if pairs else input_shape)
        super().build(input_shape)

    def call(self, embeddings: Any, targets: Any) -> tuple[Any, dict[str, Any]]:
        """Returns the loss, a scalar, and what to report beside it: scalars by name.

        Args:
          embeddings: float ``[B, D]``.
          targets: Labels ``[B / 2]`` of given pairs, or identities ``[B]``.
        """
        inputs = embeddings
        if self._loss.takes == "pairs":
            a, b, targets = self._pairs(embeddings, targets)
            inputs = [a, b]
        predictions = inputs if self.head is None else self.head(inputs)
        terms = self._loss.terms(targets, predictions)
        mean = balanced_mean(terms, targets) if self._loss.takes == "pairs" else terms.mean()
        return mean, self._loss.report(targets, predictions, terms)

    def _pairs(self, embeddings: Any, targets: Any) -> tuple[Any, Any, Any]:
        if self.pairs_given:
            a, b = ops.split(embeddings, 2, axis=0)
            return a, b, ops.cast(targets, embeddings.dtype)
        return all_pairs(embeddings, targets)
