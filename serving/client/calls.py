"""The model's contract as a client sees it: what is sent, what comes back, in which types.

Nothing here talks to a network; REST and gRPC, sync and async share it.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike

from faces.record import canvas_from_text
from serving.client.errors import ContractError, NotFoundError, ServingError
from serving.client.search_space import SearchSpace
from serving.served_photos import note_photos

if TYPE_CHECKING:
    from faces.canvas import FaceCanvas

ImageSource = bytes | str | os.PathLike[str]
Tensors = dict[str, np.ndarray]

AVAILABLE: Final = "AVAILABLE"
# What is sent at once stays below a server's limit on a message, also in base64, and below how many
# rows may wait there.
_IMAGE_ROWS: Final = 32
_IMAGE_BYTES: Final = 32 * 2**20
_ROWS: Final = 256
# A picture of one pixel: where nothing is looked at, servers still want a photo.
_PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b5500"
    "00000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)
_OUTPUTS: Final = {
    "embed": ("embedding",),
    "compare": ("distance", "score", "same"),
    "serving_default": ("distance", "score", "same"),
    "operating_point": ("distance", "score", "fmr", "decision_fmr"),
    "search_space": ("unit_length", "mean", "weight"),
    "canvas": ("canvas", "network"),
}
# What servers say of a signature that a model does not have.
_NO_SIGNATURE: Final = re.compile(r"signature .*not found", re.IGNORECASE)


@dataclass(frozen=True)
class Comparison:
    """What the model says of two faces.

    Args:
        distance: 0 or more; smaller is more alike.
        score: 0 to 1; higher is more alike. At least 0.5 exactly when ``same``.
        same: The calibrated decision: one person.
    """

    distance: float
    score: float
    same: bool


@dataclass(frozen=True)
class OperatingPoint:
    """Up to where to take two faces for one person, so that strangers are seldom mistaken.

    Args:
        distance: The largest distance to accept.
        score: Its score.
        fmr: How often strangers are mistaken then, at most, by the pairs that the model was decided
            on: what was asked for, or the least that they can show; 1 where nothing is known.
        decision_fmr: The same, at the model's own threshold.
    """

    distance: float
    score: float
    fmr: float
    decision_fmr: float


@dataclass(frozen=True)
class VersionState:
    """A version of the model on the server, and whether it answers.

    Args:
        version: Its number.
        state: ``AVAILABLE``, or what else it is: ``LOADING``, ``UNLOADING``, ``END``.
        message: Why it is not available, if the server says so.
    """

    version: int
    state: str
    message: str = ""


@dataclass(frozen=True)
class Call:
    """One request: a signature and its inputs, all with one number of rows."""

    signature: str
    inputs: Tensors
    rows: int

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what comes back."""
        return _OUTPUTS[self.signature]


def embed_calls(images: Sequence[ImageSource]) -> Iterator[Call]:
    """Yields the calls that embed ``images``, in order."""
    for (content,) in _photos(images):
        yield Call("embed", {"image": content}, len(content))


