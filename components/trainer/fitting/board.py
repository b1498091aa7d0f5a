"""What TensorBoard shows of a training, beside the pictures for those without it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.plugins.hparams import api as hparams

from components.projector import MOST_SPRITES, write_projector
from components.trainer.config import TrainingConfig
from components.trainer.fitting.siamese import SiameseModel
from components.trainer.fitting.validation import PairValidation

TRAIN, VALIDATION = "train", "validation"


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
    """A config as dotted keys and plain values, as the hyper-parameters' table takes them."""
    found: dict[str, bool | int | float | str] = {}
    for key, value in section.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            plain = isinstance(value, (bool, int, float, str))
            found[prefix + key] = value if plain else str(value)
    return found


class Board(keras.callbacks.Callback):
    """Writes a TensorBoard run.

    * ``train``: loss, learning rate, images a second, embedding variance, share of active pairs or
      triplets, each epoch.
    * ``validation``: EER, AUC, accuracy, and the distances of same and of different pairs, each
      epoch; at the end, val images in the embedding projector.
    * the run itself: the config, as text and as hyper-parameters.

    Args:
      log_dir: Folder of the run.
      config: The training section.
      validation: Has judged each epoch before this callback is told of it.
    """

    def __init__(self, log_dir: str | Path, config: TrainingConfig, validation: PairValidation):
        super().__init__()
        self._folder, self._config, self._validation = Path(log_dir), config, validation
        self._writers = {
            name: tf.summary.create_file_writer(str(self._folder / name))
            for name in (TRAIN, VALIDATION)
        }
        described = config.model_dump(mode="json")
        with tf.summary.create_file_writer(str(self._folder)).as_default(step=0):
            tf.summary.text("config", f"```json\n{json.dumps(described, indent=2)}\n```")
            hparams.hparams_config(
                hparams=[hparams.HParam(name) for name in flat(described)],
                metrics=[
                    hparams.Metric(name, group=VALIDATION) for name in ("eer", "auc", "accuracy")
                ],
            )
            hparams.hparams(flat(described))

    def _scalars(self, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            run = VALIDATION if name.startswith("val_") else TRAIN
            with self._writers[run].as_default(step=epoch):
                tf.summary.scalar(name.removeprefix("val_"), value)

    def replay(self, history: Mapping[str, list[float]]) -> None:
        """Shows the epochs before a stop again: this run has a folder of its own."""
        for name, values in history.items():
            for epoch, value in enumerate(values):
                self._scalars(epoch, {name: value})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes an epoch's scalars and histograms."""
        if self._validation.diverged:
            return
        self._scalars(epoch, logs or {})
        labels = self._validation.pairs.labels
        with self._writers[VALIDATION].as_default(step=epoch):
            for name, label in (("same", 1), ("different", 0)):
                chosen = self._validation.distances[labels == label]
                tf.summary.histogram(f"distance/{name}", chosen, buckets=50)
        for writer in self._writers.values():
            writer.flush()

    def close(self, model: SiameseModel) -> None:
        """Writes the projector's files.

        Args:
          model: Has the weights that are exported.
        """
        images = self._validation.images
        count = min(self._config.projector_images, MOST_SPRITES, len(images.ids))
        if count:
            # Those of one person together, and pixels from a memory map in the order they lie in.
            rows = np.sort(np.argsort(images.classes, kind="stable")[:count])
            pixels = images.pixels[rows]
            write_projector(
                self._folder / VALIDATION,
                "val images",
                model.embed_all(pixels),
                {
                    "identity": np.char.decode(images.people[images.classes[rows]], "utf-8"),
                    "image": np.char.decode(images.ids[rows], "utf-8"),
                },
                [
                    Image.fromarray(each.squeeze(-1) if each.shape[-1] == 1 else each)
                    for each in pixels
                ],
            )
        for writer in self._writers.values():
            writer.close()
