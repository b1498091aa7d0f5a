"""Decode, crop and resize in the graph. Transform runs it; the exported model carries it."""

from typing import Any

import tensorflow as tf

from components import features
from components.transform.config import ImageConfig


def crop_window(shape: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """The crop of an image in whole pixels.

    Args:
      shape: int32 ``[3]``: height, width and channels of the image.
      config: Names the box in fractions.

    Returns:
      int32 ``[4]``: y, x, height and width; at least one pixel, never outside the image.
    """
    left, top, right, bottom = config.box
    height, width = tf.cast(shape[0], tf.float32), tf.cast(shape[1], tf.float32)
    y = tf.minimum(tf.cast(tf.round(top * height), tf.int32), shape[0] - 1)
    x = tf.minimum(tf.cast(tf.round(left * width), tf.int32), shape[1] - 1)
    crop_height = tf.maximum(tf.cast(tf.round(bottom * height), tf.int32) - y, 1)
    crop_width = tf.maximum(tf.cast(tf.round(right * width), tf.int32) - x, 1)
    return tf.stack([y, x, crop_height, crop_width])


def _decode_jpeg(image: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    # Decoding the crop alone halves the time for a crop of half the side.
    window = crop_window(tf.io.extract_jpeg_shape(image), config)
    return tf.io.decode_and_crop_jpeg(
        image, window, channels=config.channels, dct_method="INTEGER_ACCURATE"
    )


def _decode_png(image: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    pixels = tf.io.decode_png(image, channels=config.channels)
    y, x, height, width = tf.unstack(crop_window(tf.shape(pixels), config))
    return pixels[y : y + height, x : x + width]


def prepare_image(image: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """One image file as pixels.

    Args:
      image: string scalar, a whole JPEG or PNG file, grey or colour.
      config: Crop, size and colour of the result.

    Returns:
      uint8 ``[size, size, channels]``.

    Raises:
      tf.errors.InvalidArgumentError: When the graph runs, for bytes that are neither.
    """
    pixels = tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg(image, config),
        lambda: _decode_png(image, config),
    )
    resized = tf.image.resize(pixels, (config.size, config.size), method="bilinear", antialias=True)
    pixels = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    return tf.ensure_shape(pixels, config.shape)


def prepare_images(images: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """A batch of image files as pixels.

    Args:
      images: string ``[N]``; N may be 0.
      config: Crop, size and colour of the result.

    Returns:
      uint8 ``[N, size, size, channels]``.
    """
    return tf.map_fn(
        lambda image: prepare_image(image, config),
        images,
        fn_output_signature=tf.TensorSpec(config.shape, tf.uint8),
        parallel_iterations=16,
    )


def to_raw_bytes(pixels: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Each image's pixels as one string.

    ``serialize_tensor`` puts a header of varying length before the bytes, so they are cut off the
    end. This is four times cheaper than PNG and loses nothing.

    Args:
      pixels: uint8 ``[N, size, size, channels]``.
      config: Gives the size.

    Returns:
      string ``[N]``, each of ``size * size * channels`` bytes, row by row.
    """
    length = config.size * config.size * config.channels

    def one(image: tf.Tensor) -> tf.Tensor:
        return tf.strings.substr(tf.io.serialize_tensor(image), -length, length)

    return tf.map_fn(one, pixels, fn_output_signature=tf.TensorSpec([], tf.string))


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Transform's callback: image files in, raw pixels out, ids and identities kept.

    Args:
      inputs: The features of ``schemas/images.pbtxt``, string ``[N, 1]`` each.
      custom_config: ``{"image": ImageConfig as JSON}``.

    Returns:
      ``image_id``, ``identity`` and ``image_raw``, string ``[N, 1]`` each.
    """
    config = ImageConfig.model_validate_json(custom_config["image"])
    pixels = prepare_images(tf.reshape(inputs[features.IMAGE_ENCODED], [-1]), config)
    return {
        features.IMAGE_ID: inputs[features.IMAGE_ID],
        features.IDENTITY: inputs[features.IDENTITY],
        features.IMAGE_RAW: to_raw_bytes(pixels, config)[:, tf.newaxis],
    }
