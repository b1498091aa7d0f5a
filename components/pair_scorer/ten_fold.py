"""The ten-fold protocol of LFW's View 2, on any model of this project and any pair list.

    python -m components.pair_scorer.ten_fold serving/models/faceauth/1700000000 \
        --images data/lfw/images --pairs data/lfw/pairs.txt

The model is any SavedModel with the signatures ``embed`` and ``compare``. Its own threshold is not
used: the protocol chooses one for each fold on the other nine.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from components.exported_model import EMBED_BATCH, ExportedModel
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.pair_lists import ListedPair, read_pair_list
from components.pair_scorer.folds import TenFold, ten_fold_accuracy


def folds_of(path: str, pairs: Sequence[ListedPair], folds: int | None) -> np.ndarray:
    """The fold of each pair, from 1.

    Args:
      path: Of the pair list. A first line of two numbers, as LFW's ``pairs.txt`` has it, gives the
        number of folds and of same pairs in each; as many different ones follow them.
      pairs: What the list holds.
      folds: Without such a line: make so many folds, of consecutive pairs, each with its share of
        the same and of the different ones. People may then be in several folds, which flatters the
        result a little.

    Returns:
      int64 ``[P]``.

    Raises:
      DataError: The list has folds and others are asked for, or none and none are asked for; or a
        class has fewer pairs than there are folds.
    """
    with open(path, encoding="utf-8-sig") as file:
        header = file.readline().split()
    if len(header) == 2 and all(cell.isdecimal() for cell in header):
        own = int(header[0])
        if folds not in (None, own):
            raise DataError(f"{path} has {own} folds of its own; leave out --folds {folds}")
        return np.arange(len(pairs)) // (len(pairs) // own) + 1
    if folds is None:
        raise DataError(
            f"{path} says nothing of folds (LFW's pairs.txt does, in its first line); give --folds"
        )
    labels = np.array([pair.label for pair in pairs])
    fold = np.empty(len(pairs), np.int64)
    for label, name in ((1, "same"), (0, "different")):
        rows = np.flatnonzero(labels == label)
        if len(rows) < folds:
            raise DataError(
                f"{path} holds {len(rows)} {name} pairs, too few for {folds} folds; lower --folds"
            )
        fold[rows] = np.arange(len(rows)) * folds // len(rows) + 1
    return fold


def pair_distances(model: str, root: Path, pairs: Sequence[ListedPair]) -> tuple[np.ndarray, int]:
    """Embeds each distinct image once and compares embeddings pair by pair.

    Args:
      model: Folder of a SavedModel with the signatures ``embed`` and ``compare``.
      root: What the list's paths are below.
      pairs: What to compare.

    Returns:
      float32 ``[P]``, and how many images were embedded.

    Raises:
      ValueError: There is no such model, it has other signatures, or an image cannot be read.
    """
    exported = ExportedModel(model)
    names, index = np.unique(
        [name for pair in pairs for name in (pair.image_a, pair.image_b)], return_inverse=True
    )
    parts = []
    for at in range(0, len(names), EMBED_BATCH):
        files = [_read(root, name, pairs) for name in names[at : at + EMBED_BATCH].tolist()]
        parts.append(exported.embed(files))
    embeddings = np.concatenate(parts)
    return exported.distances(embeddings, embeddings, index[0::2], index[1::2]), len(names)


def _read(root: Path, name: str, pairs: Sequence[ListedPair]) -> bytes:
    try:
        return (root / name).read_bytes()
    except OSError as error:
        line = next(pair.line for pair in pairs if name in (pair.image_a, pair.image_b))
        raise DataError(
            f"{root / name}, named in line {line} of the pair list, cannot be read "
            f"({error.strerror}); give the folder that the list's paths are below as --images"
        ) from None


def table(result: TenFold) -> str:
    """The result for people."""
    lines = ["fold  pairs  threshold  accuracy"]
    lines += [
        f"{fold.fold:>4}  {fold.pairs:>5}  {fold.threshold:9.4f}  {fold.accuracy:8.4f}"
        for fold in result.folds
    ]
    lines.append(
        f"mean accuracy {result.mean:.4f} ± {result.standard_error:.4f} "
        f"(standard error of the mean over {len(result.folds)} folds)"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m components.pair_scorer.ten_fold",
        description="Accuracy by LFW's View 2: over folds, each with a threshold from the others.",
    )
    parser.add_argument("model", help="folder of a SavedModel, such as a pushed version")
    parser.add_argument(
        "--images", type=Path, required=True, help="what the list's paths are below"
    )
    parser.add_argument("--pairs", required=True, help="pairs.txt of LFW, or image_a,image_b,label")
    parser.add_argument("--folds", type=int, help="how many to make of a list that has none")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    given = parser.parse_args(arguments)
    if given.folds is not None and given.folds < 2:
        parser.error(
            f"--folds is {given.folds}; a threshold comes from another fold: give 2 or more"
        )
    try:
        pairs = read_pair_list(given.pairs)
        folds = folds_of(given.pairs, pairs, given.folds)
        began = time.monotonic()
        distances, images = pair_distances(given.model, given.images, pairs)
        seconds = time.monotonic() - began
        result = ten_fold_accuracy(distances, [pair.label for pair in pairs], folds)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(result))
    print(f"{len(pairs):,} pairs of {images:,} images in {seconds:.1f} s")
    if given.json:
        given.json.write_text(json.dumps(asdict(result), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
