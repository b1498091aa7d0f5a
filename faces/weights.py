"""Reads the weights of MTCNN's three networks from the files of the ``mtcnn`` distribution.

Zhang, Zhang, Li, Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE Signal Processing Letters 23(10), 2016. The distribution ``mtcnn`` 1.0.0 on PyPI
(MIT licence, Iván de Paz Centeno) carries the trained weights. Its code is not imported and its
pickles are not loaded: the arrays lie as raw little-endian float32 behind the headers, so walking
over the headers without executing them is enough.
"""

import functools
import hashlib
import io
import math
import pickletools
from importlib import metadata
from typing import Final

import numpy as np

# Names what the weights are, in the record that a model carries.
VERSION: Final = "mtcnn-1.0.0"
_DISTRIBUTION: Final = "mtcnn"
_FOLDER: Final = "mtcnn/assets/weights"
_SHA256: Final = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}


@functools.cache
def read_weights(network: str) -> tuple[np.ndarray, ...]:
    """The arrays of one network, in the order of its layers.

    A convolution is kernel (float32 [height, width, in, out]), bias and PReLU slope; a dense layer
    kernel (float32 [in, out]), bias and, if it is not the last, slope.

    Args:
        network: ``pnet``, ``rnet`` or ``onet``.

    Raises:
        RuntimeError: The distribution is not installed, or its file is not the one known here.
    """
    import lz4.frame

    name = f"{_FOLDER}/{network}.lz4"
    try:
        content = metadata.distribution(_DISTRIBUTION).locate_file(name).read_bytes()  # type: ignore[attr-defined]
    except (metadata.PackageNotFoundError, OSError) as error:
        raise RuntimeError(
            f"the face finder's weights, {name}, cannot be read ({error}); pip install mtcnn==1.0.0"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != _SHA256[network]:
        raise RuntimeError(
            f"{name} has the SHA-256 {digest} instead of {_SHA256[network]}; "
            "pip install --force-reinstall mtcnn==1.0.0"
        )
    return tuple(_arrays(lz4.frame.decompress(content)))


def _arrays(content: bytes) -> list[np.ndarray]:
    """The arrays of a list that joblib wrote, without unpickling it.

    Behind the opcodes that describe an array come one byte, as many bytes of padding as it says,
    and the array's own bytes; then the opcodes go on.
    """
    stream = io.BytesIO(content)
    arrays = []
    numbers: list[int] = []
    shape: tuple[int, ...] | None = None
    before = ""
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "MARK":
            numbers = []
        elif opcode.name.startswith("BININT") and argument is not None:
            numbers.append(argument)
        elif opcode.name.startswith("TUPLE"):
            # The first tuple of an array's description is its shape.
            shape = shape or tuple(numbers)
            numbers = []
        elif opcode.name == "BUILD" and before == "SETITEMS" and shape is not None:
            stream.read(stream.read(1)[0])
            data = stream.read(4 * math.prod(shape))
            arrays.append(np.frombuffer(data, "<f4").reshape(shape))
            shape = None
        before = opcode.name
    return arrays
