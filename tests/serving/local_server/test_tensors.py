import base64
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from serving import protos
from serving.local_server.json_tensors import (
    array_from_json,
    decode_inputs,
    encode_outputs,
    json_from_array,
    most_values,
)
from serving.local_server.status import Code, StatusError
from serving.local_server.tensors import (
    Signature,
    TensorSpec,
    array_from_proto,
    check_inputs,
)
from serving.protos import write_array

IMAGE = TensorSpec("image", np.dtype(object), tf.string.as_datatype_enum, (None,))
VECTOR = TensorSpec("vector", np.dtype(np.float32), tf.float32.as_datatype_enum, (None, 2))
COUNT = TensorSpec("count", np.dtype(np.int32), tf.int32.as_datatype_enum, (None,))
FLAG = TensorSpec("flag", np.dtype(bool), tf.bool.as_datatype_enum, (None,))
GRID = TensorSpec("grid", np.dtype(object), tf.string.as_datatype_enum, (None, None))
ANY = TensorSpec("any", np.dtype(np.float32), tf.float32.as_datatype_enum, None)
ONE = Signature("embed", {"image": IMAGE}, {})
TWO = Signature("compare", {"image": IMAGE, "vector": VECTOR}, {})


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


def nested(depth):
    return [nested(depth - 1)] if depth else 1.0


def refused(call, *arguments):
    with pytest.raises(StatusError) as caught:
        call(*arguments)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


def test_json_strings_are_bytes_with_their_zeros():
    array = array_from_json(IMAGE, [b64(b"a\0\0"), "text"])
    assert array.dtype == object
    assert array.tolist() == [b"a\0\0", b"text"]


def test_json_numbers_become_the_signatures_dtype():
    array = array_from_json(VECTOR, [[1, 2.5], [3, 4]])
    assert array.dtype == np.float32
    assert array.tolist() == [[1, 2.5], [3, 4]]
    assert array_from_json(COUNT, [1, -2]).tolist() == [1, -2]
    assert array_from_json(FLAG, [True, False]).tolist() == [True, False]
    assert np.isnan(array_from_json(VECTOR, [[float("nan"), 0]])[0, 0])


@pytest.mark.parametrize(
    ("spec", "value", "says"),
    [
        (VECTOR, [[1, 2], [3]], "ragged"),
        (VECTOR, [[1, 2], 3], "ragged"),
        (VECTOR, [["1", "2"]], "str"),
        (VECTOR, [[True, False]], "bool"),
        (VECTOR, [[None, 1]], "NoneType"),
        (VECTOR, [[1e39, 1]], "too large"),
        (VECTOR, [[10**400, 1]], "too large"),
        (COUNT, [1.5], "float"),
        (COUNT, [2**40], "too large"),
        (IMAGE, [3], "int"),
        (IMAGE, [{"b64": "%%%"}], "not base64"),
        (IMAGE, [{"b64": 3}], "b64"),
        (IMAGE, [{"b64": "", "x": 1}], "b64"),
        (GRID, [["x"], []], "ragged"),
        (IMAGE, [["x"]], "shape [any], not [1, 1]"),
        (VECTOR, [[1, 2, 3]], "shape [any, 2], not [1, 3]"),
        (VECTOR, [], "shape [any, 2], not [0]"),
        (IMAGE, ["a\ud800"], "not Unicode"),
        (ANY, nested(33), "33 dimensions, more than 32"),
    ],
)
def test_json_that_does_not_fit_is_refused(spec, value, says):
    assert says in refused(array_from_json, spec, value)


def proto_from_array(array):
    proto = TensorProto()
    write_array(array, proto)
    return proto


def test_protos_go_there_and_back():
    strings = np.array([b"x\0", b""], dtype=object)
    floats = np.array([[1, 2], [3, 4]], dtype=np.float32)
    assert array_from_proto(IMAGE, proto_from_array(strings)).tolist() == [b"x\0", b""]
    assert array_from_proto(VECTOR, proto_from_array(floats)).tolist() == floats.tolist()


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, 2]], np.float32),
        np.array([True, False]),
        np.array([b"x", b""], dtype=object),
        np.zeros((0, 3), np.float32),
        np.arange(6, dtype=np.int64).reshape(2, 3)[:, ::2],
    ],
)
def test_tensorflow_reads_our_protos_and_we_read_tensorflows(array):
    assert tf.make_ndarray(proto_from_array(array)).tolist() == array.tolist()
    for proto in (proto_from_array(array), tf.make_tensor_proto(array)):
        found = protos.array_from_proto(proto)
        assert found.tolist() == array.tolist()
        assert found.shape == array.shape
    assert proto_from_array(array).dtype == tf.make_tensor_proto(array).dtype


def test_protos_with_values_in_fields_are_read():
    proto = TensorProto(dtype=tf.float32.as_datatype_enum, float_val=[1, 2])
    proto.tensor_shape.dim.add(size=1)
    proto.tensor_shape.dim.add(size=2)
    assert array_from_proto(VECTOR, proto).tolist() == [[1, 2]]


def shaped(sizes, **content):
    proto = TensorProto(**content)
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    return proto


FLOAT = tf.float32.as_datatype_enum
STRING = tf.string.as_datatype_enum


