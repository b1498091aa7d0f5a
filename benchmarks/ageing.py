"""Whether a false match rate that was asked for holds on worse photos of people never seen.

    python -m benchmarks.ageing serving/models/faceauth/<version> --images $LFW_DIR/images \
        --pairs $LFW_DIR/verification_test.csv

The model was decided by val people; here its decision is tried on test people: on their photos as
they are, on copies aged in the ways that Decision looked at, and on copies aged in two of them at
once, which it never saw. With ``--photos N``, N whole photos are aged before the face in them is
found (``WHOLE``), and all their pairs count; without, aligned faces are aged, as Decision does it.

``before`` is the threshold that the val photos as they are would have given, ``after`` the one that
was taken. Nothing is chosen here.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.decision.own_photos import Photos, photos_of, reader_for, score_photos
from components.exported_model import ExportedModel, decision_of
from components.metrics.roc import counts_at
from components.pair_example_gen.images import align
from components.val_scorer.ageing import STRENGTHS, Strengths, aged
from faces import FaceCanvas
from faces.record import canvas_of

UNSEEN: Final = ("small+jpeg", "blur+noise", "gamma+jpeg")
# Of whole photos: less than of aligned faces, as the face is a part of them. The blur is of 1.5
# pixels in LFW's, which have 250.
WHOLE: Final = Strengths(blur=0.006, noise=10.0, small=0.5)


def rates(distances: np.ndarray, labels: np.ndarray, threshold: float) -> tuple[float, float]:
    """FMR and FNMR at a threshold, of the pairs that have a distance; NaN where no pair has."""
    known = np.isfinite(distances)
    labels = labels[known]
    at = counts_at(distances[known], labels, [threshold])
    fmr = float(at.fmr[0]) if (labels == 0).any() else float("nan")
    return fmr, float(at.fnmr[0]) if (labels == 1).any() else float("nan")


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
        f"{'images':<12}  {'pairs':>9}  {'FMR before':>10}  {'after':>8}  {'FNMR before':>11}  "
        f"{'after':>8}",
    ]
    found = {}
    for kind, values in distances.items():
        old, new = rates(values, labels, before), rates(values, labels, after)
        found[kind] = (old[0], new[0])
        lines.append(
            f"{kind:<12}  {np.isfinite(values).sum():>9,}  {old[0]:>10.3%}  {new[0]:>8.3%}  "
            f"{old[1]:>11.2%}  {new[1]:>8.2%}"
        )
    for title, kinds in (
        ("of those looked at", [kind for kind in found if kind not in UNSEEN]),
        ("of those never seen", [kind for kind in found if kind in UNSEEN]),
    ):
        if kinds:
            old, new = (np.nanmax([found[kind][at] for kind in kinds]) for at in (0, 1))
            lines.append(f"worst FMR {title}: before {old:.3%}, after {new:.3%}")
    return lines


def whole_photos(
    model: ExportedModel, photos: Photos, canvas: FaceCanvas, kinds: Sequence[str]
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, int]]:
    """Ages photos, then finds and aligns the face in them.

    Returns:
      The distances of the pairs, float32 ``[P]``, by the kind; NaN where a photo cannot be used.
      The pairs' labels, int ``[P]``. How many photos cannot be used, by the kind.
    """
    labels = (photos.identities[photos.a] == photos.identities[photos.b]).astype(int)
    distances, unusable = {}, {}
    for kind in kinds:

        def face(row: int, kind: str = kind) -> bytes:
            name = str(photos.ids[row])
            content = (photos.root / name).read_bytes()
            return align(
                content if kind == "plain" else aged(content, kind, name, WHOLE), canvas, "largest"
            )[0]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            files = list(pool.map(face, range(len(photos.ids))))
        usable = np.array([bool(file) for file in files])
        found = model.embed([file for file in files if file])
        embeddings = np.zeros((len(files), found.shape[1]), np.float32)
        embeddings[usable] = found
        distances[kind] = model.distances(embeddings, embeddings, photos.a, photos.b)
        distances[kind][~(usable[photos.a] & usable[photos.b])] = np.nan
        unusable[kind] = int((~usable).sum())
        print(f"... {kind}: {unusable[kind]} of {len(files)} photos not used", file=sys.stderr)
    return distances, labels, unusable


def some_photos(photos: Photos, count: int) -> Photos:
    """So many of the photos, at most three a person, of people at random, and all pairs of them."""
    people, index = np.unique(photos.identities, return_inverse=True)
    random = np.random.default_rng(0)
    order = np.lexsort((random.random(len(index)), random.permutation(len(people))[index]))
    begins = np.flatnonzero(np.r_[True, np.diff(index[order]) != 0])
    place = np.arange(len(order)) - np.repeat(begins, np.diff(np.r_[begins, len(order)]))
    rows = np.sort(order[place < 3][:count])
    a, b = np.triu_indices(len(rows), 1)
    return Photos(photos.root, photos.ids[rows], photos.identities[rows], a, b)


def main() -> int:
    """Runs the benchmark; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ageing", description=__doc__)
    parser.add_argument("model", type=Path, help="folder of a decided SavedModel")
    parser.add_argument(
        "--images", type=Path, required=True, help="what the list's paths are below"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="test pairs, CSV or LFW's form")
    parser.add_argument("--photos", type=int, help="so many whole photos are aged, and found")
    given = parser.parse_args()
    try:
        decision = decision_of(given.model)
    except ValueError as error:
        parser.error(str(error))
    began = time.monotonic()
    model, photos = ExportedModel(given.model), photos_of(given.pairs, given.images)
    if given.photos:
        canvas = canvas_of(given.model)
        if canvas is None:
            parser.error(f"{given.model} takes photos as they are: no face is looked for")
        photos = some_photos(photos, given.photos)
        kinds = ("plain", *STRENGTHS, *UNSEEN)
        distances, labels, _ = whole_photos(model, photos, canvas, kinds)
        print("\n".join(table(decision, distances, labels)))
        print(f"{len(photos.ids):,} photos, all their pairs, in {time.monotonic() - began:.0f} s")
        return 0
    scored, unusable = score_photos(
        model,
        photos,
        (*STRENGTHS, *UNSEEN),
        reader_for(given.model),
    )
    print("\n".join(table(decision, scored.distances, scored.labels)))
    print(
        f"{len(scored.labels):,} pairs of {scored.images:,} images ({len(unusable)} not used) of "
        f"{scored.people:,} people, in {time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
