"""``faceauth ten-fold``: the protocol of LFW's View 2, on any model and any pair list.

The model's own threshold is not used: the protocol chooses one for each fold on the other nine.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from components.pair_example_gen.pair_lists import read_pair_list
from components.pair_scorer.folds import ten_fold_accuracy
from components.pair_scorer.ten_fold import folds_of, pair_distances, table


def run(given: argparse.Namespace) -> int:
    """Prints the accuracy, fold by fold and on average.

    Raises:
        ValueError: The model, an image or the pair list cannot be used.
    """
    if given.folds is not None and given.folds < 2:
        raise ValueError(
            f"--folds is {given.folds}; a threshold comes from another fold: give 2 or more"
        )
    pairs = read_pair_list(given.pairs)
    folds = folds_of(given.pairs, pairs, given.folds)
    began = time.monotonic()
    distances, images = pair_distances(given.model, Path(given.images), pairs)
    seconds = time.monotonic() - began
    result = ten_fold_accuracy(distances, [pair.label for pair in pairs], folds)
    print(table(result))
    print(f"{len(pairs):,} pairs of {images:,} images in {seconds:.1f} s")
    if given.json:
        target = Path(given.json)
        partial = target.with_name(f".{target.name}.partial")
        partial.write_text(json.dumps(asdict(result), indent=2) + "\n")
        partial.replace(target)
    return 0
