"""A training on several devices, of one machine or of several, with the losses of one device.

A loss compares the images of a batch with each other, so that losses of parts of it, averaged,
would be another loss. Each replica embeds its part of a batch; then all see all embeddings, and
each takes the loss of the whole batch, of which it differentiates its own part.
"""

import functools
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from components.trainer.config import TrainingConfig

MIRRORED: Final = "mirrored"
MULTI_WORKER: Final = "multi_worker"


def strategy_of(config: TrainingConfig) -> tf.distribute.Strategy:
    """How a training is distributed: over all GPUs, or over all (virtual) CPUs where there is none.

    Args:
      config: The training section.

    Raises:
      RuntimeError: It is for several workers, and this process is none of them.
    """
    if config.distribution == MULTI_WORKER:
        if not join.cache_info().currsize:
            raise RuntimeError(
                f"training.distribution: {MULTI_WORKER} is for the processes that Trainer starts; "
                "begin there with components.trainer.fitting.replicas.join()"
            )
        return join()
    if config.distribution != MIRRORED:
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return _mirrored(tuple(device.name for device in devices))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    # One in a process: each numbers what its devices exchange from the same start, and the runtime
    # takes the same numbers for the same exchange.
    return tf.distribute.MirroredStrategy(devices)


@functools.cache
def join() -> tf.distribute.Strategy:
    """Makes this process one of the workers that the variable TF_CONFIG describes.

    It is to be called before TensorFlow computes anything, and returns when all workers are there.
    """
    return tf.distribute.MultiWorkerMirroredStrategy()


def worker(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """Which worker this process is, from 0, and of how many; ``(0, 1)`` where it is alone.

    The first one, the chief, judges and writes.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    cluster = strategy.cluster_resolver.cluster_spec().as_dict()
    chiefs, others = len(cluster.get("chief", ())), len(cluster.get("worker", ()))
    place = int(strategy.cluster_resolver.task_id)
    if strategy.cluster_resolver.task_type == "worker":
        place += chiefs
    return place, chiefs + others


def is_chief(config: TrainingConfig) -> bool:
    """Whether this process writes, as one that trains alone does."""
    return worker(strategy_of(config))[0] == 0


def of_chief(value: np.ndarray, strategy: tf.distribute.Strategy) -> np.ndarray:
    """What the chief gives, on every worker; all wait for it here.

    Args:
      value: Of one shape and type on all workers.
      strategy: Of several workers, or of one process, which has its own value back.
    """
    if worker(strategy)[1] == 1:
        return value

    found = strategy.experimental_local_results(_exchange(strategy)(tf.constant(value)))
    return np.asarray(found[0].numpy())


@functools.cache
def _exchange(strategy: tf.distribute.Strategy) -> Any:
    def own(given: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        first = tf.equal(context.replica_id_in_sync_group, 0)
        counted = tf.where(first, given, tf.zeros_like(given))
        return context.all_reduce(tf.distribute.ReduceOp.SUM, counted)

    return tf.function(lambda given: strategy.run(own, (given,)), reduce_retracing=True)


def check_batch(images: int, targets: int, replicas: int) -> None:
    """Sees to it that a batch can be divided.

    Raises:
      ValueError: It cannot, into parts of the same size.
    """
    if images % replicas or targets % replicas:
        raise ValueError(
            f"training.distribution divides each batch among {replicas} devices, and a batch has "
            f"{images} images and {targets} targets; change the batch (training.batch_pairs, "
            "identities_per_batch, images_per_identity, singles_per_batch)"
        )


def distributed(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy) -> Any:
    """Batches in parts, one for each replica in turn.

    Args:
      dataset: Of uint8 ``[B, H, W, C]`` and int32 ``[T]``; this worker's part, where it is not
        alone.
      strategy: With R replicas in this process.

    Returns:
      What Keras's ``fit`` takes, of ``[B / R, H, W, C]`` and ``[T / R]`` for each replica.
    """
    if strategy.num_replicas_in_sync == 1:
        return dataset
    count = strategy.num_replicas_in_sync // worker(strategy)[1]

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


def _gathered(part: tf.Tensor) -> tf.Tensor:
    """The parts that all replicas have, along axis 0, in their order."""
    context = tf.distribute.get_replica_context()
    if worker(context.strategy)[1] == 1:
        return context.all_gather(part, axis=0)
    # TensorFlow's own does not work for workers with one device each. A sum with zeros is exact.
    size, place = tf.shape(part)[0], tf.cast(context.replica_id_in_sync_group, tf.int32)
    around = [size * place, size * (replicas() - 1 - place)]
    padded = tf.pad(part, [around, *[[0, 0]] * (part.shape.rank - 1)])
    return context.all_reduce(tf.distribute.ReduceOp.SUM, padded)


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
    found = _gathered(tf.stop_gradient(embeddings))
    size = tf.shape(embeddings)[0]
    start = size * tf.cast(context.replica_id_in_sync_group, tf.int32)
    found = tf.concat([found[:start], embeddings, found[start + size :]], axis=0)
    return found, _gathered(targets)


def reported(values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """What a step reports, as Keras takes it: over several workers it takes means along axis 0."""
    if worker(tf.distribute.get_strategy())[1] == 1:
        return values
    return {name: value[tf.newaxis] for name, value in values.items()}


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
