"""Random changes of training images, in the graph: on the GPU where there is one."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from components.trainer.config import AugmentationConfig


class Augmenter:
    """Crops and changes a batch of images at random; every image by itself.

    Rotation, zoom, stretch, shift, flip and crop are one resampling, so that an image is blurred by
    interpolation once and not five times.

    Args:
      config: What is drawn from which range.
      size: Side of the images that come out.
      next_seed: Gives the seed, uint32 ``[2]``, of the next batch's draws. What it is drawn from
        can be saved, so that a training taken up again draws what it would have drawn.
    """

    def __init__(
        self,
        config: AugmentationConfig,
        size: int,
        next_seed: Callable[[], Any] | None = None,
    ):
        self._config = config
        self._size = size
        self._next_seed = next_seed or keras.random.SeedGenerator(0).next

    def __call__(self, images: tf.Tensor, pairs: bool = False) -> tf.Tensor:
        """Returns the changed images.

        Args:
          images: uint8 ``[N, H, W, C]``, H and W at least ``size``.
          pairs: The second half of the batch holds the partners of the first. With
            ``same_for_pair``, both of a pair then change alike.

        Returns:
          float32 ``[N, size, size, C]``, in 0 to 255.
        """
        paired = pairs and self._config.same_for_pair
        draw = _Draw(tf.shape(images)[0], paired, tf.convert_to_tensor(self._next_seed()))
        x = self._resample(tf.cast(images, tf.float32), draw)
        x = self._light(x / 255.0, draw)
        x = self._blur(x, draw)
        x = tf.clip_by_value(x, 0.0, 1.0)
        x = self._jpeg(x, draw)
        return self._cutout(x, draw) * 255.0

    def _resample(self, x: tf.Tensor, draw: "_Draw") -> tf.Tensor:
        c = self._config
        height, width = x.shape[1], x.shape[2]
        angle = draw.within(c.rotation * math.pi / 180)
        zoom = tf.exp(draw.within(math.log1p(c.zoom)))
        stretch = tf.exp(draw.within(math.log1p(c.aspect)))
        mirror = draw.sign() if c.flip else tf.ones_like(zoom)
        # From a pixel of the result to a point of the source, both measured from the centre.
        scale_x, scale_y = mirror * zoom * stretch, zoom / stretch
        a, b = tf.cos(angle) * scale_x, -tf.sin(angle) * scale_y
        d, e = tf.sin(angle) * scale_x, tf.cos(angle) * scale_y
        # The crop's centre moves by the shift; what it meets beyond the image repeats the edge.
        reach = c.shift * self._size
        centre = (self._size - 1) / 2
        to_x = (width - 1) / 2 + draw.within(reach)
        to_y = (height - 1) / 2 + draw.within(reach)
        zero = tf.zeros_like(a)
        transforms = tf.stack(
            [
                a,
                b,
                to_x - centre * (a + b),
                d,
                e,
                to_y - centre * (d + e),
                zero,
                zero,
            ],
            axis=1,
        )
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=x,
            transforms=transforms,
            output_shape=[self._size, self._size],
            interpolation="BILINEAR",
            fill_mode="NEAREST",
            fill_value=0.0,
        )

    def _light(self, x: tf.Tensor, draw: "_Draw") -> tf.Tensor:
        c = self._config
        if c.gamma:
            x = tf.pow(tf.clip_by_value(x, 1e-3, 1.0), draw.image(tf.exp(draw.within(c.gamma))))
        if c.contrast:
            mean = tf.reduce_mean(x, axis=[1, 2, 3], keepdims=True)
            x = mean + (x - mean) * draw.image(1 + draw.within(c.contrast))
        if c.brightness:
            x = x + draw.image(draw.within(c.brightness))
        if c.shading:
            ramp = tf.linspace(-1.0, 1.0, self._size)
            across = (
                draw.image(draw.within(c.shading)) * ramp[tf.newaxis, tf.newaxis, :, tf.newaxis]
            )
            down = draw.image(draw.within(c.shading)) * ramp[tf.newaxis, :, tf.newaxis, tf.newaxis]
            x = x * (1 + across + down)
        return x

    def _blur(self, x: tf.Tensor, draw: "_Draw") -> tf.Tensor:
        if not self._config.blur:
            return x
        kernel = tf.constant([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16.0
        kernel = tf.tile(kernel[:, :, tf.newaxis, tf.newaxis], [1, 1, x.shape[3], 1])
        padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")
        blurred = tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
        return tf.where(draw.image(draw.chance(self._config.blur)), blurred, x)

    def _jpeg(self, x: tf.Tensor, draw: "_Draw") -> tf.Tensor:
        if not self._config.jpeg:
            return x

        def recode(arguments: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            image, chosen, quality = arguments
            coded = lambda: tf.image.adjust_jpeg_quality(image, quality)  # noqa: E731
            return tf.ensure_shape(tf.cond(chosen, coded, lambda: image), image.shape)

        quality = tf.cast(65.0 + draw.within(30.0), tf.int32)
        return tf.map_fn(
            recode,
            (x, draw.chance(self._config.jpeg), quality),
            fn_output_signature=tf.TensorSpec(x.shape[1:], tf.float32),
        )

    def _cutout(self, x: tf.Tensor, draw: "_Draw") -> tf.Tensor:
        """A square of mean grey (DeVries & Taylor 2017) over a part of the image."""
        if not self._config.cutout:
            return x
        low, high = self._config.cutout_size
        half = (low + (high - low) * draw.share()) * self._size / 2
        line = tf.range(self._size, dtype=tf.float32)[tf.newaxis]
        inside_x = tf.abs(line - (draw.share() * self._size)[:, tf.newaxis]) < half[:, tf.newaxis]
        inside_y = tf.abs(line - (draw.share() * self._size)[:, tf.newaxis]) < half[:, tf.newaxis]
        square = tf.logical_and(inside_y[:, :, tf.newaxis], inside_x[:, tf.newaxis, :])
        square = tf.logical_and(
            square[..., tf.newaxis], draw.image(draw.chance(self._config.cutout))
        )
        return tf.where(square, tf.reduce_mean(x, axis=[1, 2, 3], keepdims=True), x)


class _Draw:
    """Random numbers, one an image; with ``paired``, the halves of a batch get the same."""

    def __init__(self, count: tf.Tensor, paired: bool, seed: tf.Tensor):
        self._count, self._paired, self._seed = count, paired, seed
        self._drawn = 0

    def share(self) -> tf.Tensor:
        # The generator counts calls in the second number; the first tells draws of a call apart.
        seed = self._seed + tf.constant([self._drawn, 0], self._seed.dtype)
        self._drawn += 1
        if self._paired:
            return tf.tile(tf.random.stateless_uniform([self._count // 2], seed), [2])
        return tf.random.stateless_uniform([self._count], seed)

    def within(self, reach: float) -> tf.Tensor:
        return (2 * self.share() - 1) * reach

    def sign(self) -> tf.Tensor:
        return tf.where(self.share() < 0.5, -1.0, 1.0)

    def chance(self, probability: float) -> tf.Tensor:
        return self.share() < probability

    @staticmethod
    def image(values: tf.Tensor) -> Any:
        """``[N]`` as ``[N, 1, 1, 1]``."""
        return values[:, tf.newaxis, tf.newaxis, tf.newaxis]
