"""Whether a false match rate that was asked for holds on worse photos of people never seen.

    python -m benchmarks.ageing serving/models/faceauth/<version> --images $LFW_DIR/images \
        --pairs $LFW_DIR/verification_test.csv

The model was decided by val people; here its decision is tried on test people: on their photos as
they are, on copies aged in the ways that Decision looked at, and on copies aged in two of them at
once, which it never saw. ``before`` is the threshold that the val photos as they are would have
given, ``after`` the one that was taken. Nothing is chosen here.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.decision.own_photos import photos_of, score_photos
from components.exported_model import ExportedModel, decision_of
from components.metrics.roc import counts_at
from components.val_scorer.ageing import STRENGTHS

UNSEEN: Final = ("small+jpeg", "blur+noise", "gamma+jpeg")


def rates(distances: np.ndarray, labels: np.ndarray, threshold: float) -> tuple[float, float]:
    """FMR and FNMR at a threshold."""
    at = counts_at(distances, labels, [threshold])
    return float(at.fmr[0]), float(at.fnmr[0])


def table(
    decision: dict[str, Any], distances: dict[str, np.ndarray], labels: np.ndarray
) -> list[str]:
    """A line for each kind of images, and the worst FMR.

    Args:
      decision: The model's ``decision.json``.
      distances: float32 ``[P]`` each, by the kind of images.
      labels: int ``[P]``.
    """
    before, after = decision["on"]["plain"]["threshold"], decision["threshold"]
    lines = [
        f"asked for {decision['objective']}; threshold before {before:.4g}, after {after:.4g} "
        f"(strictest: {decision['strictest']})",
        f"{'images':<12}  {'FMR before':>10}  {'after':>8}  {'FNMR before':>11}  {'after':>8}",
    ]
    found = {}
    for kind, values in distances.items():
        old, new = rates(values, labels, before), rates(values, labels, after)
        found[kind] = (old[0], new[0])
        lines.append(
            f"{kind:<12}  {old[0]:>10.3%}  {new[0]:>8.3%}  {old[1]:>11.2%}  {new[1]:>8.2%}"
        )
    for title, kinds in (
        ("of those looked at", [kind for kind in found if kind not in UNSEEN]),
        ("of those never seen", [kind for kind in found if kind in UNSEEN]),
    ):
        if kinds:
            old, new = (max(found[kind][at] for kind in kinds) for at in (0, 1))
            lines.append(f"worst FMR {title}: before {old:.3%}, after {new:.3%}")
    return lines


def main() -> int:
    """Runs the benchmark; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ageing", description=__doc__)
    parser.add_argument("model", type=Path, help="folder of a decided SavedModel")
    parser.add_argument(
        "--images", type=Path, required=True, help="what the list's paths are below"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="test pairs, CSV or LFW's form")
    given = parser.parse_args()
    try:
        decision = decision_of(given.model)
    except ValueError as error:
        parser.error(str(error))
    began = time.monotonic()
    scored, unusable = score_photos(
        ExportedModel(given.model), photos_of(given.pairs, given.images), (*STRENGTHS, *UNSEEN)
    )
    print("\n".join(table(decision, scored.distances, scored.labels)))
    print(
        f"{len(scored.labels):,} pairs of {scored.images:,} images ({len(unusable)} not used) of "
        f"{scored.people:,} people, in {time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
