"""Hand-made features beside the learned ones: histograms of local binary patterns, in the graph.

Ahonen, Hadid & Pietikäinen, "Face Description with Local Binary Patterns", 2006. Each pixel becomes
the pattern of which of its eight neighbours are at least as bright; the uniform patterns (at most
two changes around the circle; Ojala, Pietikäinen & Mäenpää 2002) and one for all others are counted
in overlapping cells; the roots of the counts are projected on their principal components. They see
fine texture, where the network sees shape, and err on other pairs.
"""

import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA

from components.trainer.config import TextureConfig

NEIGHBOURS = 8
BLOCK = 7  # pixels; a cell is 2 x 2 blocks, and cells overlap by half
BINS = NEIGHBOURS * (NEIGHBOURS - 1) + 3
_CHUNK = 256


def uniform_bins() -> np.ndarray:
    """The bin of each of the 256 patterns, int32 ``[256]``: 58 uniform ones, the rest share one."""
    bins = np.full(256, BINS - 1, np.int32)
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
        return grey[:, 2 + dy : height - 2 + dy, 2 + dx : width - 2 + dx]

    centre = shifted(0, 0)
    patterns = tf.zeros_like(centre, tf.int32)
    for place in range(NEIGHBOURS):
        angle = 2 * np.pi * place / NEIGHBOURS
        y, x = round(-2 * np.sin(angle), 6), round(2 * np.cos(angle), 6)
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


def texture_window(config: TextureConfig, size: int) -> tuple[int, int, int, int]:
    """Top, left, height and width in pixels of what is described, in an image of ``size``.

    The height and width leave whole blocks after the two pixels that the circle takes on each side.

    Raises:
      ValueError: The box is smaller than one cell.
    """
    left, top, right, bottom = (round(edge * size) for edge in config.box)
    height = (bottom - top - 4) // BLOCK * BLOCK + 4
    width = (right - left - 4) // BLOCK * BLOCK + 4
    if height < 2 * BLOCK + 4 or width < 2 * BLOCK + 4:
        raise ValueError(
            f"training.texture.box {list(config.box)} is {right - left} x {bottom - top} px of a "
            f"{size} px image; a cell needs {2 * BLOCK + 4} px. Widen the box or raise image.size"
        )
    return top, left, height, width


def texture_histograms(pixels: tf.Tensor, config: TextureConfig) -> tf.Tensor:
    """The roots of the shares of each pattern in each cell.

    Args:
      pixels: uint8 ``[N, S, S, C]``; colour is taken as its luminance (ITU-R BT.601).
      config: Which part of the image.

    Returns:
      float32 ``[N, cells * 59]``.
    """
    top, left, height, width = texture_window(config, pixels.shape[1])
    window = tf.cast(pixels[:, top : top + height, left : left + width], tf.float32)
    if window.shape[-1] == 3:
        window = tf.reduce_sum(window * tf.constant([0.299, 0.587, 0.114]), axis=-1)
    else:
        window = window[..., 0]
    bins = tf.gather(tf.constant(uniform_bins()), local_binary_patterns(window))
    rows, columns = (height - 4) // BLOCK, (width - 4) // BLOCK
    block = (
        np.arange(rows * BLOCK)[:, None] // BLOCK * columns
        + np.arange(columns * BLOCK)[None, :] // BLOCK
    )
    places = tf.reshape(bins + BINS * block.astype(np.int32), (-1, block.size))
    blocks = rows * columns
    counts = tf.math.bincount(
        places, minlength=blocks * BINS, maxlength=blocks * BINS, axis=-1, dtype=tf.float32
    )
    counts = tf.reshape(counts, (-1, rows, columns, BINS))
    cells = counts[:, :-1, :-1] + counts[:, 1:, :-1] + counts[:, :-1, 1:] + counts[:, 1:, 1:]
    share = cells / (2 * BLOCK) ** 2
    return tf.sqrt(tf.reshape(share, (-1, (rows - 1) * (columns - 1) * BINS)))


class Texture(tf.Module):
    """Histograms projected on whitened principal components, to unit length.

    Args:
      config: Which part of the image.
      mean: float32 ``[F]``.
      projection: float32 ``[F, components]``.
    """

    def __init__(self, config: TextureConfig, mean: np.ndarray, projection: np.ndarray):
        super().__init__()
        self._config = config
        self._mean = tf.Variable(mean, trainable=False)
        self._projection = tf.Variable(projection, trainable=False)

    def __call__(self, pixels: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[N, components]`` for uint8 ``[N, S, S, C]``."""
        described = texture_histograms(pixels, self._config) - self._mean
        return tf.math.l2_normalize(described @ self._projection, axis=-1)


def fit_texture(pixels: np.ndarray, config: TextureConfig, seed: int) -> Texture:
    """Finds the principal components of the train images.

    Args:
      pixels: uint8 ``[N, S, S, C]``.
      config: Which part of the image, how many components.
      seed: Of the randomised decomposition (Halko, Martinsson & Tropp 2011).

    Raises:
      ValueError: Fewer images than components.
    """
    if len(pixels) <= config.components:
        raise ValueError(
            f"training.texture.components is {config.components} with {len(pixels)} train images; "
            "ask for fewer components than images"
        )
    describe = tf.function(lambda chunk: texture_histograms(chunk, config), reduce_retracing=True)
    starts = range(0, len(pixels), _CHUNK)
    described = np.concatenate(
        [describe(tf.constant(pixels[at : at + _CHUNK])).numpy() for at in starts]
    )
    pca = PCA(config.components, whiten=True, svd_solver="randomized", random_state=seed)
    pca.fit(described)
    projection = pca.components_.T / np.sqrt(pca.explained_variance_)
    return Texture(config, pca.mean_.astype(np.float32), projection.astype(np.float32))
