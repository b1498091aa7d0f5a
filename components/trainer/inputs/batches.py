"""The batches of a training, epoch by epoch: the sampler's rows, and the pixels they stand for."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import tensorflow as tf

from components.tfrecords import without_autotune
from components.trainer.config import TrainingConfig
from components.trainer.inputs.arrays import Images, Pairs
from components.trainer.inputs.samplers import fresh_pair_batches, identity_batches, pair_batches

Batch = tuple[np.ndarray, np.ndarray]


class BatchSource:
    """What an epoch of training is made of.

    Only row numbers come from Python, one call a batch; pixels are gathered from memory or the
    memory map just before they are needed. An epoch's batches depend on the seed, on the epoch's
    number and, with ``hard_negative_group``, on the embeddings given for it, and on nothing else: a
    training that is taken up again sees what it would have seen.

    Args:
      config: Names the sampler.
      images: The train images.
      pairs: The train pairs; sampler ``pairs`` draws from them.

    Attributes:
      steps: Batches an epoch.
      images_a_step: Images a batch.
      targets_a_step: Targets a batch: a label a pair, or an identity an image.
    """

    def __init__(self, config: TrainingConfig, images: Images, pairs: Pairs):
        self._config, self._images, self._pairs = config, images, pairs
        if config.sampler == "identities":
            per_identity = config.identities_per_batch * config.images_per_identity
            self.images_a_step = per_identity + config.singles_per_batch
            self.targets_a_step = self.images_a_step
            all_once = len(images.ids) // per_identity
        else:
            self.images_a_step = 2 * config.batch_pairs
            self.targets_a_step = config.batch_pairs
            all_once = len(pairs.labels) // config.batch_pairs
        self.steps = config.steps_per_epoch or max(all_once, 1)
        self._endless = self._sampler(config.seed)
        self._next_epoch = 0
        self._current: Iterator[Batch] = iter(())

    def _sampler(
        self, seed: int | list[int], embeddings: np.ndarray | None = None
    ) -> Iterator[Batch]:
        c, classes = self._config, self._images.classes
        if c.sampler == "identities":
            return identity_batches(
                classes,
                c.identities_per_batch,
                c.images_per_identity,
                seed,
                singles=c.singles_per_batch,
                embeddings=embeddings,
                group=c.hard_negative_group or 1,
            )
        if c.sampler == "fresh_pairs":
            return fresh_pair_batches(classes, c.batch_pairs, seed)
        return pair_batches(self._pairs, c.batch_pairs, seed)

    def start(self, epoch: int, embeddings: np.ndarray | None = None) -> None:
        """Turns to an epoch; ``dataset`` then gives its batches.

        Args:
          epoch: From 0; never an earlier one than last time.
          embeddings: float ``[N, D]`` of the train images, to put hard negatives into one batch.

        Raises:
          ValueError: The epoch lies before the last one.
        """
        if epoch < self._next_epoch:
            raise ValueError(f"epoch {epoch} comes after epoch {self._next_epoch - 1}")
        if self._config.hard_negative_group:
            mined = self._sampler([self._config.seed, epoch], embeddings)
            self._current = islice(mined, self.steps)
        else:
            # Row numbers only: passing over whole epochs takes moments.
            skip = (epoch - self._next_epoch) * self.steps
            self._current = islice(self._endless, skip, skip + self.steps)
        self._next_epoch = epoch + 1

    def dataset(self, worker: int = 0, workers: int = 1) -> tf.data.Dataset:
        """The batches of the epoch last turned to, each time it is iterated over.

        Args:
          worker: Which of several takes its part of each batch, from 0.
          workers: How many do; the parts, in their order, are the batch.

        Returns:
          uint8 ``[B / workers, H, W, C]`` and int32 targets.
        """
        pixels = self._images.pixels

        def batches() -> Iterator[Batch]:
            if workers == 1:
                return self._current
            return (
                (np.split(rows, workers)[worker], np.split(targets, workers)[worker])
                for rows, targets in self._current
            )

        def gather(rows: np.ndarray) -> np.ndarray:
            return pixels[rows]

        def pixels_of(rows: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            batch = tf.numpy_function(gather, [rows], tf.uint8, stateful=False)
            return tf.ensure_shape(batch, (None, *pixels.shape[1:])), targets

        dataset = tf.data.Dataset.from_generator(
            batches,
            output_signature=(
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([None], tf.int32),
            ),
        )
        return without_autotune(dataset.map(pixels_of).prefetch(4))
