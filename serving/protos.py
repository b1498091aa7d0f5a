"""NumPy arrays to and from ``TensorProto``, without TensorFlow's checks of each value.

``tf.make_tensor_proto`` and ``tf.make_ndarray`` take a fraction of a millisecond for a tensor, as
long as a small model takes for a row.
"""

from functools import cache

import numpy as np
from tensorflow import as_dtype, make_ndarray
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DT_STRING


def write_array(array: np.ndarray, proto: TensorProto) -> None:
    """Writes an array into an empty proto; one of dtype ``object`` holds ``bytes``."""
    text = array.dtype == object
    proto.dtype = DT_STRING if text else _data_type(array.dtype)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if text:
        proto.string_val.extend(array.ravel())
    else:
        proto.tensor_content = array.tobytes()


@cache
def _data_type(dtype: np.dtype) -> int:
    return int(as_dtype(dtype).as_datatype_enum)


def array_from_proto(proto: TensorProto) -> np.ndarray:
    """Returns the array of a proto that a server sent, whichever way it writes its values."""
    if not proto.tensor_content:
        return np.asarray(make_ndarray(proto))
    dtype = as_dtype(proto.dtype).as_numpy_dtype
    shape = [dim.size for dim in proto.tensor_shape.dim]
    return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
