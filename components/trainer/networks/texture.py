"""Hand-made features beside the learned ones: histograms of local patterns, in the graph.

Each pixel becomes the number of a pattern around it; how often each pattern occurs is counted in
overlapping cells; the roots of the counts are projected on their principal components. They see
fine texture, where the network sees shape, and err on other pairs. Two kinds of pattern:

* ``lbp``, local binary patterns: which of eight neighbours are at least as bright (Ahonen, Hadid &
  Pietikäinen, "Face Description with Local Binary Patterns", 2006). The uniform patterns (at most
  two changes around the circle; Ojala, Pietikäinen & Mäenpää 2002) have a number each, all others
  share one.
* ``lpq``, local phase quantisation: the signs of the four lowest frequencies around the pixel,
  which blur does not change (Ojansivu & Heikkilä, "Blur Insensitive Texture Classification Using
  Local Phase Quantization", 2008).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA

from components.trainer.networks.config import TextureConfig

NEIGHBOURS = 8
RADIUS = 2  # of the circle of neighbours, pixels
WINDOW = 7  # side of the square that phases are taken from, pixels
BLOCK = 7  # pixels; a cell is 2 x 2 blocks, and cells overlap by half
_CHUNK = 256


def uniform_bins() -> np.ndarray:
    """The bin of each of the 256 patterns, int32 ``[256]``: 58 uniform ones, the rest share one."""
    bins = np.full(256, NEIGHBOURS * (NEIGHBOURS - 1) + 2, np.int32)
    uniform = 0
    for pattern in range(256):
        bits = [pattern >> place & 1 for place in range(NEIGHBOURS)]
        if sum(bits[place] != bits[place - 1] for place in range(NEIGHBOURS)) <= 2:
            bins[pattern] = uniform
            uniform += 1
    return bins


def local_binary_patterns(grey: tf.Tensor) -> tf.Tensor:
    """The pattern of each pixel, on a circle of radius 2 with bilinear interpolation.

    Args:
      grey: float32 ``[N, H, W]``.

    Returns:
      int32 ``[N, H - 4, W - 4]``, 0 to 255; bit k is the neighbour at k * 45 degrees.
    """
    height, width = grey.shape[1], grey.shape[2]

    def shifted(dy: int, dx: int) -> tf.Tensor:
        return grey[:, RADIUS + dy : height - RADIUS + dy, RADIUS + dx : width - RADIUS + dx]

    centre = shifted(0, 0)
    patterns = tf.zeros_like(centre, tf.int32)
    for place in range(NEIGHBOURS):
        angle = 2 * np.pi * place / NEIGHBOURS
        y, x = round(-RADIUS * np.sin(angle), 6), round(RADIUS * np.cos(angle), 6)
        top, left = int(np.floor(y)), int(np.floor(x))
        down, right = y - top, x - left
        value = tf.zeros_like(centre)
        for dy, dx, weight in (
            (top, left, (1 - down) * (1 - right)),
            (top, left + 1, (1 - down) * right),
            (top + 1, left, down * (1 - right)),
            (top + 1, left + 1, down * right),
        ):
            if weight:
                value += weight * shifted(dy, dx)
        # Interpolation between equal greys may come out a rounding error lower.
        patterns += tf.cast(value >= centre - 1e-3, tf.int32) * (1 << place)
    return patterns


def uniform_patterns(grey: tf.Tensor) -> tf.Tensor:
    """Local binary patterns by their bin: int32 ``[N, H - 4, W - 4]``, 0 to 58."""
    return tf.gather(tf.constant(uniform_bins()), local_binary_patterns(grey))


def phase_kernels() -> np.ndarray:
    """The waves of which signs are taken: float32 ``[7, 7, 1, 8]``, whole numbers up to 1024.

    Of the frequencies (0, f), (f, 0), (f, f) and (f, -f) in cycles a pixel across and down, f being
    a cycle a window, first the cosine, then the negative sine. They are rounded to whole numbers,
    so that with whole greys every sum is exact, and a sign the same however it is computed. The
    centre takes what rounding leaves over: on flat ground each sum is 0.
    """
    places = np.arange(WINDOW) - WINDOW // 2
    down, across = np.meshgrid(places, places, indexing="ij")
    kernels = []
    for u, v in ((1, 0), (0, 1), (1, 1), (1, -1)):
        wave = np.exp(-2j * np.pi * (u * across + v * down) / WINDOW)
        for part in (wave.real, wave.imag):
            kernel = np.round(1024 * part)
            kernel[WINDOW // 2, WINDOW // 2] -= kernel.sum()
            kernels.append(kernel)
    return np.stack(kernels, axis=-1)[:, :, np.newaxis].astype(np.float32)


def local_phases(grey: tf.Tensor) -> tf.Tensor:
    """The phase pattern of each pixel.

    Args:
      grey: float32 ``[N, H, W]``, whole numbers 0 to 255.

    Returns:
      int32 ``[N, H - 6, W - 6]``, 0 to 255; bit k is whether kernel k gives more than 0.
    """
    waves = tf.nn.conv2d(grey[..., tf.newaxis], phase_kernels(), strides=1, padding="VALID")
    return tf.reduce_sum(tf.cast(waves > 0, tf.int32) * (1 << np.arange(8, dtype=np.int32)), -1)


@dataclass(frozen=True)
class Pattern:
    """A kind of pattern.

    Attributes:
      number: float32 ``[N, H, W]`` to int32 ``[N, H - 2 * edge, W - 2 * edge]``.
      bins: Patterns are 0 to this, exclusive.
      edge: Pixels around an image that have no pattern.
    """

    number: Callable[[tf.Tensor], tf.Tensor]
    bins: int
    edge: int


PATTERNS: dict[str, Pattern] = {
    "lbp": Pattern(uniform_patterns, NEIGHBOURS * (NEIGHBOURS - 1) + 3, RADIUS),
    "lpq": Pattern(local_phases, 256, WINDOW // 2),
}


def texture_window(config: TextureConfig, size: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right in pixels of what is described, in an image of ``size``.

    Raises:
      ValueError: The box is smaller than one cell.
    """
    left, top, right, bottom = (round(edge * size) for edge in config.box)
    least = 2 * BLOCK + 2 * max(PATTERNS[name].edge for name in config.patterns)
    if min(bottom - top, right - left) < least:
        raise ValueError(
            f"training.texture.box {list(config.box)} is {right - left} x {bottom - top} px of a "
            f"{size} px image; a cell needs {least} px. Widen the box or raise image.size"
        )
    return top, left, bottom, right


