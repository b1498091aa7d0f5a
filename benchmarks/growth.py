"""How the time of PairScorer grows with pairs and with images.

    python -m benchmarks.growth

Two tables for each network: more and more pairs of the same images, which should cost next to
nothing, and the same number of pairs of more and more images, which should cost as much an image.
What the columns mean is in ``docs/benchmarks.md``.
"""

import argparse
from pathlib import Path

from benchmarks.faces import IMAGES, PAIRS, Source, find_source, write_data_set
from benchmarks.processes import measured
from benchmarks.scoring import HEADER, WAYS, networks, row, say, workplace

MANY_PAIRS = (10_000, 100_000, 1_000_000)
MANY_IMAGES = (1_000, 4_000, 16_000)


def prepared(folder: Path, source: Source, images: int, pairs: int) -> str:
    """TFRecords of so many images and pairs."""
    say(f"writing {images:,} images and {pairs:,} pairs as TFRecords")
    data = write_data_set(folder, source, images, pairs)
    measured(WAYS, "make_examples", folder=str(folder / "examples"), data=data)
    return str(folder / "examples")


def main(argv: list[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description="PairScorer on more pairs, more images."
    )
    parser.add_argument("--images", type=int, nargs="+", default=MANY_IMAGES)
    parser.add_argument("--pairs", type=int, nargs="+", default=MANY_PAIRS)
    parser.add_argument("--with-images", type=int, default=IMAGES, help="while pairs grow")
    parser.add_argument("--with-pairs", type=int, default=PAIRS, help="while images grow")
    parser.add_argument(
        "--networks", nargs="+", choices=("reference", "default"), default=("reference", "default")
    )
    parser.add_argument("--work", type=Path, help="folder for temporary files, some 1 GB")
    options = parser.parse_args(argv)
    with workplace(options.work) as work:
        source = find_source(work)
        tables = {
            "pairs": [(options.with_images, pairs) for pairs in options.pairs],
            "images": [(images, options.with_pairs) for images in options.images],
        }
        examples = {
            (images, pairs): prepared(work / f"{images}-{pairs}", source, images, pairs)
            for sizes in tables.values()
            for images, pairs in sizes
        }
        for name in options.networks:
            config = networks()[name]
            model = str(work / name)
            given = {key: config[key] for key in ("image", "training")}
            measured(WAYS, "make_model", folder=model, **given)
            for grows, sizes in tables.items():
                px = config["image"]["size"]
                print(f"\nMore {grows}: PairScorer, {name} network, {px} px; {source.name}")
                print(HEADER)
                for size in sizes:
                    images, pairs = size
                    say(f"{name} network, {images:,} images, {pairs:,} pairs")
                    output = str(work / f"scored-{name}-{grows}-{images}-{pairs}")
                    found = measured(
                        WAYS, "pair_scorer", model=model, examples=examples[size], output=output
                    )
                    print(row("PairScorer", found), flush=True)


if __name__ == "__main__":
    main()
