"""Reads the networks that dlib's C++ templates wrote, without dlib: a file as a row of layers.

What is read is the form of dlib 19 (``dlib/serialize.h``, ``dlib/dnn/core.h``, ``layers.h``):

* a whole number: one byte, of which the low four bits say how many bytes follow and the top bit
  whether it is negative, then its bytes, the lowest first;
* a number with a fraction: two whole numbers, mantissa and power of two;
* text: its length, then its bytes; a truth: the character 1 or 0;
* a tensor: a version, four sizes, and float32, the lowest byte first.

A network is a nest of types: first come the versions of all of them, from the outermost in, then
the layers from the input out, each with its name, its own values and a state of the framework's.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

# What a layer's own values are allowed to claim, so that a wrong file cannot ask for all memory.
_MOST_BYTES_OF_A_NUMBER = 8
_MOST_SIZES = 4
_LONGEST_NAME = 64
_POOLS = ("max_pool_2", "avg_pool_2")


class DlibFormatError(ValueError):
    """A file is not a network of dlib's, or not one of those that are read here."""


@dataclass(frozen=True)
class Convolution:
    """Filters and a bias for each.

    Attributes:
      kernel: float32 ``[K, C, R, S]``.
      bias: float32 ``[K]``.
      stride: Down and across, pixels.
      padding: Rows above and below, columns left and right.
    """

    kernel: np.ndarray
    bias: np.ndarray
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True)
class Affine:
    """A factor and a shift a channel, float32 ``[K]`` both: a batch normalisation at rest."""

    gamma: np.ndarray
    beta: np.ndarray


@dataclass(frozen=True)
class Relu:
    """The larger of 0 and the value."""


@dataclass(frozen=True)
class Pool:
    """The mean or the largest of each window.

    Attributes:
      largest: Whether it is the largest.
      window: Rows and columns; (0, 0) is the whole map.
      stride: Down and across, pixels.
    """

    largest: bool
    window: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True)
class AddPrevious:
    """Adds the output of a layer before; where their sizes differ, zeros stand for what is not."""


@dataclass(frozen=True)
class Dense:
    """A matrix, float32 ``[inputs, outputs]``, without a bias."""

    kernel: np.ndarray


Layer = Convolution | Affine | Relu | Pool | AddPrevious | Dense


@dataclass(frozen=True)
class DlibNetwork:
    """A network for metric learning on RGB images.

    Attributes:
      threshold: The distance that its loss was to bring all pairs of one class within.
      mean: Of red, green and blue in 0 to 255; an input is (pixels - mean) / 256.
      size: Rows and columns of an input.
      layers: In the order of computation, each with the offset it stands at in the file.
    """

    threshold: float
    mean: tuple[float, float, float]
    size: tuple[int, int]
    layers: tuple[tuple[int, Layer], ...]


