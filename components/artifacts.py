"""Reading a run's artifacts: where a model and a split lie, rows by the batch, images by id."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from components import features
from components.tfrecords import read_tfrecords

if TYPE_CHECKING:
    from tfx import types

# Rows that are parsed at once: of images, which hold files, and of pairs, which hold numbers.
IMAGE_ROWS: Final = 256
PAIR_ROWS: Final = 16_384


def model_folder(artifacts: "Sequence[types.Artifact]") -> str:
    """The SavedModel of an input that is one Model artifact."""
    from tfx.types import artifact_utils
    from tfx.utils import path_utils

    model = artifact_utils.get_single_instance(list(artifacts))
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))


def split_folder(artifact: str | Path, split: str) -> str:
    """Where an Examples artifact, or statistics of one, keep a split."""
    return f"{artifact}/Split-{split}"


def split_files(folder: str | Path) -> list[str]:
    """The files of a split, sorted by name.

    Raises:
      ValueError: There is none.
    """
    from tfx.dsl.io import fileio

    _, _, names = next(iter(fileio.walk(str(folder))), ("", [], []))
    files = sorted(os.path.join(folder, os.fsdecode(name)) for name in names)
    if not files:
        raise ValueError(
            f"{folder} holds no TFRecord file: the split is empty, or what writes it has to run "
            "again"
        )
    return files


def input_files(artifacts: "Sequence[types.Artifact]", split: str) -> list[str]:
    """The files of a split of an input that is one Examples artifact, sorted by name.

    Raises:
      ValueError: There is none, or no such split.
    """
    from tfx.types import artifact_utils

    return split_files(artifact_utils.get_split_uri(list(artifacts), split))


def read_rows(
    files: Sequence[str],
    columns: Mapping[str, type],
    rows: int,
    optional: Collection[str] = (),
) -> Iterator[dict[str, np.ndarray]]:
    """Columns of the rows of some files, in their order, so many rows at a time.

    Args:
      files: TFRecords of examples with one value a feature.
      columns: ``bytes``, ``int`` or ``float`` by feature; they come as objects of bytes, int64 and
        float32 ``[rows]``.
      rows: At a time; the last are fewer.
      optional: Floats that are NaN in a row without them.
    """
    import tensorflow as tf

    types = {bytes: tf.string, int: tf.int64, float: tf.float32}
    wanted = {
        name: tf.io.FixedLenFeature([], types[kind], np.nan if name in optional else None)
        for name, kind in columns.items()
    }
    # Parsed outside of the data set: tracing a function for each takes longer than parsing.
    for batch in read_tfrecords(files).batch(rows):
        parsed = tf.io.parse_example(batch, wanted)
        yield {name: parsed[name].numpy() for name in columns}


def read_columns(
    files: Sequence[str], columns: Mapping[str, type], optional: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Whole columns of pairs; see ``read_rows``, but that bytes come as such, not as objects.

    They are empty where there are no rows.
    """
    # An object of bytes takes a hundred of them for a name of sixty.
    batches = [
        {
            name: values.astype(np.bytes_) if columns[name] is bytes else values
            for name, values in rows.items()
        }
        for rows in read_rows(files, columns, PAIR_ROWS, optional)
    ]
    return {
        # Taken out of the batches: only one column is there twice at a time.
        name: np.concatenate([batch.pop(name) for batch in batches])
        if batches
        else np.empty(0, kind)
        for name, kind in columns.items()
    }


def image_files(files: Sequence[str], wanted: Collection[bytes]) -> dict[bytes, bytes]:
    """Some of the image files in a split of images.

    Args:
      files: TFRecords, as PairExampleGen writes them; no more of them are read than needed.
      wanted: Image ids.

    Raises:
      ValueError: An image is not there.
    """
    left, found = set(wanted), dict[bytes, bytes]()
    columns = {features.IMAGE_ID: bytes, features.IMAGE_ENCODED: bytes}
    for batch in read_rows(files, columns, IMAGE_ROWS):
        for image_id, file in zip(*batch.values(), strict=True):
            if image_id in left:
                found[image_id] = file
        left -= found.keys()
        if not left:
            break
    if left:
        raise ValueError(
            f"{len(left)} images of pairs are not among the images, {min(left).decode()!r} first; "
            "make images and pairs in one PairExampleGen run"
        )
    return found
