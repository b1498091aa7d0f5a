"""The pairs that the model got most wrong, with their faces."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from components import features
from components.artifacts import PAIR_ROWS, read_columns, split_files
from components.report.scored_pairs import ScoredPairs


@dataclass(frozen=True)
class PairIds:
    """Which images the scored pairs are of, in their order.

    Attributes:
      a: bytes ``[P]``, image ids.
      b: bytes ``[P]``, image ids.
    """

    a: np.ndarray
    b: np.ndarray

    def identities(self, pairs: ScoredPairs) -> dict[bytes, bytes]:
        """Who is shown, by image id."""
        found: dict[bytes, bytes] = {}
        for ids, people in ((self.a, pairs.identities_a), (self.b, pairs.identities_b)):
            # An object for each name takes several times its bytes: only so many at a time.
            for at in range(0, len(ids), PAIR_ROWS):
                rows = slice(at, at + PAIR_ROWS)
                found.update(zip(ids[rows].tolist(), people[rows].tolist(), strict=True))
        return found


@dataclass(frozen=True)
class WorstPair:
    """A wrong decision.

    Attributes:
      rank: From 1, the worst.
      score: Of the candidate.
      distance: Of the candidate.
      image_ids: Of the two images.
      thumbnails: The two images as data URIs, or None where faces are left out.
    """

    rank: int
    score: float
    distance: float
    image_ids: tuple[str, str]
    thumbnails: tuple[str, str] | None


def read_pair_ids(folder: str | Path) -> PairIds:
    """Reads a ``Split-*`` folder of scored pairs, in the order of ``read_scored_pairs``.

    Args:
      folder: Of TFRecords.
    """
    columns = dict.fromkeys((features.IMAGE_ID_A, features.IMAGE_ID_B), bytes)
    return PairIds(*read_columns(split_files(folder), columns).values())


def worst_rows(
    distances: np.ndarray, scores: np.ndarray, labels: np.ndarray, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the worst false accepts and false rejects.

    By distance rather than score: close to 0 and 1 many scores round to one and the same.

    Args:
      distances: float ``[P]``.
      scores: float ``[P]``; at least 0.5 is "same".
      labels: int ``[P]``, 1 same.
      limit: At most so many of each.

    Returns:
      False accepts by rising distance and false rejects by falling distance, int64.
    """
    accepts = np.flatnonzero((labels == 0) & (scores >= 0.5))
    rejects = np.flatnonzero((labels == 1) & (scores < 0.5))
    accepts = accepts[np.argsort(distances[accepts], kind="stable")][:limit]
    rejects = rejects[np.argsort(-distances[rejects], kind="stable")][:limit]
    return accepts, rejects


def small_image(file: bytes, size: int) -> Image.Image:
    """An image file as it is seen, no side longer than ``size`` pixels, RGB."""
    image: Image.Image = Image.open(BytesIO(file))
    # A JPEG decodes to a half, a quarter or an eighth in much less time.
    image.draft("RGB", (2 * size, 2 * size))
    image = image.convert("RGB")
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return image


def data_uri(file: bytes, size: int) -> str:
    """An image file, made small, as a ``data:`` URI of a JPEG without metadata."""
    buffer = BytesIO()
    small_image(file, size).save(buffer, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def worst_pairs(
    rows: np.ndarray,
    ids: PairIds,
    scores: np.ndarray,
    distances: np.ndarray,
    thumbnails: dict[bytes, str] | None,
) -> list[WorstPair]:
    """Puts together what the page shows of some pairs.

    Args:
      rows: Of the pairs, the worst first.
      ids: Of all pairs.
      scores: Of all pairs.
      distances: Of all pairs.
      thumbnails: Data URIs by image id, or None to leave faces out.
    """
    worst = []
    for rank, row in enumerate(rows, start=1):
        pair = ids.a[row], ids.b[row]
        faces = None if thumbnails is None else (thumbnails[pair[0]], thumbnails[pair[1]])
        names = pair[0].decode(), pair[1].decode()
        worst.append(WorstPair(rank, float(scores[row]), float(distances[row]), names, faces))
    return worst
