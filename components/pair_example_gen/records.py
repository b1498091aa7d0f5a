"""The tf.train.Example records of images and pairs, and the files that hold them."""

import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import tensorflow as tf
from tfx.dsl.io import fileio

from components import features

if TYPE_CHECKING:
    from components.pair_example_gen.images import ImageFacts
    from components.pair_example_gen.sources import Image

# The folder of an artifact that holds what is not finished.
UNFINISHED: Final = ".unfinished"
# The file of an artifact that holds counts, see ``reporting``.
SUMMARY_FILE: Final = "summary.json"


def image_example(
    image: "Image", data: bytes, facts: "ImageFacts", attribute_names: Iterable[str]
) -> bytes:
    """A serialised row of the images artifact."""
    return example_of(
        {
            features.IMAGE_ID: image.image_id,
            features.IDENTITY: image.identity,
            features.IMAGE_ENCODED: data,
            features.WIDTH: facts.width,
            features.HEIGHT: facts.height,
            features.CHANNELS: facts.channels,
            features.BRIGHTNESS: facts.brightness,
            features.CONTRAST: facts.contrast,
            features.SHARPNESS: facts.sharpness,
            **dict(zip(attribute_names, image.attributes, strict=True)),
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


def example_of(values: Mapping[str, str | bytes | int | float]) -> bytes:
    """A serialised example with one value a feature; the same values give the same bytes."""
    example = tf.train.Example()
    # Filled in place: half the time of building the messages one inside the other.
    feature = example.features.feature
    for name, value in values.items():
        match value:
            case str():
                feature[name].bytes_list.value.append(value.encode())
            case bytes():
                feature[name].bytes_list.value.append(value)
            case int():
                feature[name].int64_list.value.append(value)
            case float():
                feature[name].float_list.value.append(value)
            case _:
                raise TypeError(f"{name}: a {type(value).__name__} has no place in an example")
    # Map fields have no order of their own; the same data must give the same bytes.
    return example.SerializeToString(deterministic=True)
