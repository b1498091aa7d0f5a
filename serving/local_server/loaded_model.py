"""A SavedModel in memory: its signatures, its warm-up, and calls of it."""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.local_server.status import Code, StatusError, invalid
from serving.local_server.tensors import (
    Signature,
    Tensors,
    array_from_proto,
    check_inputs,
    signature_from_def,
)
from serving.manifest import verify_manifest

_LOG = logging.getLogger(__name__)

DEFAULT_SIGNATURE: Final = "serving_default"
WARMUP_FILE: Final = Path("assets.extra", "tf_serving_warmup_requests")
_SERVE: Final = "serve"
_LOG = logging.getLogger(__name__)
# TensorFlow adds the node and the function to a message; they tell a client nothing.
_GRAPH_DETAILS: Final = re.compile(r"\s*\[\[\{\{node .*|\s*\[Op:.*", re.DOTALL)


class LoadedModel:
    """One version of a model, loaded and warmed up. Calls may come from several threads.

    Args:
        path: The version folder, which holds ``saved_model.pb``.

    Raises:
        OSError: There is no readable SavedModel in ``path``.
        ManifestError: It is not what was pushed.
        ValueError: It has no signature to serve, or a warm-up request fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not verify_manifest(path):
            _LOG.info("%s has no manifest: whether it is what was pushed is not known", path)
        self.signature_defs: dict[str, SignatureDef] = _signature_defs(path)
        self.signatures: dict[str, Signature] = {
            name: signature_from_def(name, definition)
            for name, definition in self.signature_defs.items()
            if definition.outputs and not name.startswith("__")
        }
        if not self.signatures:
            raise ValueError(f"{path} has no signature; export it with signatures={{...}}")
        # The functions hold no reference to the model's variables, so the model is kept too.
        self._model: Any = tf.saved_model.load(str(path))
        self._functions: Mapping[str, Any] = self._model.signatures
        self._warm_up()

    def signature(self, name: str) -> Signature:
        """Returns the signature of this name, or ``serving_default`` for an empty name.

        Raises:
            StatusError: FAILED_PRECONDITION when the model has none of that name.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise StatusError(
                Code.FAILED_PRECONDITION,
                f'Serving signature key "{name[:100]}" not found. The model has: '
                f"{', '.join(sorted(self.signatures))}",
            )
        return self.signatures[name]

    def run(self, signature: Signature, inputs: Tensors) -> Tensors:
        """Calls the model.

        Args:
            signature: One of this model's signatures.
            inputs: A tensor for each of its inputs; see ``check_inputs``.

        Returns:
            A tensor for each of its outputs.

        Raises:
            StatusError: What TensorFlow says, by its code: INVALID_ARGUMENT for a damaged image.
        """
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        try:
            outputs = self._functions[signature.name](**tensors)
        except tf.errors.OpError as error:
            message = _GRAPH_DETAILS.sub("", error.message)[:500]
            raise StatusError(Code(error.error_code), message) from error
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def _warm_up(self) -> None:
        """Runs the warm-up requests that the SavedModel carries."""
        for count, request in enumerate(read_warmup(self.path)):
            try:
                signature = self.signature(request.model_spec.signature_name)
                inputs = decode_request(signature, request)
                check_inputs(signature, inputs)
                self.run(signature, inputs)
            except StatusError as error:
                raise ValueError(
                    f"warm-up request {count} in {self.path / WARMUP_FILE} fails: {error}"
                ) from error


def decode_request(signature: Signature, request: PredictRequest) -> Tensors:
    """Returns the inputs of a gRPC request; ``check_inputs`` says whether they are complete.

    Raises:
        StatusError: INVALID_ARGUMENT for an input that the signature does not have, or that does
            not fit it.
    """
    unknown = sorted(set(request.inputs) - set(signature.inputs))
    if unknown:
        raise invalid(
            f"signature {signature.name!r} has no input {unknown[0][:100]!r}; it takes "
            f"{', '.join(sorted(signature.inputs))}"
        )
    return {
        name: array_from_proto(signature.inputs[name], proto)
        for name, proto in request.inputs.items()
    }


def read_warmup(path: Path) -> Iterator[PredictRequest]:
    """Yields the Predict requests in a version folder's warm-up file; none if there is no file.

    Raises:
        OSError: The file is damaged.
    """
    file = path / WARMUP_FILE
    if not file.exists():
        return
    try:
        # All at once: an iterator that lives while the model runs can take as long again to delete.
        records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    except tf.errors.DataLossError as error:
        raise OSError(f"{file} is damaged: {error.message}; write it anew") from error
    for record in records:
        log = PredictionLog.FromString(record)
        if log.HasField("predict_log"):
            yield log.predict_log.request


def _signature_defs(path: Path) -> dict[str, SignatureDef]:
    content = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for graph in content.meta_graphs:
        if _SERVE in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise ValueError(f"{path}/saved_model.pb has no graph tagged {_SERVE!r}; export it again")
