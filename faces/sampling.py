"""Samples small upright squares, at any place, size and angle, from a photo.

All crops of the finder and the aligned faces themselves are made here. Coordinates are those of
edges: the first pixel of a picture covers 0 to 1, its middle is at 0.5.
"""

from typing import NamedTuple

import tensorflow as tf

# Halvings of the photo; the last is small enough for a crop of 24 pixels that shows all of it.
_LEVELS = 8


class Mipmap(NamedTuple):
    """A photo and its halvings (Williams, "Pyramidal Parametrics", SIGGRAPH 1983).

    A crop that is smaller than what it shows takes its pixels from the halving of about its own
    scale: neither aliased, nor slower for a large photo than for a small one.

    Attributes:
        texels: uint8 [T, 3]: all pixels of all levels, row by row, the photo itself first.
        sizes: int32 [levels, 2]: height and width of each.
        starts: int32 [levels]: where each begins in ``texels``.
    """

    texels: tf.Tensor
    sizes: tf.Tensor
    starts: tf.Tensor


def build_mipmap(photo: tf.Tensor) -> Mipmap:
    """Halves a photo (uint8 [height, width, 3]) again and again."""
    size = tf.shape(photo)[:2]
    levels, sizes = [photo], [size]
    for _ in range(_LEVELS - 1):
        size = (size + 1) // 2
        levels.append(_rounded(tf.image.resize(levels[-1], size, "area")))
        sizes.append(size)
    starts = tf.cumsum([tf.reduce_prod(size) for size in sizes], exclusive=True)
    texels = tf.concat([tf.reshape(level, (-1, 3)) for level in levels], 0)
    return Mipmap(texels, tf.stack(sizes), starts)


def shrink(mipmap: Mipmap, size: tf.Tensor) -> tf.Tensor:
    """The whole photo at another size (int32 [2]: height, width), from the halving next above it.

    Returns:
        float32 [height, width, 3], from 0 to 255.
    """
    level = tf.reduce_sum(tf.cast(tf.reduce_all(mipmap.sizes >= size, axis=1), tf.int32)) - 1
    level = tf.maximum(level, 0)
    height, width = mipmap.sizes[level, 0], mipmap.sizes[level, 1]
    texels = mipmap.texels[mipmap.starts[level] : mipmap.starts[level] + height * width]
    return tf.image.resize(tf.reshape(texels, (height, width, 3)), size, "area")


def _rounded(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels + 0.5, tf.uint8)


def sample(mipmap: Mipmap, matrices: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Samples crops, bilinearly; what lies outside of the photo is black.

    Args:
        mipmap: Of the photo.
        matrices: float32 [N, 2, 3]: from a place in the crop to its place in the photo. They turn,
            shift, mirror and scale alike in both directions.
        height: Of the crops, in pixels; may be a tensor.
        width: Likewise.

    Returns:
        float32 [N, height, width, 3], from 0 to 255.
    """
    determinant = matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0]
    scale = tf.maximum(tf.sqrt(tf.abs(determinant)), 1e-6)
    level = tf.cast(tf.round(tf.math.log(scale) / tf.math.log(2.0)), tf.int32)
    level = tf.clip_by_value(level, 0, _LEVELS - 1)
    x, y = tf.meshgrid(tf.range(width), tf.range(height))
    places = tf.cast(tf.stack((x, y), -1), tf.float32) + 0.5
    places = tf.einsum("nij,hwj->nhwi", matrices[:, :, :2], places) + matrices[:, None, None, :, 2]
    size = tf.gather(mipmap.sizes, level)
    # About 2 to the level; where a size is odd, its half is half a pixel larger.
    shrunk = tf.cast(size / mipmap.sizes[0], tf.float32)[:, ::-1]
    places = places * shrunk[:, None, None] - 0.5
    low = tf.floor(places)
    part = places - low
    # A place far outside of any photo must not overflow.
    low = tf.cast(tf.clip_by_value(low, -2.0, 1e6), tf.int32)
    size = size[:, None, None]
    start = tf.gather(mipmap.starts, level)[:, None, None]
    left, top = low[..., 0], low[..., 1]

    def texels(column: tf.Tensor, row: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        inside = (column >= 0) & (row >= 0) & (column < size[..., 1]) & (row < size[..., 0])
        index = tf.where(inside, start + row * size[..., 1] + column, 0)
        colour = tf.cast(tf.gather(mipmap.texels, index), tf.float32)
        return colour * (weight * tf.cast(inside, tf.float32))[..., None]

    right_part, lower_part = part[..., 0], part[..., 1]
    return (
        texels(left, top, (1 - right_part) * (1 - lower_part))
        + texels(left + 1, top, right_part * (1 - lower_part))
        + texels(left, top + 1, (1 - right_part) * lower_part)
        + texels(left + 1, top + 1, right_part * lower_part)
    )
