"""How often strangers get a name, and the enrolled do not get theirs, among 10, 100, 1,000 people.

    python -m benchmarks.open_set MODEL --images DIR --image_list DIR/images.csv

Enrols random people of the test split with one photo each and searches for others of theirs, and
for people who are not enrolled. Thresholds are those that ``identify`` takes: from the table in the
model's ``decision.json``, which test people had no part in. What the columns mean is in
``docs/identification.md``.
"""

import argparse
import csv
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.scoring import say
from components.decision.own_photos import reader_for
from components.decision.slope import logistic_score
from components.exported_model import ExportedModel

PEOPLE = (10, 100, 1_000)
ASKED = (0.3, 0.1, 0.03, 0.01)
# Galleries are drawn until so many people have been enrolled, and so often at least.
ENROLLED, GALLERIES = 10_000, 20


@dataclass(frozen=True)
class Searches:
    """What searches for strangers and for the enrolled found.

    Attributes:
      strangers: The best score of each search for somebody who is not enrolled.
      strangers_distance: The distance that it is of.
      enrolled: The score of each search for somebody enrolled; -1 where somebody else was first.
      enrolled_distance: The distance that it is of.
    """

    strangers: np.ndarray
    strangers_distance: np.ndarray
    enrolled: np.ndarray
    enrolled_distance: np.ndarray

    def rates(self, score: float, distance: float) -> tuple[float, float]:
        """FPIR and FNIR where a score and a distance are needed to be accepted."""
        named = (self.strangers >= score) & (self.strangers_distance <= distance)
        right = (self.enrolled >= score) & (self.enrolled_distance <= distance)
        return float(named.mean()), float(1 - right.mean())


def search(
    distances: np.ndarray,
    scores: np.ndarray,
    identities: np.ndarray,
    people: int,
    galleries: int,
    photos: int = 1,
    seed: int = 0,
) -> Searches:
    """Enrols so many people, several times over, and searches for one photo of everybody else.

    Args:
      distances: float ``[M, M]``, of all images.
      scores: float ``[M, M]``, likewise.
      identities: int ``[M]``, who the images show.
      people: How many are enrolled.
      galleries: How often other people are.
      photos: Each person's, at most; one is left to search for where there are two.
      seed: Of the draws.

    Raises:
      ValueError: There are no strangers left.
    """
    random = np.random.default_rng(seed)
    everyone, counts = np.unique(identities, return_counts=True)
    if people >= len(everyone):
        raise ValueError(
            f"{people:,} of {len(everyone):,} people are to be enrolled, which leaves no stranger"
        )
    parts = []
    for _ in range(galleries):
        # Of each person, images in a random order: the first is searched for.
        order = random.permutation(len(identities))
        order = order[np.argsort(identities[order], kind="stable")]
        begins = np.cumsum(counts) - counts
        chosen = np.sort(random.choice(len(everyone), people, replace=False))
        skipped = (counts[chosen] > 1).astype(np.int64)
        used = np.minimum(counts[chosen] - skipped, photos)
        templates = np.concatenate(
            [
                order[begin + skip : begin + skip + take]
                for begin, skip, take in zip(begins[chosen], skipped, used, strict=True)
            ]
        )
        starts = np.cumsum(used) - used
        strangers = order[np.delete(begins, chosen)]
        known = np.flatnonzero(skipped)
        probes = np.concatenate([strangers, order[begins[chosen[known]]]])
        found = np.add.reduceat(scores[np.ix_(probes, templates)], starts, axis=1) / used
        far = np.add.reduceat(distances[np.ix_(probes, templates)], starts, axis=1) / used
        first = np.lexsort((far, -found), axis=1)[:, 0]
        rows = np.arange(len(probes))
        best, its = found[rows, first], far[rows, first]
        best[len(strangers) :][first[len(strangers) :] != known] = -1
        parts.append(np.split(np.stack([best, its]), [len(strangers)], axis=1))
    (strangers_best, enrolled_best) = (
        np.concatenate([part[side] for part in parts], axis=1) for side in (0, 1)
    )
    return Searches(*strangers_best, *enrolled_best)


