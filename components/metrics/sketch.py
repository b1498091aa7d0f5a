"""The scores of any number of pairs in a few megabytes.

Where scores lie is kept to a relative 2**-11 of their distance from the nearer end, 0 or 1: fine
where rates are small, which is where the thresholds of a small FAR lie. That is the histogram of
HDR Histogram and DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile
sketch with relative-error guarantees", VLDB 2019), from both ends. Whether a score is at least 0.5
is kept exactly, so all that depends on the decision alone (accuracy, precision, recall) is exact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from components.metrics.roc import IntArray
from components.metrics.table import PairSample

# Of how many pairs of a slice all scores are kept; of more, a sketch is.
EXACT_PAIRS: Final = 5_000_000

# Of a float64: the sign, the exponent and so many bits of the fraction say the bin.
_FRACTION_BITS = 10
_DROPPED = 52 - _FRACTION_BITS
_UPPER = 1 << (63 - _DROPPED)  # added to the bin of a score of 0.5 and more


@dataclass(frozen=True, eq=False)
class ScoreSketch:
    """How many pairs have about which score.

    Attributes:
      bins: int64 [K], rising: those that hold pairs. There are 46,000 bins of scores above 1e-7.
      counts: int64 [K, 2], impostor and genuine pairs in each.
    """

    bins: IntArray
    counts: IntArray

    @classmethod
    def of(cls, labels: npt.ArrayLike, scores: npt.ArrayLike) -> "ScoreSketch":
        """The sketch of some pairs.

        Args:
          labels: [N], 1 same and 0 different.
          scores: [N], 0 to 1.

        Raises:
          ValueError: A score is not between 0 and 1.
        """
        found, marks = np.asarray(scores, np.float64), np.asarray(labels, np.int64)
        wrong = ~((found >= 0) & (found <= 1))
        if wrong.any():
            raise ValueError(f"a pair has the score {found[wrong][0]}; scores lie in [0, 1]")
        upper = found >= 0.5
        # Of a float32 both are exact.
        from_end = np.where(upper, 1 - found, found)
        bins = (from_end.view(np.int64) >> _DROPPED) + np.where(upper, _UPPER, 0)
        distinct, at = np.unique(bins, return_inverse=True)
        counts = np.bincount(2 * at.ravel() + marks, minlength=2 * distinct.size)
        return cls(distinct, counts.reshape(-1, 2).astype(np.int64))

    @classmethod
    def merged(cls, sketches: Iterable["ScoreSketch"]) -> "ScoreSketch":
        """The sketch of the pairs of all, whatever their order."""
        parts = list(sketches)
        bins = np.concatenate([part.bins for part in parts])
        distinct, at = np.unique(bins, return_inverse=True)
        counts = np.zeros((distinct.size, 2), np.int64)
        np.add.at(counts, at.ravel(), np.concatenate([part.counts for part in parts]))
        return cls(distinct, counts)

    def sample(self) -> PairSample:
        """What the metrics take: each pair with the middle of its bin for a score."""
        upper = self.bins >= _UPPER
        low = self.bins - np.where(upper, _UPPER, 0)
        ends = [((low + step) << _DROPPED).view(np.float64) for step in (0, 1)]
        # The bin of 0.5 has that alone.
        middle = np.minimum((ends[0] + ends[1]) / 2, 0.5)
        scores = np.where(upper, 1 - middle, middle)
        present = self.counts > 0
        labels = np.broadcast_to([0, 1], present.shape)[present]
        scores = np.broadcast_to(scores[:, None], present.shape)[present]
        return PairSample.of(labels, scores, -scores, self.counts[present])
