"""A few fixed thresholds beside the chosen one, for comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.metrics.roc import Sweep, counts_at

REFERENCE_THRESHOLDS = tuple(step / 10 for step in range(1, 10))


@dataclass(frozen=True)
class ReferenceRow:
    """What a fixed threshold does.

    Attributes:
      threshold: In the unit of the distances.
      accuracy: The share of the pairs decided rightly.
      precision: The share of the accepted pairs that are genuine; NaN when none is accepted.
      recall: The share of the genuine pairs that are accepted.
      fmr: The share of the impostor pairs that are accepted.
    """

    threshold: float
    accuracy: float
    precision: float
    recall: float
    fmr: float


def _rows(curve: Sweep) -> list[ReferenceRow]:
    columns = (curve.thresholds, curve.accuracy, curve.precision, curve.recall, curve.fmr)
    return [ReferenceRow(*map(float, row)) for row in zip(*columns, strict=True)]


def reference_sweep(
    distances: npt.ArrayLike,
    labels: npt.ArrayLike,
    thresholds: Sequence[float] = REFERENCE_THRESHOLDS,
) -> list[ReferenceRow]:
    """Tries a few fixed thresholds, as introductions to Siamese networks do: 0.1, 0.2 ... 0.9.

    For comparison only. The grid ignores the scale of the distances, so it may miss the best
    threshold by far, or all of them where distances exceed 1.

    Raises:
      ValueError: As ``check_pairs``, or a class is missing.
    """
    return _rows(counts_at(distances, labels, thresholds))


def format_reference_table(
    rows: Sequence[ReferenceRow], threshold: float, confusion: Mapping[str, int], objective: str
) -> str:
    """Prints the fixed thresholds above the chosen one, a line each, without a final line break.

    Args:
      rows: From ``reference_sweep``.
      threshold: The chosen one.
      confusion: What it does on the same pairs: ``tp``, ``fp``, ``fn`` and ``tn``.
      objective: What it was chosen for.
    """
    chosen = Sweep(
        np.array([threshold]), *(np.array([confusion[name]]) for name in ("tp", "fp", "fn", "tn"))
    )
    lines = ["threshold  accuracy  precision  recall     FMR"]
    for row in (*rows, *_rows(chosen)):
        precision = "-" if np.isnan(row.precision) else f"{row.precision:.4f}"
        lines.append(
            f"{row.threshold:9.4f}  {row.accuracy:8.4f}  {precision:>9}  {row.recall:6.4f}  "
            f"{row.fmr:6.4f}"
        )
    lines[-1] += f"  <- {objective}"
    return "\n".join(lines)
