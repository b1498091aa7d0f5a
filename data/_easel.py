"""The canvas that a synthetic face is drawn on.

Every shape is a polygon in face units (see ``_face_params``), moved by one projection that turns
the head: a point on the face lies on an ellipsoid, so that features slide and shrink towards the
side the head turns to, while the outline stays where it is.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data._face_params import Colour, Shot

Points = np.ndarray  # float64 [n, 2]: x, y in face units

_DEPTH = 0.62  # how far the middle of the face is in front of the outline

_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 28, endpoint=False)) for f in (np.cos, np.sin)], 1)
_STEPS = 8
# Catmull-Rom: row i holds the weights of four controls at step i between the middle two.
_SPLINE = np.stack(
    [np.linspace(0, 1, _STEPS, endpoint=False) ** power for power in range(4)], 1
) @ (0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]))


class Mask(NamedTuple):
    """Which part of the canvas to paint: a mode L image and where its corner is."""

    image: Image.Image
    corner: tuple[int, int]


def curve(controls: Iterable[tuple[float, float]]) -> Points:
    """A smooth line (Catmull-Rom) through ``controls``, eight points from each to the next."""
    given = np.array(list(controls), dtype=np.float64)
    padded = np.vstack([2 * given[0] - given[1], given, 2 * given[-1] - given[-2]])
    windows = np.stack([padded[:-3], padded[1:-2], padded[2:-1], padded[3:]], axis=1)
    return np.vstack([(_SPLINE @ windows).reshape(-1, 2), given[-1:]])


def oval(x: float, y: float, width: float, height: float, angle: float = 0.0) -> Points:
    """An ellipse with half axes ``width`` and ``height``, turned by ``angle`` radians."""
    local = _CIRCLE * (width, height)
    if angle:
        cos, sin = np.cos(angle), np.sin(angle)
        local = local @ np.array([[cos, sin], [-sin, cos]])
    return local + np.array((x, y))


class Easel:
    """An RGB canvas of ``side`` pixels on which shapes are drawn in face units."""

    def __init__(self, background: Image.Image, shot: Shot) -> None:
        self.image = background
        self.side = background.width
        self.unit = shot.half_height * self.side  # pixels in one face unit
        self._shot = shot
        self._pen = ImageDraw.Draw(self.image, "RGBA")

    def copy(self) -> "Easel":
        """Another canvas that holds the same picture."""
        return Easel(self.image.copy(), self._shot)

    def project(self, points: Points, lift: float | None = None) -> np.ndarray:
        """Face units to pixels, float64 [n, 2].

        Args:
            points: float64 [n, 2].
            lift: distance in front of the outline's plane. None puts the points on the face.
        """
        shot = self._shot
        x, y = points[:, 0], points[:, 1]
        if lift is None:
            z = _DEPTH * np.sqrt(np.clip(1 - (x / 0.95) ** 2 - (y / 1.35) ** 2, 0, 1))
            x = x * np.cos(shot.yaw) + z * np.sin(shot.yaw)
        else:
            z = np.full_like(x, lift)
            x = x + z * np.sin(shot.yaw)
        y = y + z * np.sin(shot.pitch)
        cos, sin = np.cos(shot.roll), np.sin(shot.roll)
        turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=1)
        return turned * self.unit + np.array(shot.centre) * self.side

    def fill(
        self, points: Points, colour: Colour, alpha: float = 1.0, lift: float | None = None
    ) -> None:
        """Fills a polygon; ``alpha`` in [0, 1] is how much it covers."""
        self.fill_pixels(self.project(points, lift), colour, alpha)

    def stroke(
        self,
        points: Points,
        colour: Colour,
        width: float,
        alpha: float = 1.0,
        lift: float | None = None,
    ) -> None:
        """Draws a line ``width`` face units thick."""
        self.stroke_pixels(self.project(points, lift), colour, width, alpha)

    def fill_pixels(self, pixels: np.ndarray, colour: Colour, alpha: float = 1.0) -> None:
        """Fills a polygon of projected points: for shapes with points at more than one lift."""
        self._pen.polygon(pixels.ravel().tolist(), fill=_ink(colour, alpha))

    def stroke_pixels(
        self, pixels: np.ndarray, colour: Colour, width: float, alpha: float = 1.0
    ) -> None:
        """Draws a line through projected points, ``width`` face units thick."""
        thickness = max(1, round(width * self.unit))
        self._pen.line(pixels.ravel().tolist(), _ink(colour, alpha), thickness, joint="curve")

    def mask(self, *shapes: Points, softness: float = 0.0) -> Mask:
        """A mask of polygons on the face, blurred by ``softness`` face units."""
        return self.mask_pixels(*(self.project(points) for points in shapes), softness=softness)

    def mask_pixels(self, *polygons: np.ndarray, softness: float = 0.0) -> Mask:
        """A mask of polygons of projected points, blurred by ``softness`` face units."""
        blur = softness * self.unit
        ends = np.vstack(polygons)
        corner = np.floor(ends.min(axis=0) - blur - 2)
        width, height = (np.ceil(ends.max(axis=0) + blur + 2) - corner).astype(int).tolist()
        image = Image.new("L", (width, height), 0)
        pen = ImageDraw.Draw(image)
        for pixels in polygons:
            pen.polygon((pixels - corner).ravel().tolist(), fill=255)
        if blur:
            image = image.filter(ImageFilter.BoxBlur(blur))
        return Mask(image, (int(corner[0]), int(corner[1])))

    def tint(self, mask: Mask, colour: Colour, alpha: float) -> None:
        """Lays ``colour`` over what ``mask`` lets through."""
        table = [round(value * alpha) for value in range(256)]
        left, top = mask.corner
        box = (left, top, left + mask.image.width, top + mask.image.height)
        self.image.paste(_ink(colour, 1.0)[:3], box, mask.image.point(table))

    def reveal(self, other: Image.Image, mask: Mask) -> None:
        """Copies what ``mask`` lets through from ``other``, of the same size as the canvas."""
        left, top = mask.corner
        part = other.crop((left, top, left + mask.image.width, top + mask.image.height))
        self.image.paste(part, mask.corner, mask.image)


def _ink(colour: Colour, alpha: float) -> tuple[int, int, int, int]:
    red, green, blue = colour
    return round(red), round(green), round(blue), round(255 * alpha)
