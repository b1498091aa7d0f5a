"""Signatures and tensors: what a model takes, and the tensors of a gRPC request.

A tensor is a NumPy array here; one of strings has dtype ``object`` and holds ``bytes``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from tensorflow import as_dtype, make_ndarray
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from serving.local_server.status import invalid

Tensors = dict[str, np.ndarray]

# The contract's inputs of files are named image, image_a and image_b.
IMAGE_PREFIX: Final = "image"
# A TensorProto may give one value and a shape, and mean that value everywhere. Beyond this many
# elements, that is a way to make a server allocate what its client never sent.
_MAX_REPEATED: Final = 2**20
# NumPy 1 has no more.
_MOST_DIMENSIONS: Final = 32


@dataclass(frozen=True)
class TensorSpec:
    """Name, dtype and shape of a signature's input or output; None in a shape means any."""

    name: str
    dtype: np.dtype
    data_type: int
    shape: tuple[int | None, ...] | None

    @property
    def type_name(self) -> str:
        """TensorFlow's name of the dtype, such as ``string`` or ``float32``."""
        return as_dtype(self.data_type).name


@dataclass(frozen=True)
class Signature:
    """A named function of a model: what goes in and what comes out."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


def signature_from_def(name: str, definition: SignatureDef) -> Signature:
    """Returns the signature that a SavedModel's ``SignatureDef`` describes."""
    return Signature(
        name=name,
        inputs={key: _spec(key, info) for key, info in definition.inputs.items()},
        outputs={key: _spec(key, info) for key, info in definition.outputs.items()},
    )


def _spec(name: str, info: TensorInfo) -> TensorSpec:
    shape = None
    if not info.tensor_shape.unknown_rank:
        shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    return TensorSpec(
        name=name,
        dtype=np.dtype(as_dtype(info.dtype).as_numpy_dtype),
        data_type=info.dtype,
        shape=shape,
    )


def check_inputs(signature: Signature, inputs: Tensors) -> int:
    """Checks names, dtypes and shapes of a request's inputs.

    Args:
        signature: What the inputs are for.
        inputs: The request's tensors.

    Returns:
        The number of rows, the same in every input.

    Raises:
        StatusError: INVALID_ARGUMENT that says what differs from the signature.
    """
    check_names(signature, set(inputs))
    rows: dict[str, int] = {}
    for name, array in inputs.items():
        spec = signature.inputs[name]
        if array.dtype != spec.dtype:
            raise invalid(f"input {name!r} must be {spec.type_name}, not {array.dtype.name}")
        check_shape(spec, array.shape)
        rows[name] = array.shape[0] if array.ndim else 0
    if len(set(rows.values())) != 1:
        raise invalid(f"inputs must have one number of rows, not {rows}")
    return next(iter(rows.values()))


def check_names(signature: Signature, names: set[str]) -> None:
    """Checks that a request names each input of the signature and no other.

    Raises:
        StatusError: INVALID_ARGUMENT with the missing and the unknown names.
    """
    missing = sorted(set(signature.inputs) - names)
    extra = sorted(names - set(signature.inputs))
    if missing or extra:
        raise invalid(
            f"signature {signature.name!r} takes {{{', '.join(sorted(signature.inputs))}}}; "
            f"missing: {{{', '.join(missing)}}}, not known: {{{', '.join(extra)[:200]}}}"
        )


def check_shape(spec: TensorSpec, shape: Sequence[int]) -> None:
    """Checks the shape of an input; those that the model does not define are limited.

    Raises:
        StatusError: INVALID_ARGUMENT with the shape that is wanted.
    """
    if len(shape) > _MOST_DIMENSIONS:
        raise invalid(
            f"input {spec.name!r} has {len(shape)} dimensions, more than {_MOST_DIMENSIONS}"
        )
    if spec.shape is None:
        return
    fits = len(shape) == len(spec.shape) and all(
        want is None or want == have for want, have in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in spec.shape)
        raise invalid(f"input {spec.name!r} must have shape [{wanted}], not {list(shape)}")


def array_from_proto(spec: TensorSpec, proto: TensorProto) -> np.ndarray:
    """Returns the tensor a gRPC request holds for ``spec``.

    Raises:
        StatusError: INVALID_ARGUMENT for another dtype, a shape that is none, or a number of
            values that does not fill the shape.
    """
    if proto.dtype != spec.data_type:
        try:
            sent = as_dtype(proto.dtype).name
        except TypeError:
            sent = f"type {proto.dtype}"
        raise invalid(f"input {spec.name!r} must be {spec.type_name}, not {sent}")
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise invalid(f"input {spec.name!r} has no definite shape; send its size in each dimension")
    check_shape(spec, tuple(sizes))
    elements = math.prod(sizes)
    if spec.dtype == object:
        return _strings_from_proto(spec, proto, sizes)
    if proto.tensor_content:
        if len(proto.tensor_content) != elements * spec.dtype.itemsize:
            raise invalid(
                f"input {spec.name!r} has {len(proto.tensor_content)} bytes of content, not the "
                f"{elements * spec.dtype.itemsize} that its shape {sizes} needs"
            )
        return np.frombuffer(proto.tensor_content, spec.dtype).reshape(sizes)
    if elements > _MAX_REPEATED:
        raise invalid(f"input {spec.name!r} of shape {sizes}: send it as tensor_content")
    try:
        return make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"input {spec.name!r} does not fill its shape {sizes}") from error


def _strings_from_proto(spec: TensorSpec, proto: TensorProto, sizes: list[int]) -> np.ndarray:
    if len(proto.string_val) != math.prod(sizes):
        raise invalid(
            f"input {spec.name!r} of shape {sizes} has {len(proto.string_val)} values, not "
            f"{math.prod(sizes)}"
        )
    return object_array(list(proto.string_val), sizes)


def object_array(values: list[bytes], shape: list[int]) -> np.ndarray:
    """Returns a tensor of strings."""
    # np.array would look into the values and guess a fixed-width dtype, which cuts trailing zeros.
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)
