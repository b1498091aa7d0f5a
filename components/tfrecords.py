"""TFRecord files as data sets, and data sets that stop at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
