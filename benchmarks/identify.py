"""How long one identification takes among many enrolled templates.

    python -m benchmarks.identify

Embeds test images with the model that was pushed last, draws templates like them, and searches.
With ``--dimensions``, templates are drawn on a sphere instead, evenly, and no model is needed. With
more templates than are searched exactly, they are searched exactly too, to see what is missed.
What the columns mean is in ``docs/benchmarks.md``.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.faces import find_source
from benchmarks.scoring import say, workplace
from components.exported_model import ExportedModel
from pipeline.config import PROJECT
from serving.client.search_space import SearchSpace
from serving.enrolment.gallery import EXACT_NUMBERS, Gallery
from serving.versions import newest_version

TEMPLATES = (10_000, 100_000, 1_000_000, 4_000_000)
# Templates of one person, and how far apart they lie: photos of one person differ.
PHOTOS, SPREAD = 2, 0.5
# Identities that are asked for.
COUNT = 8


def draw(embeddings: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Templates with the mean, covariance and lengths of these embeddings, ``PHOTOS`` a person.

    Args:
      embeddings: float ``[N, D]``.
      count: M.
      random: Draws them.

    Returns:
      float32 ``[M, D]``.
    """
    mean = embeddings.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(embeddings, rowvar=False))
    scale = (vectors * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)
    size = embeddings.shape[1]
    length = np.linalg.norm(embeddings, axis=1).mean()
    templates = np.empty((count, size), np.float32)
    # Some at a time: they may take half of the memory there is.
    for begin in range(0, count, PHOTOS * 50_000):
        part = templates[begin : begin + PHOTOS * 50_000]
        people = random.standard_normal((-(-len(part) // PHOTOS), size), np.float32)
        drawn = np.repeat(people, PHOTOS, axis=0)[: len(part)] * np.float32(1 - SPREAD) ** 0.5
        drawn += random.standard_normal(part.shape, np.float32) * np.float32(SPREAD) ** 0.5
        drawn = drawn @ scale + mean.astype(np.float32)
        part[:] = drawn * (length / np.linalg.norm(drawn, axis=1, keepdims=True))
    return templates


def evenly(count: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Points on the unit sphere, in every direction as likely: float64 ``[count, size]``."""
    drawn = random.standard_normal((count, size))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def newest_model(base: Path = PROJECT / "serving" / "models" / "faceauth") -> Path:
    """The folder of the version that was pushed last.

    Raises:
      SystemExit: None was.
    """
    try:
        return newest_version(base)
    except ValueError as error:
        raise SystemExit(f"{error}; `make run` pushes one, or name one with --model") from None


def searched(gallery: Gallery, probes: np.ndarray) -> tuple[list[int], list[float]]:
    """The nearest template of each probe, and the milliseconds each search took."""
    nearest, times = [], []
    gallery.nearest(probes[0], COUNT)
    for probe in probes:
        began = time.perf_counter()
        matches = gallery.nearest(probe, COUNT)
        times.append(1_000 * (time.perf_counter() - began))
        nearest.append(matches[0].row)
    return nearest, times


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.identify", description="Search among many templates."
    )
    parser.add_argument("--model", type=Path, help="a SavedModel; the last pushed one if not given")
    parser.add_argument("--dimensions", type=int, help="of templates spread evenly, for no model")
    parser.add_argument("--images", type=int, default=1_000, help="that are embedded")
    parser.add_argument("--templates", type=int, nargs="+", default=TEMPLATES)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument(
        "--exact_numbers", type=int, default=EXACT_NUMBERS, help="templates times dimensions"
    )
    options = parser.parse_args(argv)
    random = np.random.default_rng(0)
    if options.dimensions:
        embeddings = evenly(max(options.images, 2 * options.dimensions), options.dimensions, random)
    else:
        model = options.model or newest_model()
        with workplace(None) as work:
            source = find_source(work)
            chosen = source.images[: options.images]
            files = [(source.root / path).read_bytes() for path, _ in chosen]
        say(f"embedding {len(files):,} of {source.name} with {model}")
        embeddings = ExportedModel(model).embed(files)
    space = SearchSpace.euclidean(embeddings.shape[1])
    print(f"Identification: {embeddings.shape[1]} dimensions, {options.queries} queries")
    print(
        f"{'templates':>10} {'people':>10} {'build s':>9} {'p50 ms':>8} {'p95 ms':>8} {'MB':>7} "
        f"{'found: enrolled':>16} {'others':>7}"
    )
    for count in options.templates:
        templates = draw(embeddings, count, random)
        identities = [str(row // PHOTOS) for row in range(count)]
        probes = draw(embeddings, options.queries, random)
        # The first half of those who ask are enrolled.
        known = random.choice(count, options.queries // 2, replace=False)
        probes[: len(known)] = (templates[known] + probes[: len(known)]) / 2
        began = time.perf_counter()
        templates, offsets = space.place(templates)
        gallery = Gallery(identities, templates, offsets, options.exact_numbers)
        built = time.perf_counter() - began
        rows, times = searched(gallery, probes)
        is_exact, size = gallery.is_exact, gallery.nbytes
        del gallery
        found = np.ones(len(rows))
        if not is_exact:
            exact, _ = searched(Gallery(identities, templates, offsets, None), probes)
            found = np.equal(rows, exact)
        p50, p95 = np.percentile(times, (50, 95))
        people = -(-count // PHOTOS)
        print(
            f"{count:>10,} {people:>10,} {built:>9.1f} {p50:>8.1f} {p95:>8.1f} {size / 1e6:>7,.0f} "
            f"{found[: len(known)].mean():>16.0%} {found[len(known) :].mean():>7.0%}"
            + ("" if is_exact else "  (approximate)"),
            flush=True,
        )


if __name__ == "__main__":
    main()
