"""The model that is fitted: augmentation, the shared network, the loss, averaged weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.trainer.comparison.sigmoid_head import SigmoidHead
from components.trainer.config import TrainingConfig
from components.trainer.fitting import replicas
from components.trainer.fitting.objective import Objective
from components.trainer.inputs.arrays import room_for
from components.trainer.inputs.augmentation import Augmenter
from components.trainer.networks.build import build_network, embed_pixels, finish_embedding

EMBED_BATCH = 256


def centre_crop(images: tf.Tensor, size: int) -> tf.Tensor:
    """The central ``size`` x ``size`` of ``[N, H, W, C]``."""
    top, left = (images.shape[1] - size) // 2, (images.shape[2] - size) // 2
    return images[:, top : top + size, left : left + size]


def resize(images: tf.Tensor, size: int) -> tf.Tensor:
    """uint8 ``[N, H, W, C]`` as uint8 ``[N, size, size, C]``; nothing is done at that size."""
    if images.shape[1] == images.shape[2] == size:
        return images
    resized = tf.image.resize(images, (size, size), method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers made in the block compute in ``precision``; their weights are float32."""
    before = keras.config.dtype_policy()
    if precision != "float32":
        keras.config.set_dtype_policy(f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class SiameseModel(keras.Model):
    """One network, applied to every image of a batch, under one of the losses.

    Args:
      config: The training section.
      image_shape: Height, width and channels of the prepared images.
      classes: Number of train identities.

    Raises:
      ValueError: ``input_size`` is larger than the prepared images.
    """

    def __init__(self, config: TrainingConfig, image_shape: tuple[int, int, int], classes: int):
        super().__init__(name="siamese")
        height, _, channels = image_shape
        self.view_size = config.resize or height
        size = config.input_size or self.view_size
        if size > self.view_size:
            raise ValueError(
                f"training.input_size is {size}, and the images it is cut from are {self.view_size}"
                " px; lower it, or raise training.resize (image.size without it)"
            )
        self.config = config
        self.input_size = size
        with computing_in(config.precision):
            self.network = build_network(config.network, (size, size, channels))
        self.objective = Objective(
            config.loss, classes, pairs_given=config.sampler != "identities", name="objective"
        )
        self.objective.build((None, self.embedding_size))
        self.seeds = keras.random.SeedGenerator(config.seed)
        self.augmenter = Augmenter(
            config.augmentation, size, lambda: replicas.own_seed(self.seeds.next())
        )
        self.averages: list[keras.Variable] = []
        # Where each weight's average is: more weights have one once a backbone is unfrozen.
        self._place: dict[int, int] = {}
        self.built = True

    @property
    def embedding_size(self) -> int:
        """D of the network's embeddings."""
        return self.network.output_shape[-1]

    @property
    def learned_head(self) -> SigmoidHead | None:
        """The head that compares two embeddings, where the loss learns one."""
        head = self.objective.head
        return head if isinstance(head, SigmoidHead) else None

    def compile(self, **options: Any) -> None:
        """Sets the optimizer; a weight that can be fitted for the first time gets an average."""
        super().compile(**options)
        if not self.config.optimizer.ema:
            return
        for weight in self._fitted():
            if id(weight) not in self._place:
                place = len(self.averages)
                self._place[id(weight)] = place
                self.averages.append(
                    keras.Variable(weight.numpy().copy(), trainable=False, name=f"ema_{place}")
                )

    def _fitted(self) -> list[keras.Variable]:
        """What a step changes: the weights, and the batch statistics that belong to them.

        Averaged weights with the last weights' statistics would be two models in one.
        """
        statistics = [v for v in self.network.non_trainable_variables if "moving_" in v.path]
        # Those of a trained network that starts frozen never change.
        network = self.config.network
        frozen = (network.is_backbone or network.is_ready) and network.frozen
        return [*self.trainable_variables, *([] if frozen else statistics)]

    def _averaged(self) -> list[tuple[keras.Variable, keras.Variable]]:
        """Averages and what they are averages of."""
        if not self.averages:
            return []
        return [(self.averages[self._place[id(each)]], each) for each in self._fitted()]

    def _maybe_symbolic_build(self, *given: Any, **named: Any) -> None:
        # All is built. On several devices, Keras would take the epoch's first batch to build by.
        pass

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step on uint8 images ``[B, H, W, C]`` and the targets of the loss."""
        images, targets = data
        pixels = self.augmenter(images, pairs=self.objective.pairs_given)
        if self.config.xla:
            # XLA has no kernel for augmentation's crop.
            return tf.function(self._fit_step, jit_compile=True)(pixels, targets)
        return self._fit_step(pixels, targets)

    def _fit_step(self, pixels: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            raw = tf.cast(self.network(pixels, training=True), tf.float32)
            embeddings = finish_embedding(raw, self.config.network)
            embeddings, targets = replicas.whole_batch(embeddings, targets)
            loss, report = self.objective(embeddings, targets)
            penalty = sum(self.network.losses)
            total = loss + penalty
            # Each replica has the whole penalty, and its own part of what the loss depends on.
            own = loss + penalty / replicas.replicas()
        variables = self.trainable_variables
        gradients = replicas.whole_gradients(
            tape.gradient(own, variables), {id(each) for each in self.objective.weights}, variables
        )
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self._average_weights()
        # Collapse shows here: embeddings that are all alike have no variance.
        spread = tf.reduce_mean(tf.math.reduce_variance(embeddings, axis=0))
        return replicas.reported({"loss": total, "embedding_variance": spread, **report})

    def _average_weights(self) -> None:
        """Moves the averages towards the weights, early on faster (as TensorFlow's own class)."""
        step = tf.cast(self.optimizer.iterations, tf.float32)
        keep = tf.minimum(self.config.optimizer.ema, (1 + step) / (10 + step))
        for average, weight in self._averaged():
            average.assign(keep * average.value + (1 - keep) * weight.value)

    def swap_averages(self) -> None:
        """Exchanges weights and averages; called twice, nothing has changed."""
        for average, weight in self._averaged():
            # numpy() shows the variable's own memory; an assignment may write into it.
            held = weight.numpy().copy()
            weight.assign(average.value)
            average.assign(held)

    def kept_weights(self) -> list[np.ndarray]:
        """Copies of what the exported model is made of: the network and the head of the loss."""
        # Copies: numpy() shows memory that the next step changes.
        return [weight.numpy().copy() for weight in self._kept()]

    def restore(self, kept: list[np.ndarray]) -> None:
        """Takes back what ``kept_weights`` gave."""
        for weight, value in zip(self._kept(), kept, strict=True):
            weight.assign(value)

    def begin_with(self, folder: str | Path) -> None:
        """Takes the network's weights from a model that an earlier training exported.

        Args:
          folder: Of the SavedModel.

        Raises:
          ValueError: Its network is another one.
        """
        # As the network is called in the exported model: see Verifier and Embedder.
        holder = tf.train.Checkpoint(_embed_pixels=tf.train.Checkpoint(_network=self.network))
        try:
            status = holder.read(f"{folder}/variables/variables")
            status.assert_existing_objects_matched().expect_partial()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"training.warm_start: {folder} has no network like {self.network.name!r} of this "
                "config, so that its weights cannot be the first; make training.network and its "
                f"input what they were, or remove warm_start ({str(error).splitlines()[0]})"
            ) from None

    def _kept(self) -> list[keras.Variable]:
        return [*self.network.weights, *self.objective.weights]

    @tf.function(reduce_retracing=True)
    def embed(self, images: tf.Tensor) -> tf.Tensor:
        """Embeddings, float32 ``[N, D]``, of prepared images, uint8 ``[N, H, W, C]``."""
        pixels = centre_crop(resize(images, self.view_size), self.input_size)
        found = embed_pixels(self.network, pixels, self.config.network)
        return tf.cast(found, tf.float32)  # whatever the network computes in

    def view_all(self, pixels: np.ndarray) -> np.ndarray:
        """Prepared images as the network is trained on them, uint8 ``[N, V, V, C]``."""
        if pixels.shape[1] == self.view_size:
            return pixels
        view = tf.function(lambda chunk: resize(chunk, self.view_size), reduce_retracing=True)
        shape = (len(pixels), self.view_size, self.view_size, pixels.shape[3])
        seen = room_for(shape, pixels)
        for at in range(0, len(pixels), EMBED_BATCH):
            rows = slice(at, at + EMBED_BATCH)
            seen[rows] = view(tf.constant(pixels[rows])).numpy()
        return seen

    def embed_all(self, pixels: np.ndarray) -> np.ndarray:
        """The embeddings, float32 ``[N, D]``, of any number of images, in batches."""
        starts = range(0, len(pixels), EMBED_BATCH)
        return np.concatenate(
            [self.embed(tf.constant(pixels[at : at + EMBED_BATCH])).numpy() for at in starts]
        )
