"""How good the model is on val pairs, each epoch: the measure by which the best epoch is chosen."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.metrics import roc
from components.trainer.comparison.comparisons import epoch_comparison
from components.trainer.fitting.checkpoint import Progress
from components.trainer.inputs.arrays import Images, Pairs

COMPARE_BATCH = 16_384


def pair_distances(comparison: tf.Module, embeddings: np.ndarray, pairs: Pairs) -> np.ndarray:
    """The distances of pairs, float32 ``[P]``, from the embeddings of their images."""
    starts = range(0, len(pairs.labels), COMPARE_BATCH)
    return np.concatenate(
        [
            comparison.distance(
                tf.constant(embeddings[pairs.a[at : at + COMPARE_BATCH]]),
                tf.constant(embeddings[pairs.b[at : at + COMPARE_BATCH]]),
            ).numpy()
            for at in starts
        ]
    )


class StepMeans(keras.callbacks.Callback):
    """Gives each epoch's logs the means of its steps; Keras gives what the last step reported."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts anew."""
        self._steps: list[dict[str, Any]] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps what a step reported."""
        self._steps.append(dict(logs or {}))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Puts the means into ``logs``."""
        if logs is not None:
            for name in self._steps[0]:
                logs[name] = float(np.mean([step[name] for step in self._steps]))


class PairValidation(keras.callbacks.Callback):
    """Adds val EER, AUC and accuracy to each epoch's logs, and keeps the best epoch's weights.

    The averaged weights are the ones judged, and the ones kept, where the model has them.

    Args:
      images: The val images.
      pairs: The val pairs.
      progress: Receives the history and the best epoch with its weights.
      images_a_step: Images a training step takes.
      say: Receives one line of progress for a person, each epoch.

    Attributes:
      diverged: The loss of an epoch, or a weight after it, was not finite.
      embeddings: float ``[N, D]``, of the val images, as last judged.
      distances: float ``[P]``, of the val pairs.
      pairs: Those pairs.
      images: Those images.
    """

    def __init__(
        self,
        images: Images,
        pairs: Pairs,
        progress: Progress,
        images_a_step: int,
        say: Callable[[str], None],
    ):
        super().__init__()
        self.images, self.pairs = images, pairs
        self._progress, self._images_a_step, self._say = progress, images_a_step, say
        self.diverged = False
        self.embeddings = self.distances = np.empty(0, np.float32)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judges the epoch; adds ``val_eer``, ``val_auc`` and ``val_accuracy`` to ``logs``."""
        logs = logs if logs is not None else {}
        trained = time.monotonic() - self._started
        # A ReLU may make 0 of NaN, so that weights are lost and the loss stays finite.
        lost = next((w for w in self.model.trainable_variables if not np.isfinite(w).all()), None)
        if lost is not None or not np.isfinite(logs["loss"]):
            self.diverged = True
            what = "loss" if lost is None else f"weight {lost.path}"
            self._say(f"epoch {epoch + 1}: the {what} is no longer finite; training stops")
            return
        progress, epochs = self._progress, self.model.config.epochs
        self.model.swap_averages()
        self.embeddings = self.model.embed_all(self.images.pixels)
        comparison = epoch_comparison(self.model.config, self.model.learned_head)
        self.distances = pair_distances(comparison, self.embeddings, self.pairs)
        sweep = roc.sweep(self.distances, self.pairs.labels)
        logs["val_eer"] = roc.eer(sweep).rate
        logs["val_auc"] = roc.auc(sweep)
        # With the best threshold for these very pairs: a curve to look at, not a result.
        logs["val_accuracy"] = float(sweep.accuracy.max())
        logs["images_per_second"] = self.params["steps"] * self._images_a_step / trained
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if logs["val_eer"] < progress.best_eer:
            progress.best_eer, progress.best_epoch = float(logs["val_eer"]), epoch
            progress.best = self.model.kept_weights()
        self.model.swap_averages()
        for name, value in logs.items():
            progress.history.setdefault(name, []).append(float(value))
        left = (epochs - epoch - 1) * (time.monotonic() - self._started)
        self._say(
            f"epoch {epoch + 1}/{epochs}  loss {logs['loss']:.4f}  "
            f"val EER {logs['val_eer']:.2%}  AUC {logs['val_auc']:.4f}  "
            f"{logs['images_per_second']:.0f} images/s  {left:.0f} s left"
        )
