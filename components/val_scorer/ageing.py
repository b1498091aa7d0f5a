"""Copies of photos that are degraded in one way each, as photos from elsewhere are.

The model's own graph prepares them afterwards, as it does any photo. Lengths are relative to the
image, so that a strength means about the same for one of 100 and for one of 1,000 pixels.
"""

import io
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

import numpy as np

Ageing = Literal["blur", "noise", "jpeg", "gamma", "small"]

# What they do to LFW's faces, as peak signal-to-noise ratios in decibels: blur 25, noise 26, small
# 30, jpeg 35; gamma 14, which changes the light and not what is seen. docs/decision.md says why.
BLUR: Final = 0.015  # standard deviation, of the shorter side
NOISE: Final = 12.5  # standard deviation, of 255
JPEG: Final = 20  # quality
GAMMAS: Final = (0.5, 2.0)
SMALL: Final = 0.25  # of each side
# Copies of larger images are reduced by a whole number first: a face is prepared at some 200 px.
SIDE: Final = 512

STRENGTHS: Final[Mapping[str, str]] = {
    "blur": f"Gaussian blur with a standard deviation of {BLUR:.1%} of the shorter side",
    "noise": f"normal noise with a standard deviation of {NOISE:g} of 255 on each value",
    "jpeg": f"JPEG of quality {JPEG}",
    "gamma": f"each value to the power of {GAMMAS[0]:g} or of {GAMMAS[1]:g}, by lot for each image",
    "small": f"{SMALL:.0%} of each side, averaged",
}


class Strengths(NamedTuple):
    """How much images are degraded.

    Attributes:
      blur: Standard deviation, of the shorter side.
      noise: Standard deviation, of 255.
      jpeg: Quality.
      small: Of each side.
    """

    blur: float = BLUR
    noise: float = NOISE
    jpeg: int = JPEG
    small: float = SMALL


AS_DECIDED: Final = Strengths()


def aged(data: bytes, ageing: str, image_id: str, strengths: Strengths = AS_DECIDED) -> bytes:
    """A degraded copy of an image file, always the same one.

    Args:
      data: A JPEG or PNG file; what EXIF says is ignored, as it is by the model.
      ageing: Of ``STRENGTHS``, or several of them with ``+`` between, one after the other.
      image_id: Chance is seeded by it.
      strengths: How much.

    Returns:
      A JPEG file where ``jpeg`` is the last, else PNG.
    """
    for one in ageing.split("+"):
        data = _aged_once(data, one, image_id, strengths)
    return data


def _aged_once(data: bytes, ageing: str, image_id: str, strengths: Strengths) -> bytes:
    from PIL import Image

    opened = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    # As TensorFlow decodes: no palette, no alpha, 8 bits.
    image = opened.convert("L" if opened.mode in ("1", "L", "LA", "I;16") else "RGB")
    image = image.reduce(max(max(image.size) // SIDE, 1))
    random = np.random.default_rng([zlib.crc32(ageing.encode()), zlib.crc32(image_id.encode())])
    made = _AGEINGS[ageing](image, random, strengths)
    buffer = io.BytesIO()
    if ageing == "jpeg":
        made.save(buffer, "JPEG", quality=strengths.jpeg)
    else:
        # Nobody keeps it: packing takes longer than all else.
        made.save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def _blur(image: Any, random: np.random.Generator, strengths: Strengths) -> Any:
    from PIL import ImageFilter

    return image.filter(ImageFilter.GaussianBlur(strengths.blur * min(image.size)))


def _noise(image: Any, random: np.random.Generator, strengths: Strengths) -> Any:
    from PIL import Image

    pixels = np.asarray(image, np.float32)
    noise = strengths.noise * random.standard_normal(pixels.shape, np.float32)
    return Image.fromarray((pixels + noise + 0.5).clip(0, 255).astype(np.uint8))


def _jpeg(image: Any, random: np.random.Generator, strengths: Strengths) -> Any:
    return image


def _gamma(image: Any, random: np.random.Generator, strengths: Strengths) -> Any:
    power = GAMMAS[int(random.integers(len(GAMMAS)))]
    table = np.round(255 * (np.arange(256) / 255) ** power).astype(int).tolist()
    return image.point(table * len(image.getbands()))


def _small(image: Any, random: np.random.Generator, strengths: Strengths) -> Any:
    from PIL import Image

    size = tuple(max(round(strengths.small * side), 1) for side in image.size)
    return image.resize(size, Image.Resampling.BOX)


_AGEINGS: Final[Mapping[str, Callable[[Any, np.random.Generator, Strengths], Any]]] = {
    "blur": _blur,
    "noise": _noise,
    "jpeg": _jpeg,
    "gamma": _gamma,
    "small": _small,
}
