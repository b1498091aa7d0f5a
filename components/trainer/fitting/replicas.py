"""A training on several devices of one machine, with the losses of one device.

A loss compares the images of a batch with each other, so that losses of parts of it, averaged,
would be another loss. Each replica embeds its part of a batch; then all see all embeddings, and
each takes the loss of the whole batch, of which it differentiates its own part.
"""

import functools
from typing import Any, Final

import keras
import tensorflow as tf

from components.trainer.config import TrainingConfig

MIRRORED: Final = "mirrored"


def strategy_of(config: TrainingConfig) -> tf.distribute.Strategy:
    """How a training is distributed: over all GPUs, or over all (virtual) CPUs where there is none.

    Args:
      config: The training section.
    """
    if config.distribution != MIRRORED:
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return _mirrored(tuple(device.name for device in devices))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    # One in a process: each numbers what its devices exchange from the same start, and the runtime
    # takes the same numbers for the same exchange.
    return tf.distribute.MirroredStrategy(devices)


def check_batch(images: int, targets: int, replicas: int) -> None:
    """Sees to it that a batch can be divided.

    Raises:
      ValueError: It cannot, into parts of the same size.
    """
    if images % replicas or targets % replicas:
        raise ValueError(
            f"training.distribution: {MIRRORED} divides each batch among {replicas} devices, and a "
            f"batch has {images} images and {targets} targets; change the batch "
            "(training.batch_pairs, identities_per_batch, images_per_identity, singles_per_batch)"
        )


def distributed(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy) -> Any:
    """Batches in parts, one for each replica in turn.

    Args:
      dataset: Of uint8 ``[B, H, W, C]`` and int32 ``[T]``.
      strategy: With R replicas.

    Returns:
      What Keras's ``fit`` takes, of ``[B / R, H, W, C]`` and ``[T / R]`` for each replica.
    """
    count = strategy.num_replicas_in_sync
    if count == 1:
        return dataset

    def parts(images: tf.Tensor, targets: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(
            tuple(
                tf.reshape(each, tf.concat([[count, -1], tf.shape(each)[1:]], 0))
                for each in (images, targets)
            )
        )

    shape = dataset.element_spec[0].shape
    return strategy.distribute_datasets_from_function(
        lambda _: dataset.flat_map(parts).map(
            lambda images, targets: (tf.ensure_shape(images, shape), targets)
        )
    )


def synchronise(network: keras.Model) -> None:
    """Lets batch normalisation see the whole batch, wherever its parts are."""
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def replicas() -> int:
    """Of the step that runs here."""
    return int(tf.distribute.get_replica_context().num_replicas_in_sync)


def own_seed(seed: Any) -> tf.Tensor:
    """A seed, uint32 ``[2]``, of this replica's own; on one device, the seed itself."""
    seed = tf.convert_to_tensor(seed)
    if replicas() == 1:
        return seed
    place = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, seed.dtype)
    return seed + tf.stack([tf.zeros_like(place), place])


def whole_batch(embeddings: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The embeddings and targets of all replicas; only this one's embeddings have a gradient.

    Args:
      embeddings: float ``[B / R, D]``.
      targets: ``[T / R]``.

    Returns:
      ``[B, D]`` and ``[T]``, in the order of the batch.
    """
    if replicas() == 1:
        return embeddings, targets
    context = tf.distribute.get_replica_context()
    found = context.all_gather(tf.stop_gradient(embeddings), axis=0)
    size = tf.shape(embeddings)[0]
    start = size * tf.cast(context.replica_id_in_sync_group, tf.int32)
    found = tf.concat([found[:start], embeddings, found[start + size :]], axis=0)
    return found, context.all_gather(targets, axis=0)


def whole_gradients(
    gradients: list[tf.Tensor], shared: set[int], variables: list[keras.Variable]
) -> list[tf.Tensor]:
    """The gradients of the whole batch, of which the optimizer takes the sum over replicas.

    Args:
      gradients: This replica's.
      shared: The ``id`` of each variable whose gradient every replica has whole.
      variables: In the order of the gradients.

    Returns:
      The whole gradient on each replica, divided by R.
    """
    count = replicas()
    if count == 1:
        return gradients
    context = tf.distribute.get_replica_context()
    summed = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    return [
        gradient / (count * count if id(variable) in shared else count)
        for gradient, variable in zip(summed, variables, strict=True)
    ]
