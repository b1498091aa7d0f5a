"""The exported model: the graph that prepares images, network, comparer and decision."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.trainer.warmup import write_warmup_requests

Tensors = dict[str, tf.Tensor]


class Verifier(tf.Module):
    """One SavedModel with three signatures, the same whatever the model was trained with.

    * ``embed``: ``image`` (string ``[N]``, whole JPEG or PNG files) to ``embedding`` (float32
      ``[N, D]``)
    * ``compare``: ``embedding_a``, ``embedding_b`` (float32 ``[N, D]``) to ``distance``, ``score``
      (float32 ``[N]``) and ``same`` (bool ``[N]``)
    * ``serving_default``: ``image_a``, ``image_b`` (string ``[N]``) to the same three:
      ``compare(embed(a), embed(b))`` and nothing else

    ``score`` is in 0 to 1, and at least 0.5 exactly where ``same`` is true.

    Args:
      prepare: The Transform graph: string ``[N]`` to uint8 ``[N, H, W, C]``.
      embed_pixels: uint8 ``[N, H, W, C]`` to float32 ``[N, D]``.
      comparer: Has ``distance``, see ``comparers``.
      embedding_size: D.
      threshold: Largest distance that is "same".
      slope: Of the logistic score, per unit of distance.
      tracked: What holds the variables and tables of the two functions.
    """

    def __init__(
        self,
        prepare: Callable[[tf.Tensor], tf.Tensor],
        embed_pixels: Callable[[tf.Tensor], tf.Tensor],
        comparer: tf.Module,
        embedding_size: int,
        threshold: float,
        slope: float,
        tracked: list[Any],
    ):
        super().__init__()
        self._prepare, self._embed_pixels = prepare, embed_pixels
        self._comparer = comparer
        self._embedding_size = embedding_size
        self._threshold = np.float32(threshold)
        self._slope = np.float32(slope)
        self._tracked = tracked

    @property
    def embedding_size(self) -> int:
        """D."""
        return self._embedding_size

    def embed(self, image: tf.Tensor) -> Tensors:
        """See the class."""
        pixels = self._prepare(image)
        # Convolutions fail on an empty batch, so that one gets a blank image, cut off again after.
        count = tf.shape(pixels)[0]
        missing = tf.maximum(1 - count, 0)
        pixels = tf.pad(pixels, [[0, missing], [0, 0], [0, 0], [0, 0]])
        return {"embedding": self._embed_pixels(pixels)[:count]}

    def compare(self, embedding_a: tf.Tensor, embedding_b: tf.Tensor) -> Tensors:
        """See the class."""
        # NaN is neither near nor far: refused, where it would else come out as "different".
        embedding_a = tf.debugging.check_numerics(embedding_a, "embedding_a")
        embedding_b = tf.debugging.check_numerics(embedding_b, "embedding_b")
        distance = self._comparer.distance(embedding_a, embedding_b)
        same = distance <= self._threshold
        logistic = tf.sigmoid(self._slope * (self._threshold - distance))
        # Near the threshold the logistic rounds to 0.5 on both sides; the decision must not.
        below = np.nextafter(np.float32(0.5), np.float32(0))
        score = tf.where(same, tf.maximum(logistic, 0.5), tf.minimum(logistic, below))
        return {"distance": distance, "score": score, "same": same}

    def verify(self, image_a: tf.Tensor, image_b: tf.Tensor) -> Tensors:
        """See the class."""
        a, b = self.embed(image_a)["embedding"], self.embed(image_b)["embedding"]
        return self.compare(a, b)

    def signatures(self) -> dict[str, Any]:
        """The three signatures as concrete functions."""

        def images(name: str) -> tf.TensorSpec:
            return tf.TensorSpec([None], tf.string, name=name)

        def embeddings(name: str) -> tf.TensorSpec:
            return tf.TensorSpec([None, self._embedding_size], tf.float32, name=name)

        return {
            "embed": tf.function(self.embed).get_concrete_function(images("image")),
            "compare": tf.function(self.compare).get_concrete_function(
                embeddings("embedding_a"), embeddings("embedding_b")
            ),
            "serving_default": tf.function(self.verify).get_concrete_function(
                images("image_a"), images("image_b")
            ),
        }


def save_verifier(
    verifier: Verifier,
    folder: str | Path,
    decision: dict[str, Any],
    network: dict[str, Any] | None = None,
) -> None:
    """Writes the SavedModel, with its records and its warm-up requests in ``assets.extra``.

    Args:
      verifier: What to save.
      folder: Appears whole or not at all.
      decision: For ``decision.json``: threshold, slope, objective, where they come from.
      network: For ``network.json``: what embeds and how it is compared; None leaves it out.
    """
    folder = Path(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    tf.saved_model.save(verifier, str(partial), signatures=verifier.signatures())
    extra = partial / "assets.extra"
    extra.mkdir()
    for name, record in (("decision", decision), ("network", network)):
        if record is not None:
            text = json.dumps(record, indent=2, sort_keys=True)
            (extra / f"{name}.json").write_text(text + "\n")
    write_warmup_requests(partial, verifier.embedding_size)
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(partial, folder)
