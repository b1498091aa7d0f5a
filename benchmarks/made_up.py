"""Photos and pairs that are nothing but names.

Photos are named by 40 characters and people by 20, and a person has four photos. Embeddings have
128 numbers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from components import features

PHOTOS_A_PERSON: Final = 4
DIMENSIONS: Final = 128


def names(count: int) -> list[bytes]:
    """Ids of photos, in rising order."""
    return [f"{number:040d}".encode() for number in range(count)]


def people(count: int) -> list[bytes]:
    """Who so many photos show."""
    return [f"{number // PHOTOS_A_PERSON:020d}".encode() for number in range(count)]


def made_pairs(photos: int, count: int) -> tuple[NDArray[np.int64], ...]:
    """Rows of photos, and labels: half are of one person. As many pairs as photos name them all.

    Args:
      photos: A multiple of ``PHOTOS_A_PERSON``.
      count: Fewer than photos times people.
    """
    number = np.arange(count)
    a, turn = number % photos, number // photos
    beside = a // PHOTOS_A_PERSON * PHOTOS_A_PERSON + (a + 1) % PHOTOS_A_PERSON
    away = (a + PHOTOS_A_PERSON * (1 + turn)) % photos
    label = (number + turn) % 2
    return a, np.where(label == 1, beside, away), label.astype(np.int64)


def write_rows(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Writes columns of bytes, ints or floats as a TFRecord file."""
    import tensorflow as tf

    from components.pair_example_gen.records import example_of

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for row in zip(*columns.values(), strict=True):
            file.write(example_of(dict(zip(columns, row, strict=True))))


def pair_columns(photos: int, count: int) -> dict[str, list[Any]]:
    """Columns of pairs, see ``made_pairs``."""
    a, b, label = made_pairs(photos, count)
    ids, who = np.array(names(photos)), np.array(people(photos))
    return {
        features.IMAGE_ID_A: ids[a].tolist(),
        features.IMAGE_ID_B: ids[b].tolist(),
        features.IDENTITY_A: who[a].tolist(),
        features.IDENTITY_B: who[b].tolist(),
        features.LABEL: label.tolist(),
    }