def texture_histograms(pixels: tf.Tensor, config: TextureConfig, name: str) -> tf.Tensor:
    """The roots of the shares of each pattern in each cell.

    Args:
      pixels: uint8 ``[N, S, S, C]``; colour is taken as its luminance (ITU-R BT.601).
      config: Which part of the image.
      name: The kind of pattern.

    Returns:
      float32 ``[N, cells * bins]``; what is left of whole blocks is cut off on both sides.
    """
    top, left, bottom, right = texture_window(config, pixels.shape[1])
    window = tf.cast(pixels[:, top:bottom, left:right], tf.float32)
    if window.shape[-1] == 3:
        window = tf.round(tf.reduce_sum(window * tf.constant([0.299, 0.587, 0.114]), axis=-1))
    else:
        window = window[..., 0]
    pattern = PATTERNS[name]
    numbers = pattern.number(window)
    rows, columns = numbers.shape[1] // BLOCK, numbers.shape[2] // BLOCK
    height, width = rows * BLOCK, columns * BLOCK
    y, x = (numbers.shape[1] - height) // 2, (numbers.shape[2] - width) // 2
    block = np.arange(height)[:, None] // BLOCK * columns + np.arange(width) // BLOCK
    places = pattern.bins * block.astype(np.int32) + numbers[:, y : y + height, x : x + width]
    length = rows * columns * pattern.bins
    counts = tf.math.bincount(
        tf.reshape(places, (-1, block.size)),
        minlength=length,
        maxlength=length,
        axis=-1,
        dtype=tf.float32,
    )
    counts = tf.reshape(counts, (-1, rows, columns, pattern.bins))
    cells = counts[:, :-1, :-1] + counts[:, 1:, :-1] + counts[:, :-1, 1:] + counts[:, 1:, 1:]
    share = cells / (2 * BLOCK) ** 2
    return tf.sqrt(tf.reshape(share, (-1, (rows - 1) * (columns - 1) * pattern.bins)))


class Texture(tf.Module):
    """Histograms projected on whitened principal components, each kind to unit length.

    Args:
      config: Which part of the image, which patterns.
      means: float32 ``[F]`` of each kind, in the order of ``config.patterns``.
      projections: float32 ``[F, components]`` of each kind.
    """

    def __init__(
        self, config: TextureConfig, means: list[np.ndarray], projections: list[np.ndarray]
    ):
        super().__init__()
        self._config = config
        self._means = [tf.Variable(mean, trainable=False) for mean in means]
        self._projections = [tf.Variable(each, trainable=False) for each in projections]

    @property
    def size(self) -> int:
        """The dimensions of what it gives."""
        return self._config.components * len(self._config.patterns)

    def __call__(self, pixels: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N, size]`` for uint8 ``[N, S, S, C]``."""
        kinds = zip(self._config.patterns, self._means, self._projections, strict=True)
        parts = [
            (texture_histograms(pixels, self._config, name) - mean) @ projection
            for name, mean, projection in kinds
        ]
        return tf.concat([tf.math.l2_normalize(part, axis=-1) for part in parts], axis=-1)


def fit_texture(pixels: np.ndarray, config: TextureConfig, seed: int) -> Texture:
    """Finds the principal components of the train images, for each kind of pattern.

    Args:
      pixels: uint8 ``[N, S, S, C]``.
      config: Which part of the image, which patterns, how many components.
      seed: Of the randomised decomposition (Halko, Martinsson & Tropp 2011).

    Raises:
      ValueError: Fewer images than components.
    """
    if len(pixels) <= config.components:
        raise ValueError(
            f"training.texture.components is {config.components} with {len(pixels)} train images; "
            "ask for fewer components than images"
        )
    means, projections = [], []
    for name in config.patterns:
        described = _describe_all(pixels, config, name)
        # Two gigabytes for 10,000 images of 150 px: centred in place, not in a copy.
        pca = PCA(
            config.components,
            copy=False,
            whiten=True,
            svd_solver="randomized",
            iterated_power=3,
            random_state=seed,
        ).fit(described)
        means.append(pca.mean_.astype(np.float32))
        projection = pca.components_.T / np.sqrt(pca.explained_variance_)
        projections.append(projection.astype(np.float32))
    return Texture(config, means, projections)


def _describe_all(pixels: np.ndarray, config: TextureConfig, name: str) -> np.ndarray:
    describe = tf.function(
        lambda chunk: texture_histograms(chunk, config, name), reduce_retracing=True
    )
    first = describe(tf.constant(pixels[:_CHUNK])).numpy()
    described = np.empty((len(pixels), first.shape[1]), np.float32)
    described[:_CHUNK] = first
    for at in range(_CHUNK, len(pixels), _CHUNK):
        described[at : at + _CHUNK] = describe(tf.constant(pixels[at : at + _CHUNK])).numpy()
    return described
