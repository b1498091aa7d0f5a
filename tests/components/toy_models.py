"""Toy models, saved with the signatures of an exported one."""

from pathlib import Path

import tensorflow as tf


class Toy(tf.Module):
    """Compares by the distance; what inherits from it embeds, into two numbers."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="embedding_a"),
            tf.TensorSpec([None, 2], tf.float32, name="embedding_b"),
        ]
    )
    def compare(self, embedding_a, embedding_b):
        distance = tf.norm(embedding_a - embedding_b, axis=1)
        return {"distance": distance, "score": 1 / (1 + distance), "same": distance <= 1}

    def save(self, folder: Path) -> None:
        signatures = {"embed": self.embed, "compare": self.compare}
        tf.saved_model.save(self, str(folder / "Format-Serving"), signatures=signatures)
