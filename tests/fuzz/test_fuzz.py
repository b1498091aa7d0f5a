"""Whatever comes from outside is a value or an error of ours: no other exception, and no hang."""

import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.images import ImageFacts, inspect
from components.pair_example_gen.pair_lists import read_pair_list
from components.pair_example_gen.sources import read_images
from faces.errors import PhotoError
from faces.photo import read_photo
from pipeline.config import PROJECT, ConfigError, parse_config
from pipeline.yaml_file import YamlError, read_yaml
from serving.local_server.json_tensors import read_request
from serving.local_server.status import Code, StatusError
from serving.local_server.tensors import Signature, TensorSpec, array_from_proto


@st.composite
def mutated(draw: Callable, corpus: list[bytes]) -> bytes:
    """One of the corpus with a few bytes changed, put in or taken out, or its end cut off."""
    content = bytearray(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(("change", "insert", "remove", "cut"))):
            case "change":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "insert":
                content[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "remove":
                del content[at : at + draw(st.integers(1, 8))]
            case "cut":
                del content[at:]
    return bytes(content)


def picture(mode: str, form: str, **how: object) -> bytes:
    """A small picture in a mode and a format."""
    pixels = np.random.default_rng(0).integers(0, 255, (24, 20, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form, **how)
    return file.getvalue()


def exif(tag: int, kind: int, count: int, value: bytes) -> bytes:
    """An EXIF block of one entry."""
    entry = struct.pack("<HHI", tag, kind, count) + value[:4].ljust(4, b"\0")
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0\0\0\0"


UPRIGHT = exif(0x0112, 3, 1, b"\6\0")
PHOTOS = [
    picture("RGB", "JPEG"),
    picture("RGB", "JPEG", exif=UPRIGHT),
    picture("RGB", "JPEG", progressive=True),
    picture("L", "JPEG"),
    picture("CMYK", "JPEG"),
    picture("RGB", "PNG"),
    picture("RGBA", "PNG"),
    picture("P", "PNG", transparency=3),
    picture("1", "PNG"),
    picture("L", "PNG", bits=4),
    picture("RGB", "WEBP"),
    picture("RGB", "BMP"),
    picture("P", "GIF"),
    picture("RGB", "TIFF"),
    picture("RGB", "TIFF", compression="tiff_lzw"),
]


@given(mutated(PHOTOS))
@example(b"")
@example(PHOTOS[0][:-30])
@example(PHOTOS[5][:40])
def test_any_bytes_are_a_photo_or_a_photo_error(content: bytes) -> None:
    try:
        photo = read_photo(content)
    except PhotoError:
        return
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape[2] == 3


@given(st.integers(0, 2**16 - 1), st.integers(0, 20), st.integers(0, 2**32 - 1), st.binary())
@example(0x0112, 2, 9, b"sideways")
@example(0x0112, 3, 1, b"\xff\xff")
@example(0x8769, 4, 1, b"\0\0\0\0")
def test_a_photo_with_any_exif_is_a_photo(tag: int, kind: int, count: int, value: bytes) -> None:
    photo = picture("RGB", "JPEG", exif=exif(tag, kind, count, value))
    assert sorted(read_photo(photo).pixels.shape) == [3, 20, 24]
    assert isinstance(inspect(photo, 1000), ImageFacts)


@given(st.binary(max_size=200))
def test_a_photo_with_an_exif_block_of_any_bytes_is_a_photo(block: bytes) -> None:
    photo = picture("RGB", "JPEG", exif=b"Exif\0\0" + block)
    assert sorted(read_photo(photo).pixels.shape) == [3, 20, 24]
    assert isinstance(inspect(photo, 1000), ImageFacts)


@given(mutated(PHOTOS))
def test_what_the_pipeline_takes_is_decoded_by_tensorflow(content: bytes) -> None:
    facts = inspect(content, 10_000)
    if isinstance(facts, ImageFacts):
        pixels = tf.io.decode_image(content, channels=3, expand_animations=False)
        assert pixels.shape == (facts.height, facts.width, 3)


LISTS = [
    b"a/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\n",
    b"image_a,image_b,label\na/1.jpg,b/1.jpg,0\n",
    b'"a\n1.jpg",b/1.jpg,0\n',
    b"2\nAda\t1\t2\nBen\t1\tAda\t2\n",
    b"2\t2\nAda\t1\t2\nBen\t1\t2\nBen\t1\tAda\t2\nAda\t1\tBen\t1\n",
    b"\xef\xbb\xbfa/1.jpg,b/1.jpg,0\r\n",
    "a/é.jpg,b/1.jpg,0\n".encode("utf-16"),
]


@given(mutated(LISTS))
@example(b"")
@example(b"\0")
@example(b"3\nAda\t1\t2\n")
def test_any_bytes_are_a_pair_list_or_a_data_error(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "pairs.txt")
        path.write_bytes(content)
        try:
            pairs = read_pair_list(str(path))
        except DataError:
            return
        assert {pair.label for pair in pairs} <= {0, 1}


TABLES = [
    b"image,identity\na/1.jpg,a\nb/1.jpg,b\n",
    b"image,identity,split,gender\na/1.jpg,a,train,f\nb/1.jpg,b,test,\n",
    b'image,identity\n"a,1.jpg","a ""b"""\n',
    b"\xef\xbb\xbfimage,identity\r\na/1.jpg,a\r\n",
]


@given(mutated(TABLES))
@example(b"image,identity\n../1.jpg,a\n")
@example(b"image,identity\n" + b"a" * 200_000 + b",a\n")
def test_any_bytes_are_an_image_list_or_a_data_error(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "images.csv")
        path.write_bytes(content)
        config = DataConfig(images=folder, image_list=str(path), align="none")
        try:
            table = read_images(config)
        except DataError:
            return
        assert all(not os.path.isabs(row.image_id) for row in table.images)


STRING = TensorSpec("image_bytes", np.dtype(object), tf.string.as_datatype_enum, (None,))
FLOATS = TensorSpec("embedding", np.dtype(np.float32), tf.float32.as_datatype_enum, (None, 3))
LONGS = TensorSpec("count", np.dtype(np.int64), tf.int64.as_datatype_enum, (None,))
MODEL = SimpleNamespace(
    signatures={
        "serving_default": Signature("serving_default", {"image_bytes": STRING}, {}),
        "compare": Signature("compare", {"embedding": FLOATS, "count": LONGS}, {}),
    }
)


def signature(name: str) -> Signature:
    try:
        return MODEL.signatures[name or "serving_default"]
    except KeyError:
        raise StatusError(Code.FAILED_PRECONDITION, "no such signature") from None


MODEL.signature = signature
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["b64", "image_bytes", "embedding", "count", "x"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(["", "serving_default", "compare", "other"])
BODIES = [
    b'{"instances": [{"b64": "aGFsbG8="}]}',
    b'{"signature_name": "compare", "inputs": {"embedding": [[1, 2.5, 3]], "count": [7]}}',
    b'{"signature_name": "compare", "instances": [{"embedding": [1, 2, 3], "count": 1}]}',
]


def check_request(body: bytes) -> None:
    try:
        sent = read_request(body, MODEL, 8)
    except StatusError:
        return
    for name, array in sent.inputs.items():
        spec = sent.signature.inputs[name]
        assert array.dtype == spec.dtype
        assert len(array.shape) == len(spec.shape)


@given(mutated(BODIES))
@example(b"[" * 100_000)
@example(b'{"instances": ' + b"[" * 33 + b"]" * 33 + b"}")
@example(b'{"instances": ["\\ud800"]}')
@example(b'{"instances": [1e999], "signature_name": "compare"}')
def test_any_bytes_are_a_request_or_a_status(body: bytes) -> None:
    check_request(body)


@given(NAMES, st.sampled_from(["instances", "inputs"]), JSON)
def test_any_json_is_a_request_or_a_status(name: str, key: str, value: object) -> None:
    check_request(json.dumps({"signature_name": name, key: value}).encode())


PROTOS = [
    tf.make_tensor_proto(np.ones((2, 3), np.float32)).SerializeToString(),
    tf.make_tensor_proto([1, 2], tf.int64).SerializeToString(),
    tf.make_tensor_proto([b"one", b"two"]).SerializeToString(),
]


@given(mutated(PROTOS), st.sampled_from([STRING, FLOATS, LONGS]))
def test_any_tensor_proto_is_an_array_or_a_status(content: bytes, spec: TensorSpec) -> None:
    proto = tf.make_tensor_proto(0).__class__()
    try:
        proto.ParseFromString(content)
    except DecodeError:  # gRPC itself refuses what is no message.
        return
    try:
        array = array_from_proto(spec, proto)
    except StatusError:
        return
    assert array.dtype == spec.dtype


CONFIGS = [path.read_bytes() for path in sorted((PROJECT / "pipeline/configs").glob("*.yaml"))]


@given(mutated(CONFIGS))
@example(b"")
@example(b"2026-11-26: x\n")
@example(b"&a [*a]\n")
@example(b"[" * 3000)
@example(b"name: \0\n")
@example(b"data: {images: ~nobody/x}\n")
def test_any_bytes_are_a_config_or_a_config_error(content: bytes) -> None:
    try:
        tree, lines = read_yaml(content)
        config = parse_config(tree, "some.yaml", {}, MappingProxyType(lines))
    except (YamlError, ConfigError):
        return
    assert config.name


@given(JSON)
def test_any_tree_is_a_config_or_a_config_error(tree: object) -> None:
    with pytest.raises(ConfigError):
        parse_config(tree, "some.yaml", {})
