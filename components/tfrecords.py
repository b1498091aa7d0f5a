"""TFRecord files as data sets, and data sets that stop at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf


def read_tfrecords(files: Sequence[str]) -> "tf.data.Dataset":
    """The records of some files, one after the other, as scalar strings.

    Args:
      files: Any number, all compressed or none: the suffix ``.gz`` tells, as it tells TFX's own
        readers.
    """
    import tensorflow as tf

    compression = "GZIP" if files and files[0].endswith(".gz") else ""
    return without_autotune(tf.data.TFRecordDataset(list(files), compression_type=compression))


def without_autotune(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """The same data set, and all that are made of it, without the tuning of its parallelism.

    Tuning runs in a thread that sleeps twice as long each time. With TensorFlow 2.16, and still
    with 2.21, who deletes an iterator now and then has to wait until that thread wakes by itself:
    as long again as the iterator has lived, while the cores idle. No data set here leaves it a
    number to tune.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def read_examples(
    folder: str | Path, strings: Sequence[str], *numbers: str, batch: int = 512
) -> Iterator[dict[str, Any]]:
    """The rows of a split, one by one, by shard in the order of their names.

    Args:
      folder: ``Split-*`` folder of TFRecords.
      strings: Features to read, bytes each.
      *numbers: Features to read, int64 each.
      batch: Rows that are parsed at once.

    Raises:
      ValueError: The folder is empty.
    """
    import tensorflow as tf

    files = sorted(str(path) for path in Path(folder).iterdir() if path.is_file())
    if not files:
        raise ValueError(f"{folder} holds no TFRecord file; the split is empty")
    types = {name: tf.io.FixedLenFeature([], tf.string) for name in strings}
    types |= {name: tf.io.FixedLenFeature([], tf.int64) for name in numbers}
    for rows in read_tfrecords(files).batch(batch):
        parsed = tf.io.parse_example(rows, types)
        columns = {name: values.numpy() for name, values in parsed.items()}
        for at in range(len(rows)):
            yield {name: values[at] for name, values in columns.items()}