class _Reader:
    """A place in a file, and what is read there. Every error names both."""

    def __init__(self, path: Path):
        self._path = path
        self._data = path.read_bytes()
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at == len(self._data)

    def error(self, at: int, expected: str, found: object) -> DlibFormatError:
        return DlibFormatError(
            f"{self._path}, offset {at}: expected {expected}, found {found}; give a network that "
            "dlib wrote, such as dlib_face_recognition_resnet_model_v1.dat, whole and unpacked"
        )

    def take(self, count: int, expected: str) -> bytes:
        left = len(self._data) - self.at
        if count > left:
            raise self.error(self.at, f"{expected} ({count} bytes)", f"the end after {left} bytes")
        self.at += count
        return self._data[self.at - count : self.at]

    def integer(self, expected: str) -> int:
        at = self.at
        control = self.take(1, expected)[0]
        length = control & 0x0F
        if control & 0x70 or not 1 <= length <= _MOST_BYTES_OF_A_NUMBER:
            raise self.error(at, expected, f"byte 0x{control:02x}, which begins no number")
        value = int.from_bytes(self.take(length, expected), "little")
        return -value if control & 0x80 else value

    def natural(self, expected: str, least: int = 0, most: int = 1 << 31) -> int:
        at = self.at
        value = self.integer(expected)
        if not least <= value <= most:
            raise self.error(at, f"{expected}, {least} to {most}", value)
        return value

    def known(self, values: tuple[int, ...], expected: str) -> int:
        at = self.at
        expected = f"{expected}: {' or '.join(map(str, values))}"
        value = self.integer(expected)
        if value not in values:
            raise self.error(at, expected, value)
        return value

    def real(self, expected: str) -> float:
        mantissa = self.integer(expected)
        at = self.at
        exponent = self.integer(expected)
        if abs(exponent) > 1100:
            raise self.error(at, f"{expected}: a power of two", exponent)
        return mantissa * 2.0**exponent

    def text(self, expected: str) -> str:
        length = self.natural(f"the length of {expected}", 1, _LONGEST_NAME)
        at = self.at
        raw = self.take(length, expected)
        if not raw.isascii():
            raise self.error(at, expected, repr(raw))
        return raw.decode("ascii")

    def truth(self, expected: str) -> bool:
        at = self.at
        raw = self.take(1, expected)
        if raw not in (b"0", b"1"):
            raise self.error(at, f"{expected}: the character 0 or 1", repr(raw))
        return raw == b"1"

    def shape(self, version: int, expected: str) -> list[int]:
        self.known((version,), f"the version of {expected}")
        return [self.natural(f"a size of {expected}") for _ in range(_MOST_SIZES)]

    def tensor(self, expected: str) -> np.ndarray:
        at = self.at
        sizes = self.shape(2, expected)
        count = int(np.prod(sizes, dtype=object))
        raw = self.take(4 * count, f"{expected}, {' x '.join(map(str, sizes))} float32")
        values = np.frombuffer(raw, "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise self.error(at, f"{expected} of finite numbers", "some that are not")
        return values.reshape(sizes)

    def parameters(self, count: int, expected: str) -> np.ndarray:
        at = self.at
        values = self.tensor(expected).reshape(-1)
        if len(values) != count:
            raise self.error(at, f"{expected}: {count} numbers", len(values))
        return values


def _convolution(reader: _Reader) -> Convolution:
    at = reader.at
    flat = reader.tensor("filters").reshape(-1)
    names = ("filters", "rows", "columns", "stride down", "stride across")
    filters, rows, columns, down, across = (reader.natural(name, 1) for name in names)
    padding = (reader.natural("padding down"), reader.natural("padding across"))
    shape = reader.shape(1, "the filters' view")
    reader.shape(1, "the biases' view")
    _rates(reader)
    if shape[0] != filters or shape[2:] != [rows, columns] or not shape[1]:
        raise reader.error(at, f"{filters} filters of {rows} x {columns}", f"a view of {shape}")
    count = int(np.prod(shape, dtype=object))
    if len(flat) != count + filters:
        raise reader.error(at, f"{count} weights and {filters} biases", f"{len(flat)} numbers")
    return Convolution(flat[:count].reshape(shape), flat[count:], (down, across), padding)


def _affine(reader: _Reader) -> Affine:
    at = reader.at
    flat = reader.tensor("factors and shifts").reshape(-1)
    channels = reader.shape(1, "the factors' view")[1]
    reader.shape(1, "the shifts' view")
    reader.known((0,), "the mode of a layer after a convolution")
    if len(flat) != 2 * channels:
        raise reader.error(at, f"{channels} factors and {channels} shifts", len(flat))
    return Affine(flat[:channels], flat[channels:])


def _pool(reader: _Reader, name: str) -> Pool:
    window = (reader.natural("rows of a window"), reader.natural("columns of a window"))
    stride = (reader.natural("stride down", 1), reader.natural("stride across", 1))
    for side in ("down", "across"):
        reader.known((0,), f"no padding {side} in a pool")
    return Pool(name == "max_pool_2", window, stride)


def _dense(reader: _Reader) -> Dense:
    outputs, inputs = reader.natural("outputs", 1), reader.natural("inputs", 1)
    flat = reader.parameters(inputs * outputs, "a matrix without a bias")
    reader.shape(1, "the matrix' view")
    reader.shape(1, "the biases' view")
    reader.known((1,), "the mode 'without a bias'")
    _rates(reader)
    return Dense(flat.reshape(inputs, outputs))


def _rates(reader: _Reader) -> None:
    for _ in range(4):
        reader.real("a factor of the learning rate or of the decay")


def _layer(reader: _Reader) -> Layer:
    at = reader.at
    name = reader.text("a layer's name")
    match name:
        case "con_4":
            return _convolution(reader)
        case "affine_":
            return _affine(reader)
        case "relu_":
            return Relu()
        case "max_pool_2" | "avg_pool_2":
            return _pool(reader, name)
        case "add_prev_":
            return AddPrevious()
        case "fc_2":
            return _dense(reader)
    known = ("con_4", "affine_", "relu_", *_POOLS, "add_prev_", "fc_2")
    raise reader.error(at, f"a layer, one of {', '.join(known)}", repr(name))


def _state(reader: _Reader) -> None:
    """What the framework keeps beside a layer: three truths, and tensors of a training."""
    for _ in range(3):
        reader.truth("a layer's state")
    for name in ("gradients of inputs", "outputs", "gradients of parameters"):
        reader.tensor(f"a layer's {name}")


def _input(reader: _Reader) -> tuple[tuple[float, float, float], tuple[int, int]]:
    """Skips the versions of the nested types; the name of the input layer ends them."""
    name = "input_rgb_image_sized"
    nested = 0
    while True:
        at = reader.at
        value = reader.natural("the version of a nested layer, or the length of a name", 1, 64)
        if value == len(name):
            break
        if value > 3:
            raise reader.error(at, f"a version 1 to 3, or the name {name!r}", value)
        nested += 1
    at = reader.at
    found = reader.take(len(name), f"the name {name!r}")
    if found != name.encode() or not nested:
        raise reader.error(at, f"the name {name!r}", repr(found))
    red, green, blue = (reader.real(f"the mean of {colour}") for colour in ("red", "green", "blue"))
    rows, columns = (reader.natural(f"{side} of an input", 1, 4096) for side in ("rows", "columns"))
    return (red, green, blue), (rows, columns)


def read_dlib_network(path: str | Path) -> DlibNetwork:
    """Reads a file of dlib's ``loss_metric`` networks.

    Args:
      path: The file, not packed.

    Raises:
      FileNotFoundError: There is no such file.
      DlibFormatError: It is something else; the message names the file, the offset and what was
        expected there.
    """
    reader = _Reader(Path(path))
    reader.known((1,), "the version of a loss layer")
    at = reader.at
    loss = reader.text("the loss layer's name")
    if loss != "loss_metric_2":
        raise reader.error(at, "the name 'loss_metric_2'", repr(loss))
    reader.real("the margin")
    threshold = reader.real("the threshold")
    mean, size = _input(reader)
    layers: list[tuple[int, Layer]] = []
    while not reader.ended:
        at = reader.at
        layers.append((at, _layer(reader)))
        _state(reader)
        if len(layers) == 1:
            # The layer beside the input also says how many samples it makes of one.
            reader.known((1,), "samples an image")
    if not layers:
        raise reader.error(reader.at, "layers", "the end")
    return DlibNetwork(threshold, mean, size, tuple(layers))