@pytest.mark.parametrize(
    ("spec", "proto", "says"),
    [
        (VECTOR, shaped([1, 2], dtype=STRING, string_val=[b"a", b"b"]), "not string"),
        (IMAGE, shaped([1], dtype=FLOAT, float_val=[1]), "not float32"),
        (IMAGE, shaped([1], dtype=99), "type 99"),
        (VECTOR, shaped([1, 3], dtype=FLOAT, float_val=[1, 2, 3]), "shape [any, 2]"),
        (VECTOR, shaped([2], dtype=FLOAT, float_val=[1, 2]), "shape [any, 2]"),
        (VECTOR, shaped([2, 2], dtype=FLOAT, tensor_content=b"1234"), "16"),
        (VECTOR, shaped([2, 2], dtype=FLOAT, float_val=[1, 2, 3, 4, 5]), "does not fill"),
        (VECTOR, shaped([-1, 2], dtype=FLOAT, float_val=[1]), "definite shape"),
        # One value and a large shape: four gigabytes, were it believed.
        (VECTOR, shaped([500_000_000, 2], dtype=FLOAT, float_val=[1]), "tensor_content"),
        (IMAGE, shaped([3], dtype=STRING, string_val=[b"a"]), "1 values, not 3"),
        (IMAGE, shaped([10**12], dtype=STRING, string_val=[b"a"]), "1 values"),
    ],
)
def test_protos_that_do_not_fit_are_refused(spec, proto, says):
    assert says in refused(array_from_proto, spec, proto)


def test_inputs_must_have_one_number_of_rows():
    images = np.array([b"a", b"b"], dtype=object)
    vectors = np.zeros((2, 2), np.float32)
    assert check_inputs(TWO, {"image": images, "vector": vectors}) == 2
    assert "rows" in refused(check_inputs, TWO, {"image": images, "vector": vectors[:1]})
    assert "missing: {vector}" in refused(check_inputs, TWO, {"image": images})
    extra = {"image": images, "vector": vectors, "more": vectors}
    assert "not known: {more}" in refused(check_inputs, TWO, extra)
    assert "not float64" in refused(check_inputs, ONE, {"image": np.zeros(2)})


def test_row_and_column_formats_mean_the_same():
    rows = {
        "instances": [
            {"image": b64(b"p"), "vector": [1, 2]},
            {"image": b64(b"q"), "vector": [3, 4]},
        ]
    }
    columns = {"inputs": {"image": [b64(b"p"), b64(b"q")], "vector": [[1, 2], [3, 4]]}}
    for body in (rows, columns):
        tensors = decode_inputs(TWO, body, 10)
        assert tensors["image"].tolist() == [b"p", b"q"]
        assert tensors["vector"].tolist() == [[1, 2], [3, 4]]


def test_a_single_input_may_go_without_its_name():
    for body in (
        {"instances": [b64(b"p")]},
        {"instances": [{"image": b64(b"p")}]},
        {"inputs": [b64(b"p")]},
        {"inputs": {"image": [b64(b"p")]}},
    ):
        assert decode_inputs(ONE, body, 10)["image"].tolist() == [b"p"]


@pytest.mark.parametrize(
    ("signature", "body", "says"),
    [
        (TWO, {"instances": []}, "at least one"),
        (TWO, {"instances": "x"}, "a list"),
        (TWO, {"instances": ["x"]}, "several inputs"),
        (TWO, {"inputs": ["x"]}, "several inputs"),
        (TWO, {"instances": [{"image": "x", "vector": [1, 2]}, {"image": "x"}]}, "[1]"),
        (ONE, {"instances": [{"picture": "x"}]}, "missing: {image}, not known: {picture}"),
        (ONE, {"inputs": {"image": "x"}}, "image"),
    ],
)
def test_bodies_that_do_not_fit_are_refused(signature, body, says):
    message = refused(lambda: check_inputs(signature, decode_inputs(signature, body, 10)))
    assert says in message


def test_how_many_values_a_body_can_have_is_known_before_it_is_read():
    # A row of TWO is a file and two numbers, and one of ONE a file; names take some more.
    assert most_values([ONE, TWO], rows=50) == 50 * 3 + 1000
    # Nobody knows how long a row of the others is, or how many commas a text has.
    for unknown in (GRID, ANY, replace(IMAGE, name="words")):
        signature = Signature("s", {unknown.name: unknown}, {})
        assert most_values([ONE, signature], rows=50) is None


def test_more_rows_than_may_wait_are_refused():
    for body in ({"inputs": ["x"] * 11}, {"instances": [{"image": "x"}] * 11}):
        with pytest.raises(StatusError, match="11 rows, and 10 may wait") as caught:
            decode_inputs(ONE, body, 10)
        assert caught.value.code is Code.RESOURCE_EXHAUSTED


def test_outputs_are_written_as_the_request_was():
    outputs = {"score": np.array([0.5, 1], np.float32), "same": np.array([True, False])}
    assert encode_outputs(outputs, by_row=True) == {
        "predictions": [{"score": 0.5, "same": True}, {"score": 1.0, "same": False}]
    }
    assert encode_outputs(outputs, by_row=False) == {
        "outputs": {"score": [0.5, 1.0], "same": [True, False]}
    }
    one = {"embedding": np.array([[1, 2]], np.float32)}
    assert encode_outputs(one, by_row=True) == {"predictions": [[1, 2]]}
    assert encode_outputs(one, by_row=False) == {"outputs": [[1, 2]]}


def test_only_outputs_named_bytes_are_base64():
    content = np.array([b"hi"], dtype=object)
    assert json_from_array("name", content) == ["hi"]
    assert json_from_array("crop_bytes", content) == [{"b64": "aGk="}]
