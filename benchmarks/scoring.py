"""Pair scoring against embedding every pair, and against the least it could take.

    python -m benchmarks.scoring

One table for each network, measured in one run: (a) both images of every pair decoded and
embedded, (b) this pipeline's PairScorer, (c) every distinct image read, decoded and embedded once,
and nothing else. ``docs/benchmarks.md`` says what the columns mean.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.faces import IMAGES, PAIRS, find_source, write_data_set
from benchmarks.processes import measured
from pipeline.config import load_config

WAYS = "benchmarks.ways"
BATCHES = (16, 32, 64, 128, 256)
# Images that each of them is tried on.
TRIAL = 1_024

CONFIGS = {"reference": "lfw_reference", "default": "lfw", "transfer": "lfw_transfer"}


def networks() -> dict[str, dict[str, Any]]:
    """What is measured: the sections ``image`` and ``training`` of each, as JSON can hold them,
    and how faces are aligned for it."""
    found = {}
    for name, file in CONFIGS.items():
        config = load_config(f"pipeline/configs/{file}.yaml")
        found[name] = {
            "image": config.image.model_dump(mode="json"),
            "training": config.training.model_dump(mode="json"),
            "align": config.data.align,
        }
    return found


def say(message: str) -> None:
    """Tells the person who waits what is being done."""
    print(f"... {message}", file=sys.stderr, flush=True)


@contextmanager
def workplace(folder: Path | None) -> Iterator[Path]:
    """A folder that is deleted in the end; below ``folder``, or where temporary files go."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=folder) as work:
        yield Path(work)


def best_batch(model: str, image: dict[str, Any], examples: str) -> dict[str, Any]:
    """The fastest batch size and way to decode for the floor, on some of the images."""
    given = {"model": model, "image": image, "examples": examples}
    found = measured(WAYS, "fastest_floor", **given, batches=BATCHES, images=TRIAL)
    for speed, batch, beside in found["tried"]:
        say(f"floor, {batch} a batch, decoded {_where(beside)}: {speed:,.0f} images/s")
    return {key: found[key] for key in ("batch", "beside")}


def _where(beside: bool) -> str:
    return "beside the network" if beside else "in the model"


COLUMNS = ("pairs", "images", "wall s", "pairs/s", "images/s", "peak MB")
HEADER = " ".join([f"{'':<32}", *(f"{name:>9}" for name in COLUMNS)])


def row(name: str, found: dict[str, Any]) -> str:
    """A line of the table."""
    pairs, images, seconds = found.get("pairs"), found["images"], found["seconds"]
    cells = (
        f"{pairs:,}" if pairs else "-",
        f"{images:,}",
        f"{seconds:,.1f}",
        f"{pairs / seconds:,.0f}" if pairs else "-",
        f"{images / seconds:,.0f}",
        f"{found['peak_mb']:,.0f}",
    )
    return " ".join([f"{name:<32}", *(f"{cell:>9}" for cell in cells)])


def compare(
    name: str,
    config: dict[str, Any],
    data: dict[str, str],
    examples: str,
    work: Path,
    per_pair: int,
    rounds: int,
) -> Iterator[str]:
    """Measures the three ways with one network; gives the lines of its table."""
    image = config["image"]
    given = {"model": str(work / name), "image": image}
    training = config["training"]
    measured(WAYS, "make_model", folder=given["model"], image=image, training=training)
    fastest = best_batch(examples=examples, **given)
    found = defaultdict(list)
    for number in range(rounds):
        say(f"{name} network, round {number + 1} of {rounds}")
        for way, tuned in (("a", False), ("a+", True)):
            more = {"data": data, "pairs": per_pair, "tuned": tuned}
            found[way].append(measured(WAYS, "per_pair", **given, **more))
        place = {"model": given["model"], "output": str(work / f"scored-{name}-{number}")}
        found["b"].append(measured(WAYS, "pair_scorer", **place, examples=examples))
        found["c"].append(measured(WAYS, "floor", **given, examples=examples, **fastest))
    best = {way: min(each, key=lambda one: one["seconds"]) for way, each in found.items()}
    scorer, floor = best["b"], best["c"]
    yield HEADER
    yield row("(a)  both images of every pair", best["a"])
    yield row("(a+) the same, tuned", best["a+"])
    yield row("(b)  PairScorer", scorer)
    yield row(f"(c)  images once, {fastest['batch']} a batch", floor)
    yield f"(c) decodes {_where(fastest['beside'])}."
    for way in ("a", "a+"):
        every = best[way]["seconds"] / best[way]["pairs"] * scorer["pairs"]
        yield (
            f"({way}) would take {every:,.0f} s for all pairs: "
            f"(b) is {every / scorer['seconds']:.0f} times as fast, "
            f"(c) {every / floor['seconds']:.0f} times."
        )
    yield f"(b) takes {scorer['seconds'] / floor['seconds']:.2f} times as long as (c)."


def main(argv: list[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scoring", description="Pair scoring, measured three ways."
    )
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--per-pair", type=int, default=1_000, help="pairs embedded one by one")
    parser.add_argument("--rounds", type=int, default=3, help="of all three; the fastest counts")
    parser.add_argument("--networks", nargs="+", choices=tuple(CONFIGS))
    parser.add_argument("--work", type=Path, help="folder for temporary files, some 300 MB")
    options = parser.parse_args(argv)
    with workplace(options.work) as work:
        source = find_source(work)
        data = write_data_set(work / "data", source, options.images, options.pairs)
        examples: dict[str, str] = {}
        for name, config in networks().items():
            if options.networks and name not in options.networks:
                continue
            align = config["align"]
            if align not in examples:
                say(
                    f"writing {options.images:,} images (align: {align}) and {options.pairs:,} "
                    "pairs as TFRecords"
                )
                examples[align] = str(work / f"examples-{align}")
                folder = examples[align]
                measured(WAYS, "make_examples", folder=folder, data={**data, "align": align})
            used = examples[align]
            lines = compare(name, config, data, used, work, options.per_pair, options.rounds)
            title = f"{name} network, {config['image']['size']} px; {source.name}"
            print("\n".join([f"\n{title}", *lines]), flush=True)


if __name__ == "__main__":
    main()
