"""What turns prepared images into embeddings, at calibration and in the exported model."""

import numpy as np
import tensorflow as tf

from components.trainer.fitting.siamese import SiameseModel
from components.trainer.networks.texture import Texture

BATCH = 256


class Embedder(tf.Module):
    """The network's embedding and, where there is a texture part, that beside it.

    Args:
      model: The trained network.
      texture: Joins ``[N, texture.size]`` to ``[N, embedding_size]``.
    """

    def __init__(self, model: SiameseModel, texture: Texture | None = None):
        super().__init__()
        self._network = model.network  # tracked, so that its weights are saved
        self._model = model
        self._texture = texture

    @tf.function(reduce_retracing=True)
    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N, D]`` for prepared images, uint8 ``[N, H, W, C]``."""
        learned = self._model.embed(images)
        if self._texture is None:
            return learned
        return tf.concat([learned, self._texture(images)], axis=-1)

    @property
    def size(self) -> int:
        """D."""
        return self._model.embedding_size + (self._texture.size if self._texture else 0)

    def embed_all(self, pixels: np.ndarray) -> np.ndarray:
        """The embeddings, float32 ``[N, D]``, of any number of images, in batches."""
        starts = range(0, len(pixels), BATCH)
        return np.concatenate([self(tf.constant(pixels[at : at + BATCH])).numpy() for at in starts])
