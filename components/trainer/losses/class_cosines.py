"""The centres of the train identities, which ArcFace and CosFace learn."""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="faceauth")
class ClassCosines(layers.Layer):
    """The cosines of embeddings with one learned centre for each identity.

    Args:
      classes: C, how many identities there are.
    """

    def __init__(self, classes: int, **options: Any):
        super().__init__(**options)
        self.classes = classes

    def build(self, input_shape: Any) -> None:
        """Makes the centres for embeddings of ``[B, D]``."""
        self.centres = self.add_weight(
            shape=(input_shape[-1], self.classes), initializer="glorot_normal", name="centres"
        )
        super().build(input_shape)

    def call(self, embeddings: Any) -> Any:
        """Returns float ``[B, C]`` for float ``[B, D]``."""
        return ops.matmul(ops.normalize(embeddings, axis=-1), ops.normalize(self.centres, axis=0))

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds this layer."""
        return {**super().get_config(), "classes": self.classes}
