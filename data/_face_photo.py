"""Takes the picture of a synthetic face: background, drawing, light, lens, sensor."""

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from data import _face_drawing as drawing
from data import _face_hair as hair
from data._easel import Easel
from data._face_params import Identity, Shot

_SUPERSAMPLE = 3  # shapes are drawn this many times larger and averaged: smooth edges


def _background(shot: Shot, side: int, rng: np.random.Generator) -> Image.Image:
    """A gradient with a few soft lights, out of focus."""
    cells = 12
    y, x = np.mgrid[0:cells, 0:cells] / (cells - 1)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)[..., None]
    near, far = np.array(shot.background[0]), np.array(shot.background[1])
    pixels = near + (far - near) * ramp
    for _ in range(int(rng.integers(0, 6))):
        spot = np.exp(
            -((x - rng.random()) ** 2 + (y - rng.random()) ** 2) / rng.uniform(0.01, 0.06)
        )
        pixels = (
            pixels + spot[..., None] * rng.normal(10, 22) + spot[..., None] * rng.normal(0, 16, 3)
        )
    small = Image.fromarray(np.clip(pixels, 5, 250).astype(np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def _shading(shot: Shot, size: int) -> np.ndarray:
    """How much light falls on a person, float64 [size, size], about 1 for a well lit one.

    An ellipsoid in the head's place, under Lambert's law wrapped half way round, as in a room
    with bright walls; below and beside the head, the light at its outline.
    """
    rows, columns = (np.mgrid[0:size, 0:size] + 0.5) / size
    dx, dy = columns - shot.centre[0], rows - shot.centre[1]
    cos, sin = np.cos(shot.roll), np.sin(shot.roll)
    u = (dx * cos + dy * sin) / (shot.half_height * 0.95)
    v = (dy * cos - dx * sin) / (shot.half_height * 1.3)
    outside = np.maximum(np.sqrt(u**2 + v**2), 1.0)
    u, v = u / outside, v / outside
    depth = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
    lx, ly, lz = shot.light_direction
    return shot.ambient + (1.1 - shot.ambient) * (0.5 + 0.5 * (u * lx + v * ly + depth * lz))


def _coverage(drawn: Image.Image, background: Image.Image) -> np.ndarray:
    """Where the person is, float64 [size, size, 1] in [0, 1]: what is no longer background."""
    changed = ImageChops.difference(drawn, background).convert("L").point([0] + [255] * 255)
    return np.asarray(changed.reduce(_SUPERSAMPLE), dtype=np.float64)[..., None] / 255


def take(
    person: Identity,
    shot: Shot,
    size: int,
    *,
    details: np.random.Generator,
    pixels: np.random.Generator,
) -> np.ndarray:
    """Draws and photographs ``person``.

    Args:
        person: who is shown.
        shot: how.
        size: side of the picture in pixels.
        details: the person's own random numbers, the same for every picture of them.
        pixels: this picture's random numbers.

    Returns:
        uint8 [size, size, 3], RGB.
    """
    background = _background(shot, size * _SUPERSAMPLE, pixels)
    easel = Easel(background.copy(), shot)
    hair.draw_hair_behind(easel, person, shot)
    drawing.draw_body(easel, person, shot)
    drawing.draw_head(easel, person, details)
    drawing.draw_nose(easel, person, shot)
    hair.draw_beard(easel, person)
    drawing.draw_eyes(easel, person, shot)
    drawing.draw_mouth(easel, person, shot)
    hair.draw_hair_front(easel, person, shot, details)
    if shot.wears_glasses:
        hair.draw_glasses(
            easel, person, kind=person.glasses, frame=person.frame_colour, lens_alpha=0.0
        )
    hair.draw_occluder(easel, person, shot)

    light = np.asarray(easel.image.reduce(_SUPERSAMPLE), dtype=np.float64)
    person_here = _coverage(easel.image, background)
    light = light * (1 + person_here * (_shading(shot, size)[..., None] - 1))
    light = light * np.array(shot.temperature) * shot.exposure
    light = (light - 110) * shot.contrast + 110
    image = Image.fromarray(np.clip(np.rint(light), 0, 255).astype(np.uint8))
    if shot.blur:
        image = image.filter(ImageFilter.GaussianBlur(shot.blur * size))
    sensed = np.asarray(image, dtype=np.float64)
    sensed = sensed + pixels.normal(0, shot.noise, (size, size, 1))
    return np.clip(np.rint(sensed), 0, 255).astype(np.uint8)
