"""Rows with columns added, read back by the parsers that the rest of the pipeline uses."""

import numpy as np
import tensorflow as tf
from tfx_bsl.coders import example_coder

from components.pair_scorer.columns import with_columns


def test_rows_keep_what_they_hold_and_get_a_float_of_each_column():
    rows = []
    for number in range(3):
        example = tf.train.Example()
        example.features.feature["note"].bytes_list.value.append(b"row %d" % number)
        example.features.feature["label"].int64_list.value.append(number)
        rows.append(example.SerializeToString())
    # What has zero bytes and the sign bit, at both ends of the range.
    columns = {
        "distance": np.array([0.0, -1.5, 3.4e38], np.float32),
        "score": np.array([1e-45, 0.5, 1.0], np.float32),
    }
    found = with_columns(rows, columns)

    expected = [
        {"note": [b"row %d" % number], "label": [number]}
        | {name: [float(values[number])] for name, values in columns.items()}
        for number in range(3)
    ]
    by_tfx = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(found)
    assert by_tfx.to_pylist() == expected
    types = {name: tf.io.FixedLenFeature([], tf.float32) for name in columns}
    by_tensorflow = tf.io.parse_example(found, types)
    for name, values in columns.items():
        np.testing.assert_array_equal(by_tensorflow[name].numpy(), values)
    by_protobuf = [tf.train.Example.FromString(row).features.feature for row in found]
    assert [sorted(features) for features in by_protobuf] == [sorted(row) for row in expected]
    assert [features["distance"].float_list.value[0] for features in by_protobuf] == [
        row["distance"][0] for row in expected
    ]
