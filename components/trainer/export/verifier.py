"""The exported model: what prepares images, network, comparison, and room for a decision."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

from components.exported_model import EXTRA, FMR_ROWS, NETWORK_KEY, network_digest, record_text
from components.saved_variables import read_variables, write_variables
from components.trainer.export.warmup import write_warmup_requests
from faces import FaceCanvas
from faces.exported import FindModule

Tensors = dict[str, tf.Tensor]

# Below any distance: a model without a decision takes nobody for the same person.
UNDECIDED: Final = -1.0


class Verifier(tf.Module):
    """One SavedModel with the same signatures, whatever the model was trained with.

    * ``embed``: ``image`` (string ``[N]``, whole JPEG or PNG files) to ``embedding`` (float32
      ``[N, D]``)
    * ``compare``: ``embedding_a``, ``embedding_b`` (float32 ``[N, D]``) to ``distance``, ``score``
      (float32 ``[N]``) and ``same`` (bool ``[N]``)
    * ``serving_default``: ``image_a``, ``image_b`` (string ``[N]``) to the same three:
      ``compare(embed(a), embed(b))`` and nothing else

    Two more are about photos. A model of photos with aligned faces has both; one of images that
    showed aligned faces already has ``canvas`` alone.

    * ``canvas``: ``image`` (string ``[N]``, not looked at) to ``canvas`` (string ``[N]``): how the
      model wants its faces, as JSON of a ``faces.FaceCanvas``; empty when it takes images as they
      are. And to ``network`` (string ``[N]``): what tells its embeddings from another model's. A
      signature, because it is all that a client of a server can ask.
    * ``find``: ``image`` (string ``[N]``, whole photos) to the surest faces of each, see
      ``faces.exported``; ``face`` (string ``[N, K]``) is what ``embed`` takes.

    ``score`` is in 0 to 1, and at least 0.5 exactly where ``same`` is true.

    Two more are for searches among many people:

    * ``operating_point``: ``max_fmr`` (float32 ``[N]``) to ``distance``, ``score`` and ``fmr``
      (float32 ``[N]``): up to which distance, and from which score on, to take two faces for one
      person so that strangers are mistaken at most at that rate; of the pairs that the model was
      decided on. What they cannot show gives the strictest that they can, and ``fmr`` says which.
      ``decision_fmr`` is the rate at the model's own threshold. A rate of 1 is an unknown one.
    * ``search_space``: ``dimension`` (int64 ``[N]``) to what ``comparisons`` says of it; left
      out where the comparison has none

    Threshold, slope and the table of rates are variables, so that Decision can set them in the
    SavedModel.

    Args:
      prepare: The Transform graph: string ``[N]`` to uint8 ``[N, H, W, C]``.
      embed_pixels: uint8 ``[N, H, W, C]`` to float32 ``[N, D]``.
      comparison: Has ``distance``, see ``comparisons``.
      embedding_size: D.
      tracked: What holds the variables and tables of the two functions.
      canvas: How the faces in the images that it was trained on were aligned; None: they came so.
      threshold: Largest distance that is "same".
      slope: Of the logistic score, per unit of distance.
    """

    def __init__(
        self,
        prepare: Callable[[tf.Tensor], tf.Tensor],
        embed_pixels: Callable[[tf.Tensor], tf.Tensor],
        comparison: tf.Module,
        embedding_size: int,
        tracked: list[Any],
        threshold: float = UNDECIDED,
        slope: float = 1.0,
        canvas: FaceCanvas | None = None,
    ):
        super().__init__()
        self._prepare, self._embed_pixels = prepare, embed_pixels
        self._comparison = comparison
        self._embedding_size = embedding_size
        self.threshold = tf.Variable(threshold, trainable=False, dtype=tf.float32)
        self.slope = tf.Variable(slope, trainable=False, dtype=tf.float32)
        # By rising rate; nothing is known of any.
        self.fmr_distances = tf.Variable([threshold] * FMR_ROWS, trainable=False, dtype=tf.float32)
        self.fmr_rates = tf.Variable([1.0] * FMR_ROWS, trainable=False, dtype=tf.float32)
        self._tracked = tracked
        # Which network it is, once it is saved.
        self.network = tf.Variable("", trainable=False)
        self._canvas = canvas
        self._finder = FindModule(canvas) if canvas else None

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
        distance = self._comparison.distance(embedding_a, embedding_b)
        same = distance <= self.threshold
        return {"distance": distance, "score": self._score(distance), "same": same}

    def _score(self, distance: tf.Tensor) -> tf.Tensor:
        logistic = tf.sigmoid(self.slope * (self.threshold - distance))
        # Near the threshold the logistic rounds to 0.5 on both sides; the decision must not.
        below = np.nextafter(np.float32(0.5), np.float32(0))
        same = distance <= self.threshold
        return tf.where(same, tf.maximum(logistic, 0.5), tf.minimum(logistic, below))

    def operating_point(self, max_fmr: tf.Tensor) -> Tensors:
        """See the class."""
        max_fmr = tf.debugging.check_numerics(max_fmr, "max_fmr")
        at = tf.maximum(tf.searchsorted(self.fmr_rates, max_fmr, side="right") - 1, 0)
        distance = tf.gather(self.fmr_distances, at)
        own = tf.searchsorted(self.fmr_distances, tf.reshape(self.threshold, (1,)))
        own_rate = tf.gather(self.fmr_rates, tf.minimum(own, FMR_ROWS - 1))
        return {
            "distance": distance,
            "score": self._score(distance),
            "fmr": tf.gather(self.fmr_rates, at),
            "decision_fmr": tf.fill(tf.shape(max_fmr), own_rate[0]),
        }

    def verify(self, image_a: tf.Tensor, image_b: tf.Tensor) -> Tensors:
        """See the class."""
        a, b = self.embed(image_a)["embedding"], self.embed(image_b)["embedding"]
        return self.compare(a, b)

    def canvas(self, image: tf.Tensor) -> Tensors:
        """See the class."""
        text = self._canvas.model_dump_json() if self._canvas else ""
        shape = tf.shape(image)
        return {"canvas": tf.fill(shape, text), "network": tf.fill(shape, self.network)}

    def signatures(self) -> dict[str, Any]:
        """The signatures as concrete functions."""

        def images(name: str) -> tf.TensorSpec:
            return tf.TensorSpec([None], tf.string, name=name)

        def embeddings(name: str) -> tf.TensorSpec:
            return tf.TensorSpec([None, self._embedding_size], tf.float32, name=name)

        found = {"find": self._finder.signature()} if self._finder else {}
        if hasattr(self._comparison, "search_space"):
            placing = tf.function(self._comparison.search_space)
            found["search_space"] = placing.get_concrete_function(
                tf.TensorSpec([None], tf.int64, name="dimension")
            )
        return {
            **found,
            "canvas": tf.function(self.canvas).get_concrete_function(images("image")),
            "embed": tf.function(self.embed).get_concrete_function(images("image")),
            "compare": tf.function(self.compare).get_concrete_function(
                embeddings("embedding_a"), embeddings("embedding_b")
            ),
            "serving_default": tf.function(self.verify).get_concrete_function(
                images("image_a"), images("image_b")
            ),
            "operating_point": tf.function(self.operating_point).get_concrete_function(
                tf.TensorSpec([None], tf.float32, name="max_fmr")
            ),
        }


def save_verifier(
    verifier: Verifier, folder: str | Path, records: Mapping[str, dict[str, Any]]
) -> None:
    """Writes the SavedModel, with records and its warm-up requests in ``assets.extra``.

    Args:
      verifier: What to save.
      folder: Made if it is not there.
      records: By the names of their JSON files.
    """
    tf.saved_model.save(verifier, str(folder), signatures=verifier.signatures())
    values = read_variables(folder)
    write_variables(Path(folder), {**values, NETWORK_KEY: network_digest(folder)})
    extra = Path(folder, EXTRA)
    extra.mkdir()
    for name, content in records.items():
        (extra / name).write_text(record_text(content), encoding="utf-8")
    write_warmup_requests(folder, verifier.embedding_size)
