"""The tf.train.Example records of images and pairs, and the files that hold them."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Final

import tensorflow as tf
from tfx.dsl.io import fileio

from components import features
from components.pair_example_gen.images import ImageFacts
from components.pair_example_gen.sources import Image

# The folder of an artifact that holds what is not finished.
UNFINISHED: Final = ".unfinished"


def image_example(
    image: Image, data: bytes, facts: ImageFacts, attribute_names: Iterable[str]
) -> bytes:
    """A serialised row of the images artifact."""
    attributes = dict(zip(attribute_names, image.attributes, strict=True))
    return _example(
        {
            features.IMAGE_ID: _bytes(image.image_id.encode()),
            features.IDENTITY: _bytes(image.identity.encode()),
            features.IMAGE_ENCODED: _bytes(data),
            features.WIDTH: _int(facts.width),
            features.HEIGHT: _int(facts.height),
            features.CHANNELS: _int(facts.channels),
            features.BRIGHTNESS: _float(facts.brightness),
            features.CONTRAST: _float(facts.contrast),
            features.SHARPNESS: _float(facts.sharpness),
            **{name: _bytes(value.encode()) for name, value in attributes.items()},
        }
    )


def pair_example(
    image_a: Image, image_b: Image, label: int, pair_set: str, attribute_names: Iterable[str]
) -> bytes:
    """A serialised row of the pairs artifact; an attribute is "mixed" where the images differ."""
    attributes = {
        name: a if a == b else features.MIXED
        for name, a, b in zip(attribute_names, image_a.attributes, image_b.attributes, strict=True)
    }
    return _example(
        {
            features.IMAGE_ID_A: _bytes(image_a.image_id.encode()),
            features.IMAGE_ID_B: _bytes(image_b.image_id.encode()),
            features.IDENTITY_A: _bytes(image_a.identity.encode()),
            features.IDENTITY_B: _bytes(image_b.identity.encode()),
            features.LABEL: _int(label),
            features.PAIR_SET: _bytes(pair_set.encode()),
            **{name: _bytes(value.encode()) for name, value in attributes.items()},
        }
    )


def write_shard(uri: str, split: str, name: str, records: Iterable[bytes]) -> None:
    """Writes an uncompressed TFRecord file into a split, under a temporary name first.

    JPEG and PNG do not compress further. Every file in a split's folder is taken for data, so the
    temporary one lies elsewhere; a runner that tries a bundle again writes the same shard again.

    Args:
      uri: The root of the Examples artifact.
      split: The split's name.
      name: The shard's file name; not one that ends in ``.gz``, which readers would unpack.
      records: Serialised examples.
    """
    temporary = f"{uri}/{UNFINISHED}/{uuid.uuid4().hex}"
    final = f"{uri}/Split-{split}/{name}"
    for path in (temporary, final):
        fileio.makedirs(path.rpartition("/")[0])
    with tf.io.TFRecordWriter(temporary) as writer:
        for record in records:
            writer.write(record)
    fileio.rename(temporary, final, overwrite=True)


def _example(feature: Mapping[str, tf.train.Feature]) -> bytes:
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    # Map fields have no order of their own; the same data must give the same bytes.
    return example.SerializeToString(deterministic=True)


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _float(value: float) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
