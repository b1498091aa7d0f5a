"""How often strangers are mistaken, at every distance that a search may need.

A decision has one threshold. A search among N people needs a stricter one, because a stranger has N
chances to be mistaken; which, depends on N. So the decision's record holds a table.
"""

from collections.abc import Iterable

import numpy as np

from components.exported_model import FMR_ROWS
from components.metrics.resolution import smallest_rate
from components.val_scorer.calibration_pairs import CalibrationPairs

# Below any distance: nobody is taken for the same person.
_NOBODY = np.float32(-1)


def fmr_table(pairs: CalibrationPairs, kinds: Iterable[str], threshold: float) -> list[list[float]]:
    """The largest distances that keep the false match rate at a number of values.

    The values go in equal ratios from the smallest that the pairs can show to 1. As with
    ``max_far``, the smallest accepts none of the different pairs, and each distance is the least
    over the kinds of images.

    Args:
      pairs: Those that were added count as well.
      kinds: Of images, one at least.
      threshold: The decision's; the distance in every row where nothing can be shown.

    Returns:
      ``FMR_ROWS`` times distance and rate, both rising, float32 values. A rate of 1 says nothing.
    """
    smallest = smallest_rate(pairs.couples)
    if smallest == 1:
        return [[float(np.float32(threshold)), 1.0]] * FMR_ROWS
    rates = np.geomspace(smallest, 1.0, FMR_ROWS)
    strangers = int((pairs.labels == 0).sum())
    # The tiny amount undoes what rounding took from a whole number.
    accepted = np.floor(rates * strangers + 1e-6).astype(np.int64)
    accepted[0] = 0
    largest = [
        _largest(np.sort(pairs.distances[kind][pairs.labels == 0]), accepted) for kind in kinds
    ]
    distances = np.min(largest, axis=0)
    return np.stack([distances, rates.astype(np.float32)], axis=1).astype(np.float64).tolist()


def _largest(strangers: np.ndarray, accepted: np.ndarray) -> np.ndarray:
    """The largest float32 that is at least as much as no more than so many sorted distances."""
    first_refused = strangers.astype(np.float32)[np.minimum(accepted, len(strangers) - 1)]
    below = np.nextafter(first_refused, _NOBODY)
    below = np.where(first_refused > 0, below, _NOBODY)
    return np.where(accepted < len(strangers), below, first_refused)
