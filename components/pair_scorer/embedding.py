"""Embeds the images of a shard, each once a network."""

from collections.abc import Callable, Iterator

import apache_beam as beam
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tfx.dsl.io import fileio

from components import features
from components.exported_model import EMBED_BATCH
from components.models_at_workers import Models
from components.pace import Pace
from components.pair_scorer.kept_embeddings import KeptEmbeddings, shard_key
from components.progress import say
from components.tfrecords import read_tfrecords
from serving.versions import SAVED_MODEL

COUNTERS = "PairScorer"
# Embeddings are handed on when they are of this many images.
IMAGES_A_CHUNK = 8_192

# Ids of some images, bytes ``[N]``, and their embeddings under each model, float32 ``[N, D]``.
Embedded = tuple[np.ndarray, list[np.ndarray]]


def numbers_an_image(paths: tuple[str, ...]) -> int:
    """How many numbers a row of embeddings under these models has, without loading them."""
    total = 0
    for path in paths:
        with fileio.open(f"{path}/{SAVED_MODEL}", "rb") as file:
            saved = saved_model_pb2.SavedModel.FromString(file.read())
        signature = saved.meta_graphs[0].signature_def["compare"]
        total += signature.inputs["embedding_a"].tensor_shape.dim[1].size
    return total


def lookup(ids: frozenset[bytes]) -> tf.lookup.StaticHashTable:
    """A table that gives 1 for these ids and 0 for others, for use in a graph."""
    keys = tf.constant(list(ids), tf.string)
    rows = tf.lookup.KeyValueTensorInitializer(keys, tf.ones(len(ids), tf.int64))
    return tf.lookup.StaticHashTable(rows, default_value=0)


def image_batches(
    path: str, wanted: tf.lookup.StaticHashTable
) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
    """Reads those images of a shard that are wanted: ids and encoded images, by the batch."""
    types = {
        features.IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
        features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    }

    def parse(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(rows, types)
        keep = wanted.lookup(parsed[features.IMAGE_ID]) == 1
        return {name: tf.boolean_mask(values, keep) for name, values in parsed.items()}

    images = (
        read_tfrecords([path])
        .batch(EMBED_BATCH)
        .map(parse)
        .rebatch(EMBED_BATCH)
        # The next batch is read while this one is embedded.
        .prefetch(1)
    )
    for batch in images:
        yield batch[features.IMAGE_ID].numpy().astype(np.bytes_), batch[features.IMAGE_ENCODED]


class Embedder:
    """Embeds the wanted images of shards with every network, each image read and sent once.

    Args:
      models: Which networks.
      kept: Embeddings of earlier runs.
    """

    def __init__(self, models: Models, kept: KeptEmbeddings):
        self._models, self._kept = models, kept
        self._pace = Pace("images embedded")
        self._images = beam.metrics.Metrics.counter(COUNTERS, "images_embedded")

    def embedded(
        self,
        path: str,
        ids: frozenset[bytes],
        wanted: Callable[[], tf.lookup.StaticHashTable],
        total: int,
    ) -> Iterator[Embedded]:
        """The embeddings of a shard, ``IMAGES_A_CHUNK`` images at a time.

        Args:
          path: The shard.
          ids: Of the images that are wanted, here or in other shards.
          wanted: Gives ``lookup(ids)``.
          total: How many images are embedded in all, to be told.
        """
        key = shard_key(path, ids)
        networks = dict.fromkeys(self._models.networks)
        kept = {network: self._kept.get(network, key) for network in networks}
        missing = [network for network in networks if kept[network] is None]
        found_ids: list[np.ndarray] = []
        embeddings: dict[str, list[np.ndarray]] = {network: [] for network in networks}
        done, part = 0, 0

        def chunk() -> Embedded:
            joined = {network: np.concatenate(embeddings[network]) for network in networks}
            return np.concatenate(found_ids), [joined[each] for each in self._models.networks]

        for batch_ids, images in image_batches(path, wanted()):
            if len(found_ids) * EMBED_BATCH >= IMAGES_A_CHUNK:
                yield chunk()
                found_ids, part = [], part + 1
                embeddings = {network: [] for network in networks}
            found_ids.append(batch_ids)
            rows = slice(done, done + len(batch_ids))
            for network, found in kept.items():
                embeddings[network].append(
                    self._models.embed(network, images) if found is None else found[rows]
                )
            done = rows.stop
            if missing:
                self._images.inc(len(batch_ids))
                self._pace.add(len(batch_ids), total)
        if not missing:
            say(f"{done:,} embeddings of an earlier run")
        if not found_ids:
            return
        yield chunk()
        if not part:
            for network in missing:
                self._kept.put(network, key, np.concatenate(embeddings[network]))
