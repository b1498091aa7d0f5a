"""TensorFlow Serving's JSON: from a request's body to tensors, and from tensors to an answer."""

import base64
import binascii
import json
import math
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np

from serving.local_server.loaded_model import LoadedModel
from serving.local_server.status import Code, StatusError, invalid
from serving.local_server.tensors import (
    IMAGE_PREFIX,
    Signature,
    Tensors,
    TensorSpec,
    check_names,
    check_shape,
    object_array,
)

# TensorFlow Serving writes string outputs with this suffix as base64, all others as text.
_BYTES_SUFFIX: Final = "_bytes"
# Commas beside those between values: between names, in a signature's name.
_MOST_KEYS: Final = 1000


class Sent(NamedTuple):
    """What a client asks.

    Attributes:
        signature: Of the model.
        inputs: A tensor for each of its inputs.
        by_row: Whether they came row by row, and the answer goes so.
    """

    signature: Signature
    inputs: Tensors
    by_row: bool


def read_request(body: bytes, model: LoadedModel, most_rows: int) -> Sent:
    """Reads the body of a request. What is too large is refused before anything is made of it.

    Args:
        body: JSON, in the row or in the columnar format.
        model: Whom it is for.
        most_rows: How many rows may wait there.

    Raises:
        StatusError: INVALID_ARGUMENT for what is not in the format or does not fit the signature;
            RESOURCE_EXHAUSTED for more rows; FAILED_PRECONDITION for a signature that is not there.
    """
    most = most_values(model.signatures.values(), most_rows)
    # As many as there are in JSON, or some more; a file in base64 has none.
    if most is not None and body.count(b",") > most:
        raise _too_many(f"the body has more than the {most} values of {most_rows} rows")
    content = _parsed(body)
    signature = model.signature(content.get("signature_name", ""))
    return Sent(signature, decode_inputs(signature, content, most_rows), "instances" in content)


def most_values(signatures: Iterable[Signature], rows: int) -> int | None:
    """Returns how many commas so many rows of any signature take in JSON; None if any number."""
    most = 0
    for signature in signatures:
        values = 0
        for name, spec in signature.inputs.items():
            sizes = None if spec.shape is None else spec.shape[1:]
            text = spec.dtype == object and not name.startswith(IMAGE_PREFIX)
            if sizes is None or None in sizes or text:
                return None
            values += math.prod(size for size in sizes if size is not None)
        most = max(most, values)
    return rows * most + _MOST_KEYS


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {str(error)[:200]}") from None
    if not isinstance(content, dict):
        raise invalid("the body must be a JSON object with 'instances' or 'inputs'")
    if ("instances" in content) == ("inputs" in content):
        raise invalid("the body must have either 'instances' (rows) or 'inputs' (columns)")
    if not isinstance(content.get("signature_name", ""), str):
        raise invalid("'signature_name' must be a string")
    return content


def decode_inputs(signature: Signature, content: dict[str, Any], most_rows: int) -> Tensors:
    """Returns the tensors of a parsed body.

    Raises:
        StatusError: As ``read_request``.
    """
    if "instances" in content:
        columns = _columns(signature, content["instances"])
    else:
        columns = content["inputs"]
        if not isinstance(columns, dict) or _is_value(columns):
            columns = {_only_input(signature): columns}
    check_names(signature, set(columns))
    for name, column in columns.items():
        if isinstance(column, list) and len(column) > most_rows:
            raise _too_many(f"input {name!r} has {len(column)} rows, and {most_rows} may wait")
    return {name: array_from_json(signature.inputs[name], value) for name, value in columns.items()}


def _too_many(message: str) -> StatusError:
    return StatusError(Code.RESOURCE_EXHAUSTED, f"{message}; send fewer at once")


def _columns(signature: Signature, rows: Any) -> dict[str, list[Any]]:
    if not isinstance(rows, list) or not rows:
        raise invalid("'instances' must be a list with at least one element")
    if not isinstance(rows[0], dict) or _is_value(rows[0]):
        return {_only_input(signature): rows}
    columns: dict[str, list[Any]] = {name: [] for name in rows[0]}
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or set(row) != set(columns):
            raise invalid(f"'instances'[{index}] must be an object with the keys of the first one")
        for name, value in row.items():
            columns[name].append(value)
    return columns


