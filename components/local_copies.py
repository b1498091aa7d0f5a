"""Artifacts at addresses as folders of this machine, for what opens plain paths.

TFX's own components, and Beam's workers, read and write addresses as they are. What maps files into
memory, starts a server or draws pictures wants a folder: it gets a copy, and what it leaves is
copied to where it belongs.
"""

import functools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from components.storage import is_address

if TYPE_CHECKING:
    from tfx import types


# Names the folder for copies, which outlive a process that is killed; without, the system's own.
SCRATCH_VARIABLE: Final = "FACEAUTH_SCRATCH"

_Artifacts = Mapping[str, Sequence["types.Artifact"]]
_Do = Callable[[Any, Any, Any, dict[str, Any]], None]


@contextmanager
def local_copies(inputs: _Artifacts, outputs: _Artifacts) -> Iterator[None]:
    """While it lasts, the artifacts of an execution lie on this machine.

    Their ``uri`` is changed meanwhile. Outputs are copied to their addresses at the end; if the
    block fails, they are not.

    Args:
      inputs: Artifacts that are read.
      outputs: Artifacts that are written; their folders are there.

    Raises:
      FileNotFoundError: An input is not there.
    """
    read, written = _elsewhere(inputs), _elsewhere(outputs)
    if not read and not written:
        yield
        return
    from tfx.utils import io_utils

    with _scratch() as scratch:
        try:
            for artifact, address in read:
                artifact.uri = _copied(address, scratch)
            for artifact, address in written:
                artifact.uri = _place(scratch, address)
                os.makedirs(artifact.uri)
            yield
            for artifact, address in written:
                io_utils.copy_dir(artifact.uri, address)
        finally:
            for artifact, address in (*read, *written):
                artifact.uri = address


def with_local_copies(do: _Do) -> _Do:
    """An executor's ``Do`` under ``local_copies``."""

    @functools.wraps(do)
    def on_copies(
        executor: Any,
        input_dict: _Artifacts,
        output_dict: _Artifacts,
        exec_properties: dict[str, Any],
    ) -> None:
        with local_copies(input_dict, output_dict):
            do(executor, input_dict, output_dict, exec_properties)

    return on_copies


@contextmanager
def local_folder(folder: str) -> Iterator[str]:
    """A folder, or for an address, a copy of what is there, while it lasts.

    Raises:
      FileNotFoundError: There is nothing at the address.
    """
    if not is_address(folder):
        yield folder
        return
    with _scratch() as scratch:
        yield _copied(folder, scratch)


def _scratch() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(dir=os.environ.get(SCRATCH_VARIABLE))


def _copied(address: str, scratch: str) -> str:
    from tfx.dsl.io import fileio
    from tfx.utils import io_utils

    if not fileio.exists(address):
        raise FileNotFoundError(
            f"{address} is not there; run the pipeline again, which makes it anew"
        )
    copy = _place(scratch, address)
    io_utils.copy_dir(address, copy)
    return copy


def _elsewhere(artifacts: _Artifacts) -> "list[tuple[types.Artifact, str]]":
    return [
        (each, each.uri) for found in artifacts.values() for each in found if is_address(each.uri)
    ]


def _place(scratch: str, address: str) -> str:
    # The same below another root, so that messages tell which artifact they are about.
    return os.path.join(scratch, *address.partition("://")[2].split("/"))