def look_up(table: np.ndarray, max_fmr: float) -> tuple[float, float]:
    """The distance and the rate that the model's ``operating_point`` gives."""
    row = max(np.searchsorted(table[:, 1], np.float32(max_fmr), side="right") - 1, 0)
    return float(table[row, 0]), float(table[row, 1])


def report(
    distances: np.ndarray,
    identities: np.ndarray,
    record: dict,
    sizes: list[int],
    photos: int,
    plot: Path | None = None,
) -> None:
    """Prints the table, and draws the curves.

    Args:
      distances: float32 ``[M, M]``, of all images.
      identities: int ``[M]``, who they show.
      record: The model's ``decision.json``.
      sizes: Numbers of people.
      photos: As ``search``.
      plot: Where a picture goes, by its ending.

    Raises:
      SystemExit: The record holds no table.
    """
    if "fmr_table" not in record:
        raise SystemExit("the model's decision.json has no fmr_table; decide or train it again")
    table = np.array(record["fmr_table"])
    threshold, slope = record["threshold"], record["slope"]
    scores = logistic_score(distances, threshold, slope)
    print(f"{'people':>7} {'asked':>6} {'shown':>7} {'accepted from':>14} {'FPIR':>7} {'FNIR':>7}")
    curves = {}
    for people in sizes:
        galleries = max(GALLERIES, ENROLLED // people)
        found = search(distances, scores, identities, people, galleries, photos)
        for asked in (None, *ASKED):
            far, fmr = (threshold, None) if asked is None else look_up(table, asked / people)
            far = min(far, threshold)
            score = float(logistic_score(far, threshold, slope))
            fpir, fnir = found.rates(max(0.5, score), far)
            bound = "-" if fmr is None else f"{min(1, people * fmr):7.3f}"
            print(
                f"{people:>7,} {asked or '-':>6} {bound:>7} {score:>14.4f} {fpir:>7.2%} "
                f"{fnir:>7.2%}",
                flush=True,
            )
        limits = np.quantile(found.strangers_distance, np.geomspace(1e-4, 0.9, 60))
        curves[people] = [found.rates(-0.5, limit) for limit in limits]
    if plot:
        _draw(curves, plot)


def _draw(curves: dict[int, list[tuple[float, float]]], path: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    for people, points in curves.items():
        fpir, fnir = np.array(points).T
        axes.plot(fpir[fpir > 0], fnir[fpir > 0], label=f"{people:,} people")
    axes.set(xscale="log", xlabel="FPIR: strangers who get a name", ylabel="FNIR: enrolled missed")
    axes.set_ylim(0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g} %"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.open_set", description="Strangers among the enrolled."
    )
    parser.add_argument("model", type=Path, help="a SavedModel's folder, with its decision")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--image_list", type=Path, required=True, help="image,identity,split")
    parser.add_argument("--split", default="test")
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE, help="enrolled")
    parser.add_argument("--photos", type=int, default=1, help="of each, at most")
    parser.add_argument("--plot", type=Path, help="draw the curves into this .svg or .png")
    options = parser.parse_args(argv)
    with options.image_list.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == options.split]
    if not rows:
        raise SystemExit(f"{options.image_list} has no image of split {options.split!r}")
    _, identities = np.unique([row["identity"] for row in rows], return_inverse=True)
    say(f"embedding {len(rows):,} images of {identities.max() + 1:,} people")
    model, read = ExportedModel(options.model), reader_for(options.model)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        files = list(pool.map(lambda row: read(options.images / row["image"]), rows))
    used = np.array([isinstance(file, bytes) for file in files])
    say(f"{len(files) - used.sum():,} of them cannot be used")
    identities = identities[used]
    embeddings = model.embed([file for file in files if isinstance(file, bytes)])
    say("comparing all with all")
    all_rows = np.arange(len(embeddings))
    distances = np.stack(
        [
            model.distances(embeddings, embeddings, np.full_like(all_rows, at), all_rows)
            for at in all_rows
        ]
    )
    report(distances, identities, model.decision, options.people, options.photos, options.plot)


if __name__ == "__main__":
    main()