def verify_calls(a: Sequence[ImageSource], b: Sequence[ImageSource]) -> Iterator[Call]:
    """Yields the calls that verify ``a[i]`` against ``b[i]``, in order.

    Raises:
        ValueError: There are not as many in ``b`` as in ``a``.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} images against {len(b)}; give as many on either side")
    for first, second in _photos(a, b):
        yield Call("serving_default", {"image_a": first, "image_b": second}, len(first))


def compare_calls(a: ArrayLike, b: ArrayLike) -> Iterator[Call]:
    """Yields the calls that compare the embeddings ``a[i]`` and ``b[i]``, in order.

    Args:
        a: float [N, D], or [D] for one.
        b: The same shape.

    Raises:
        ValueError: They are not of one such shape, or hold NaN or infinity.
    """
    first = np.atleast_2d(np.asarray(a, np.float32))
    second = np.atleast_2d(np.asarray(b, np.float32))
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(
            f"embeddings of shapes {first.shape} and {second.shape}; both must be [N, D]"
        )
    for side in (first, second):
        broken = np.flatnonzero(~np.isfinite(side).all(axis=1))
        if broken.size:
            raise ValueError(f"embedding {broken[0]} holds NaN or infinity; embed the image again")
    for part in _parts(len(first), _ROWS):
        inputs = {"embedding_a": first[part], "embedding_b": second[part]}
        yield Call("compare", inputs, len(inputs["embedding_a"]))


def operating_point_call(max_fmr: float) -> Call:
    """Returns the call for the operating point with a false match rate of at most ``max_fmr``."""
    return Call("operating_point", {"max_fmr": np.array([max_fmr], np.float32)}, 1)


def search_space_calls(size: int) -> list[Call]:
    """Returns the calls for the search space of embeddings of ``size`` numbers."""
    dimensions = np.arange(size, dtype=np.int64)
    parts = [dimensions[part] for part in _parts(size, _ROWS)]
    return [Call("search_space", {"dimension": part}, len(part)) for part in parts]


def lacks_signature(error: ServingError) -> bool:
    """Tells whether a call was refused because the model has no such signature."""
    return _NO_SIGNATURE.search(error.message) is not None


def operating_point(endpoint: str, call: Call, outputs: Tensors) -> OperatingPoint:
    """Returns the checked operating point of an answer.

    Raises:
        ContractError: The answer does not hold it.
    """
    columns = [_output(endpoint, call, outputs, name, 1) for name in call.outputs]
    return OperatingPoint(*(float(column[0]) for column in columns))


def search_space(endpoint: str, calls: Sequence[Call], answers: Sequence[Tensors]) -> SearchSpace:
    """Returns the checked search space of the answers to all calls.

    Raises:
        ContractError: An answer does not hold it.
    """

    def joined(name: str, rank: int) -> np.ndarray:
        parts = zip(calls, answers, strict=True)
        return np.concatenate([_output(endpoint, *part, name, rank) for part in parts])

    unit_length, mean, weight = (joined(name, 1) for name in _OUTPUTS["search_space"])
    has_matrix = any("matrix" in outputs for outputs in answers)
    return SearchSpace(
        unit_length=bool(np.all(unit_length)),
        mean=np.asarray(mean, np.float32) if np.any(mean) else None,
        matrix=np.asarray(joined("matrix", 2), np.float32) if has_matrix else None,
        weight=np.asarray(weight, np.float32),
    )


def canvas_call() -> Call:
    """The call that asks how the model wants its faces."""
    return Call("canvas", {"image": np.array([_PIXEL], object)}, 1)


def canvas(endpoint: str, call: Call, outputs: Tensors) -> "FaceCanvas | None":
    """Returns the checked record of an answer; None of a model that takes photos as they are.

    Raises:
        ContractError: The answer does not hold one.
    """
    [text] = _output(endpoint, call, outputs, "canvas", 1).tolist()
    try:
        return canvas_from_text(text.decode() if isinstance(text, bytes) else str(text))
    except ValueError as error:
        message = f"signature 'canvas' answered with something else: {str(error)[:200]}"
        raise ContractError(endpoint, "INTERNAL", message) from error


def network(endpoint: str, call: Call, outputs: Tensors) -> str | None:
    """Returns what tells a model's embeddings from another's; None of one that does not say.

    Raises:
        ContractError: The answer holds something else.
    """
    if "network" not in outputs:
        return None
    [text] = _output(endpoint, call, outputs, "network", 1).tolist()
    said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    if said and not re.fullmatch("[0-9a-f]{64}", said):
        message = f"signature 'canvas' answered with the network {said[:80]!r}"
        raise ContractError(endpoint, "INTERNAL", message)
    return said or None


def embeddings(endpoint: str, call: Call, outputs: Tensors) -> np.ndarray:
    """Returns the checked embeddings of an answer, float32 [N, D].

    Raises:
        ContractError: The answer holds none.
    """
    array = _output(endpoint, call, outputs, "embedding", 2)
    return np.asarray(array, np.float32)


def comparisons(endpoint: str, call: Call, outputs: Tensors) -> list[Comparison]:
    """Returns the checked comparisons of an answer.

    Raises:
        ContractError: The answer does not hold them.
    """
    columns = [_output(endpoint, call, outputs, name, 1) for name in call.outputs]
    if not all(np.isfinite(column).all() for column in columns):
        message = f"signature {call.signature!r} answered with a score that is no number"
        raise ContractError(endpoint, "INTERNAL", message)
    return [
        Comparison(float(distance), float(score), bool(same))
        for distance, score, same in zip(*columns, strict=True)
    ]


def answering_version(endpoint: str, versions: Sequence[VersionState]) -> int:
    """Returns which of the versions answers a request that names none: the newest available.

    Raises:
        NotFoundError: None is available.
    """
    available = [one.version for one in versions if one.state == AVAILABLE]
    if not available:
        states = ", ".join(f"{one.version} {one.state}" for one in versions)
        raise NotFoundError(endpoint, "NOT_FOUND", f"no version is available: {states or 'none'}")
    return max(available)


def _output(endpoint: str, call: Call, outputs: Tensors, name: str, rank: int) -> np.ndarray:
    array = outputs.get(name)
    if array is None or array.ndim != rank or len(array) != call.rows:
        have = "nothing" if array is None else f"shape {list(array.shape)}"
        raise ContractError(
            endpoint,
            "INTERNAL",
            f"signature {call.signature!r} answered {call.rows} rows with {have} for {name!r}",
        )
    return array


def _photos(*sides: Sequence[ImageSource]) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields what goes at once: the photos of each side, objects of bytes ``[rows]``."""
    rows: list[list[bytes]] = []
    held = 0
    for row in zip(*sides, strict=True):
        photos = [one if isinstance(one, bytes) else Path(one).read_bytes() for one in row]
        size = sum(map(len, photos))
        if rows and (len(rows) == _IMAGE_ROWS or held + size > _IMAGE_BYTES):
            yield _sides(rows)
            rows, held = [], 0
        rows.append(photos)
        held += size
    if rows:
        yield _sides(rows)


def _sides(rows: list[list[bytes]]) -> tuple[np.ndarray, ...]:
    note_photos(photo for row in rows for photo in row)
    return tuple(np.array(side, object) for side in zip(*rows, strict=True))


def _parts(total: int, size: int) -> Iterator[slice]:
    for begin in range(0, total, size):
        yield slice(begin, begin + size)
