"""Reading TFRecords."""

import pytest
import tensorflow as tf

from components.tfrecords import read_tfrecords, without_autotune


@pytest.mark.parametrize(("suffix", "compression"), [("", ""), (".gz", "GZIP")])
def test_records_come_file_by_file_and_the_suffix_tells_of_compression(
    tmp_path, suffix, compression
):
    files = [str(tmp_path / f"{name}{suffix}") for name in ("b", "a")]
    for path, records in zip(files, ([b"1", b""], [b"3"]), strict=True):
        with tf.io.TFRecordWriter(path, compression) as writer:
            for record in records:
                writer.write(record)

    assert list(read_tfrecords(files).as_numpy_iterator()) == [b"1", b"", b"3"]
    assert list(read_tfrecords([]).as_numpy_iterator()) == []


def test_what_is_made_of_a_data_set_is_not_tuned_either():
    dataset = without_autotune(tf.data.Dataset.range(3))

    made = dataset.map(lambda number: number + 1).batch(2).prefetch(1)

    assert made.options().autotune.enabled is False
    assert [batch.tolist() for batch in made.as_numpy_iterator()] == [[1, 2], [3]]
