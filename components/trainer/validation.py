"""How good the model is on val pairs, each epoch: the measure by which the best epoch is chosen."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.metrics import roc
from components.trainer.arrays import Images, Pairs
from components.trainer.comparers import epoch_comparer

COMPARE_BATCH = 16_384


def pair_distances(comparer: tf.Module, embeddings: np.ndarray, pairs: Pairs) -> np.ndarray:
    """The distances of pairs, float32 ``[P]``, from the embeddings of their images."""
    starts = range(0, len(pairs.labels), COMPARE_BATCH)
    return np.concatenate(
        [
            comparer.distance(
                tf.constant(embeddings[pairs.a[at : at + COMPARE_BATCH]]),
                tf.constant(embeddings[pairs.b[at : at + COMPARE_BATCH]]),
            ).numpy()
            for at in starts
        ]
    )


class PairValidation(keras.callbacks.Callback):
    """Adds val EER, AUC and accuracy to each epoch's logs, and keeps the best epoch's weights.

    The averaged weights are the ones judged, and the ones kept, where the model has them. At the end
    of training the model holds the best epoch's.

    Args:
      images: The val images.
      pairs: The val pairs.
      say: Receives one line of progress for a person, each epoch.
    """

    def __init__(self, images: Images, pairs: Pairs, say: Callable[[str], None]):
        super().__init__()
        self._images, self._pairs, self._say = images, pairs, say
        self._best: list[np.ndarray] | None = None
        self.best_eer, self.best_epoch = np.inf, -1

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judges the epoch; adds ``val_eer``, ``val_auc`` and ``val_accuracy`` to ``logs``."""
        logs = logs if logs is not None else {}
        trained = time.monotonic() - self._started
        self.model.swap_averages()
        embeddings = self.model.embed_all(self._images.pixels)
        distances = pair_distances(epoch_comparer(self.model), embeddings, self._pairs)
        sweep = roc.sweep(distances, self._pairs.labels)
        logs["val_eer"] = roc.eer(sweep).rate
        logs["val_auc"] = roc.auc(sweep)
        # With the best threshold for these very pairs: a curve to look at, not a result.
        logs["val_accuracy"] = float(sweep.accuracy.max())
        logs["images_per_second"] = self.params["steps"] * self._images_a_step / trained
        if logs["val_eer"] < self.best_eer:
            self.best_eer, self.best_epoch = logs["val_eer"], epoch
            # Copies: what get_weights returns may change with the next step.
            self._best = [weight.copy() for weight in self.model.get_weights()]
        self.model.swap_averages()
        left = (self.params["epochs"] - epoch - 1) * (time.monotonic() - self._started)
        self._say(
            f"epoch {epoch + 1}/{self.params['epochs']}  loss {logs['loss']:.4f}  "
            f"val EER {logs['val_eer']:.2%}  AUC {logs['val_auc']:.4f}  "
            f"{logs['images_per_second']:.0f} images/s  {left:.0f} s left"
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Gives the model the best epoch's weights."""
        if self._best is not None:
            self.model.set_weights(self._best)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Looks up how many images a step takes."""
        config = self.model.config
        if config.sampler == "identities":
            self._images_a_step = config.identities_per_batch * config.images_per_identity
        else:
            self._images_a_step = 2 * config.batch_pairs
