"""Reading dlib's networks: what is in the file, and what is said of a file that is none."""

import re
from pathlib import Path

import numpy as np
import pytest
from dlib_format import MEAN, SIDE, TinyNetwork

from components.trainer.networks.dlib_file import (
    AddPrevious,
    Affine,
    Convolution,
    Dense,
    DlibFormatError,
    Pool,
    Relu,
    read_dlib_network,
)


@pytest.fixture
def tiny() -> TinyNetwork:
    return TinyNetwork()


def test_the_layers_come_in_order_with_what_was_written(tiny, tmp_path):
    network = read_dlib_network(tiny.write(tmp_path / "tiny.dat"))
    assert network.threshold == 0.5
    assert network.mean == MEAN
    assert network.size == (SIDE, SIDE)
    block = [Convolution, Affine, Relu, Convolution, Affine]
    kinds = [type(layer) for _, layer in network.layers]
    assert kinds == [
        *(Convolution, Affine, Relu, Pool),
        *(*block, AddPrevious, Relu),
        *(*block, Pool, AddPrevious, Relu),
        *(Pool, Dense),
    ]
    # The first part is the header.
    assert [at for at, _ in network.layers] == [tiny.offset(n + 1) for n in range(len(kinds))]
    stem, affine, _, pool = (layer for _, layer in network.layers[:4])
    kernel, bias, gamma, beta = tiny.stem
    np.testing.assert_array_equal(stem.kernel, kernel)
    np.testing.assert_array_equal(stem.bias, bias)
    assert (stem.stride, stem.padding) == ((2, 2), (0, 0))
    np.testing.assert_array_equal(affine.gamma, gamma)
    np.testing.assert_array_equal(affine.beta, beta)
    assert pool == Pool(largest=True, window=(3, 3), stride=(2, 2))
    assert network.layers[-2][1] == Pool(largest=False, window=(0, 0), stride=(1, 1))
    np.testing.assert_array_equal(network.layers[-1][1].kernel, tiny.matrix)


def said(path: Path) -> tuple[int, str]:
    """The offset and the words after it, of the error about a file."""
    with pytest.raises(DlibFormatError) as caught:
        read_dlib_network(path)
    found = re.fullmatch(re.escape(str(path)) + r", offset (\d+): (.*)", str(caught.value))
    assert found, str(caught.value)
    return int(found[1]), found[2]


def test_another_file_is_refused_at_its_first_byte(tmp_path):
    path = tmp_path / "face.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    assert said(path) == (
        0,
        "expected the version of a loss layer: 1, found byte 0xff, which begins no number; give "
        "a network that dlib wrote, such as dlib_face_recognition_resnet_model_v1.dat, whole and "
        "unpacked",
    )


def test_an_empty_file_ends_too_early(tmp_path):
    path = tmp_path / "empty.dat"
    path.touch()
    at, words = said(path)
    assert at == 0
    assert words.startswith("expected the version of a loss layer: 1 (1 bytes), found the end")


def test_a_file_cut_short_says_which_numbers_are_missing(tiny, tmp_path):
    whole = b"".join(tiny.parts)
    path = tmp_path / "cut.dat"
    # The name (1 + 1 + 5 bytes), version and sizes of the filters (2 + 3 + 2 + 2 + 2), 10 bytes.
    path.write_bytes(whole[: tiny.offset(1) + 7 + 11 + 10])
    at, words = said(path)
    assert at == tiny.offset(1) + 7 + 11
    count = 4 * 3 * 7 * 7 + 4
    assert words.startswith(
        f"expected filters, {count} x 1 x 1 x 1 float32 ({4 * count} bytes), found the end after 10"
    )


def test_an_unknown_layer_is_named(tiny, tmp_path):
    tiny.parts[3] = tiny.parts[3].replace(b"relu_", b"prelu", 1)
    at, words = said(tiny.write(tmp_path / "other.dat"))
    assert at == tiny.offset(3)
    assert words.startswith("expected a layer, one of con_4, affine_, relu_, max_pool_2,")
    assert "found 'prelu'" in words


def test_numbers_that_cannot_be_are_refused(tiny, tmp_path):
    kernel = tiny.matrix.copy()
    kernel[0, 0] = np.nan
    tiny.parts[-1] = tiny.parts[-1].replace(tiny.matrix.tobytes(), kernel.tobytes())
    at, words = said(tiny.write(tmp_path / "nan.dat"))
    # The name (1 + 1 + 4) and two sizes (2 + 2) stand before the matrix.
    assert at == tiny.offset(len(tiny.parts) - 1) + 10
    assert words.startswith("expected a matrix without a bias of finite numbers")


def test_a_tensor_larger_than_the_file_is_not_asked_for(tiny, tmp_path):
    # 2^31 x 2^31 x ... float32: refused by what is left, before any memory is taken.
    huge = b"\x01\x02" + 4 * b"\x04\x00\x00\x00\x80"
    at = tiny.offset(1) + 7
    whole = b"".join(tiny.parts)
    path = tmp_path / "huge.dat"
    path.write_bytes(whole[:at] + huge + whole[at + 11 :])
    assert said(path)[0] == at + len(huge)


def test_what_follows_the_network_is_refused(tiny, tmp_path):
    tiny.parts.append(b"\x01")
    assert said(tiny.write(tmp_path / "more.dat"))[0] == tiny.offset(len(tiny.parts))
