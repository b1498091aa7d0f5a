"""Squares that may be turned: where the finder looks, and what it found there.

Places are (x, y) with the first pixel from 0 to 1. Angles are in radians, clockwise as one looks at
the picture: the angle of an upright face is 0, of one whose head leans to the viewer's right more.
"""

from typing import NamedTuple

import tensorflow as tf


class Squares(NamedTuple):
    """N squares.

    Attributes:
        centre: float32 [N, 2], in pixels of the photo.
        side: float32 [N], likewise.
        angle: float32 [N].
    """

    centre: tf.Tensor
    side: tf.Tensor
    angle: tf.Tensor

    def take(self, indices: tf.Tensor) -> "Squares":
        """Some of them, in another order."""
        return Squares(*(tf.gather(field, indices) for field in self))

    def matrices(self, pixels: int | tf.Tensor, mirrored: bool = False) -> tf.Tensor:
        """float32 [N, 2, 3]: from a place in a crop of ``pixels`` to that in the photo."""
        pixels = tf.cast(pixels, tf.float32)
        scale = self.side / pixels
        cosine, sine = tf.cos(self.angle) * scale, tf.sin(self.angle) * scale
        sign = -1.0 if mirrored else 1.0
        linear = tf.stack(
            (tf.stack((sign * cosine, -sine), -1), tf.stack((sign * sine, cosine), -1)), -2
        )
        offset = self.centre - tf.reduce_sum(linear, axis=-1) * (pixels / 2)
        return tf.concat((linear, offset[..., None]), axis=-1)

    def moved(self, offsets: tf.Tensor) -> "Squares":
        """The squares around the boxes that a network gives.

        Args:
            offsets: float32 [N, 4]: by how much left, top, right and bottom move, in sides.
        """
        left, top, right, bottom = tf.unstack(offsets, axis=-1)
        middle = tf.stack((left + right, top + bottom), axis=-1) * (self.side / 2)[:, None]
        side = self.side * (1 + tf.maximum(right - left, bottom - top))
        return Squares(self.centre + turned(middle, self.angle), side, self.angle)

    def place(self, points: tf.Tensor) -> tf.Tensor:
        """float32 [N, K, 2] in the photo, of points from 0 to 1 across the squares."""
        across = turned(points - 0.5, self.angle[:, None])
        return self.centre[:, None] + across * self.side[:, None, None]

    def boxes(self) -> tf.Tensor:
        """float32 [N, 4]: left, top, right, bottom, as if they were not turned."""
        half = self.side[:, None] / 2
        return tf.concat((self.centre - half, self.centre + half), axis=-1)


def best(
    squares: Squares,
    logits: tf.Tensor,
    at_most: int,
    overlap: float,
    at_least: float,
    among_turned: bool = True,
) -> tf.Tensor:
    """Indices of the surest squares that do not lie on a surer one, surest first.

    Args:
        squares: N of them.
        logits: float32 [N].
        at_most: How many.
        overlap: Share of the smaller square that may lie in the larger: one inside another is the
            same face again, however different their sizes.
        at_least: The least logit.
        among_turned: Whether one square stands in for another that is turned by more than 60
            degrees.
    """
    boxes = squares.boxes()
    low = tf.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = tf.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)
    area = tf.square(squares.side)
    shares = common / tf.maximum(tf.minimum(area[:, None], area[None, :]), 1e-6)
    if not among_turned:
        turn = squares.angle[:, None] - squares.angle[None, :]
        shares *= tf.cast(tf.cos(turn) > 0.5, tf.float32)
    return tf.image.non_max_suppression_overlaps(shares, logits, at_most, overlap, at_least)


def turned(vectors: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """Vectors (float32 [..., 2]) turned clockwise by angles ([...])."""
    x, y = vectors[..., 0], vectors[..., 1]
    cosine, sine = tf.cos(angle), tf.sin(angle)
    return tf.stack((x * cosine - y * sine, x * sine + y * cosine), axis=-1)
