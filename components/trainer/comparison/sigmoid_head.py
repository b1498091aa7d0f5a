"""The learned comparison: what loss ``binary`` trains."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops


def combine(a: Any, b: Any) -> Any:
    """Two embeddings as one vector: ``[|a - b| * sqrt(D), a * b * D]``.

    The same for ``(a, b)`` and ``(b, a)`` to the last bit. The factors bring the entries of
    unit-length embeddings to the order of 1, which the head learns from at an ordinary rate.

    Args:
      a: float ``[N, D]``.
      b: float ``[N, D]``.

    Returns:
      float ``[N, 2 * D]``.
    """
    size = a.shape[-1]
    return ops.concatenate([ops.abs(a - b) * size**0.5, a * b * size], axis=-1)


@keras.saving.register_keras_serializable(package="faceauth")
class SigmoidHead(layers.Layer):
    """The learned comparison: a dense sigmoid over two combined embeddings.

    See ``combine`` for the combination.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.dense = layers.Dense(1, name="logit")

    def build(self, input_shape: Any) -> None:
        """Makes the weights for two inputs of ``[N, D]``."""
        size = input_shape[0][-1]
        self.dense.build((None, 2 * size))
        # Starts as a scaled cosine, 4 cos - 2: a random head would first have to unlearn itself.
        start = np.zeros((2 * size, 1), np.float32)
        start[size:] = 4 / size
        self.dense.kernel.assign(start)
        self.dense.bias.assign([-2.0])
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Returns the logit of "same person", float ``[N, 1]``, of a list of two ``[N, D]``."""
        a, b = inputs
        return self.dense(combine(a, b))
