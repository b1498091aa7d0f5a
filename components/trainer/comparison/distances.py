"""Distances between two embeddings: as plain functions and as Keras layers."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

Pair = Sequence[Any]


def _both(a: Any, b: Any | None, name: str) -> tuple[Any, Any]:
    if b is None:
        if not isinstance(a, (list, tuple)) or len(a) != 2:
            raise ValueError(
                f"{name} takes two tensors, {name}(a, b), or one list of two, {name}([a, b]); "
                f"got {type(a).__name__}"
                + (f" of length {len(a)}" if isinstance(a, (list, tuple)) else "")
            )
        a, b = a
    return a, b


def euclidean_distance(a: Any, b: Any | None = None) -> Any:
    """The Euclidean distance of two batches of embeddings.

    Both call forms work: ``euclidean_distance(a, b)`` and, as a ``Lambda`` layer calls it,
    ``euclidean_distance([a, b])``. The gradient at distance zero is zero, not NaN: the square root
    is taken of a safe value wherever the sum of squares vanishes.

    Args:
      a: float ``[..., D]``, or a list of two such tensors.
      b: float ``[..., D]``; left out when ``a`` is a list.

    Returns:
      float ``[..., 1]``: ``sqrt(sum((a - b)^2))``; the same for ``(a, b)`` and ``(b, a)`` to the
      last bit.

    Raises:
      ValueError: ``a`` is neither a tensor with ``b`` given nor a list of two.
    """
    a, b = _both(a, b, "euclidean_distance")
    squares = ops.sum(ops.square(ops.subtract(a, b)), axis=-1, keepdims=True)
    positive = squares > 0
    root = ops.sqrt(ops.where(positive, squares, ops.ones_like(squares)))
    return ops.where(positive, root, ops.zeros_like(squares))


def cosine_distance(a: Any, b: Any | None = None) -> Any:
    """One minus the cosine of the angle between two batches of embeddings.

    Args:
      a: float ``[..., D]``, or a list of two such tensors.
      b: float ``[..., D]``; left out when ``a`` is a list.

    Returns:
      float ``[..., 1]``, 0 (same direction) to 2 (opposite). A zero vector is at distance 1 from
      everything. The same for ``(a, b)`` and ``(b, a)`` to the last bit.

    Raises:
      ValueError: ``a`` is neither a tensor with ``b`` given nor a list of two.
    """
    a, b = _both(a, b, "cosine_distance")
    dot = ops.sum(ops.normalize(a, axis=-1) * ops.normalize(b, axis=-1), axis=-1, keepdims=True)
    return ops.clip(1 - dot, 0.0, 2.0)


@keras.saving.register_keras_serializable(package="faceauth")
class EuclideanDistance(keras.layers.Layer):
    """``euclidean_distance`` as a layer: ``EuclideanDistance()([a, b])`` gives ``[N, 1]``."""

    def call(self, inputs: Pair) -> Any:
        """Returns the distance, float ``[N, 1]``, of a list of two float ``[N, D]``."""
        return euclidean_distance(inputs)


@keras.saving.register_keras_serializable(package="faceauth")
class CosineDistance(keras.layers.Layer):
    """``cosine_distance`` as a layer: ``CosineDistance()([a, b])`` gives ``[N, 1]``."""

    def call(self, inputs: Pair) -> Any:
        """Returns the distance, float ``[N, 1]``, of a list of two float ``[N, D]``."""
        return cosine_distance(inputs)
