"""Arrays that one step leaves for another in a file, wherever artifacts are."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tfx.dsl.io import fileio

from components.whole_file import write_whole


def write_arrays(path: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes arrays by their names, whole or not at all."""
    content = io.BytesIO()
    # By number, since an attribute may have any name: arr_0 are the names, arr_1 the first of them.
    np.savez(content, np.array(list(arrays)), *arrays.values())
    write_whole(path, content.getvalue())


def read_arrays(path: str) -> dict[str, NDArray[Any]]:
    """Reads what ``write_arrays`` wrote."""
    with fileio.open(path, "rb") as file, np.load(io.BytesIO(file.read())) as arrays:
        return {name: arrays[f"arr_{at}"] for at, name in enumerate(arrays["arr_0"].tolist(), 1)}


def read_array(path: str, name: str) -> NDArray[Any]:
    """Reads one of them, without the others."""
    with fileio.open(path, "rb") as file, np.load(file) as arrays:
        found: NDArray[Any] = arrays[f"arr_{arrays['arr_0'].tolist().index(name) + 1}"]
        return found