def _only_input(signature: Signature) -> str:
    if len(signature.inputs) != 1:
        raise invalid(
            f"signature {signature.name!r} has several inputs; name them: "
            f"{', '.join(sorted(signature.inputs))}"
        )
    return next(iter(signature.inputs))


def _is_value(item: dict[str, Any]) -> bool:
    return set(item) == {"b64"}


def encode_outputs(outputs: Tensors, by_row: bool) -> dict[str, Any]:
    """Returns the answer in the format of the request; a single output goes without its name."""
    columns = {name: json_from_array(name, array) for name, array in outputs.items()}
    if len(columns) == 1:
        return {"predictions" if by_row else "outputs": next(iter(columns.values()))}
    if not by_row:
        return {"outputs": columns}
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(names, row, strict=True)) for row in rows]}


def array_from_json(spec: TensorSpec, value: Any) -> np.ndarray:
    """Returns the tensor that nested JSON lists, or a single value, hold for ``spec``.

    Strings are taken as text, ``{"b64": "..."}`` as the bytes it encodes.

    Raises:
        StatusError: INVALID_ARGUMENT for another shape, ragged lists, a value of another type, a
            number that is too large for the dtype, or text that is not base64.
    """
    shape: list[int] = []
    probe = value
    while isinstance(probe, list):
        shape.append(len(probe))
        if not probe:
            break
        probe = probe[0]
    check_shape(spec, shape)
    flat: list[Any] = []
    _flatten(spec, value, shape, 0, flat)
    if spec.dtype == object:
        return object_array(flat, shape)
    try:
        wide = np.array(flat, dtype=np.float64 if spec.dtype.kind == "f" else None)
        with np.errstate(over="ignore"):
            array = wide.astype(spec.dtype)
    except OverflowError:
        raise _too_large(spec) from None
    # A float too large becomes infinite; an integer too large wraps.
    floats = spec.dtype.kind == "f"
    kept = np.isfinite(array) == np.isfinite(wide) if floats else array == wide
    if not kept.all():
        raise _too_large(spec)
    return array.reshape(shape)


def _too_large(spec: TensorSpec) -> StatusError:
    return invalid(f"input {spec.name!r} holds a number too large for {spec.type_name}")


def _flatten(spec: TensorSpec, value: Any, shape: list[int], level: int, flat: list[Any]) -> None:
    if level < len(shape):
        if not isinstance(value, list) or len(value) != shape[level]:
            raise invalid(f"input {spec.name!r} is ragged; each list at a level has one length")
        for item in value:
            _flatten(spec, item, shape, level + 1, flat)
        return
    flat.append(_scalar(spec, value))


def _scalar(spec: TensorSpec, value: Any) -> Any:
    kind = spec.dtype.kind
    if kind == "O" and isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            raise invalid(f"input {spec.name!r} holds text that is not Unicode") from None
    if kind == "O" and isinstance(value, dict):
        return _from_base64(spec, value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "f" and number:
        return value
    if kind in "iu" and number and isinstance(value, int):
        return value
    if kind == "b" and isinstance(value, bool):
        return value
    raise invalid(
        f"input {spec.name!r} must hold {spec.type_name} values, not {type(value).__name__}"
    )


def _from_base64(spec: TensorSpec, value: dict[str, Any]) -> bytes:
    text = value.get("b64")
    if len(value) != 1 or not isinstance(text, str):
        raise invalid(f'input {spec.name!r}: an object must be {{"b64": "<base64 text>"}}')
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"input {spec.name!r}: the b64 value is not base64") from None


def json_from_array(name: str, array: np.ndarray) -> Any:
    """Returns an output tensor as nested lists; bytes as ``{"b64": ...}`` when so named."""
    if array.dtype != object:
        return array.tolist()
    if array.ndim == 0:
        content: bytes = array.item()
        if name.endswith(_BYTES_SUFFIX):
            return {"b64": base64.b64encode(content).decode()}
        return content.decode(errors="replace")
    return [json_from_array(name, np.asarray(item, dtype=object)) for item in array]
