"""gRPC: the stubs of tensorflow-serving-api, which import TensorFlow (some ten seconds)."""

from typing import Final

import grpc
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from serving.client.calls import Call, Tensors, VersionState
from serving.client.endpoint import Endpoint
from serving.client.errors import AuthenticationError, ServingError, error_for
from serving.protos import array_from_proto, write_array

_OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # The client retries by itself and must not be kept waiting by a channel that does too.
    ("grpc.enable_retries", 0),
    # A server that starts is seen within a second; by default it takes up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class GrpcTransport:
    """Calls a server over gRPC. Calls may come from several threads.

    Args:
        endpoint: Whom to call.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._metadata = _metadata(endpoint)
        credentials = _credentials(endpoint)
        self._channel = (
            grpc.secure_channel(endpoint.target, credentials, _options(endpoint))
            if credentials
            else grpc.insecure_channel(endpoint.target, _options(endpoint))
        )
        self._predict = PredictionServiceStub(self._channel).Predict
        self._status = ModelServiceStub(self._channel).GetModelStatus

    def predict(self, call: Call, timeout_s: float) -> Tensors:
        """Returns the outputs of a call.

        Raises:
            ServingError: What went wrong.
        """
        request = _request(self._endpoint, call)
        try:
            response = self._predict(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _error(self._endpoint, error) from error
        return _outputs(self._endpoint, response)

    def status(self, timeout_s: float) -> list[VersionState]:
        """Returns the model's versions on the server."""
        request = GetModelStatusRequest(model_spec=_spec(self._endpoint))
        try:
            response = self._status(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _error(self._endpoint, error) from error
        return _states(self._endpoint, response)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()


class AsyncGrpcTransport:
    """``GrpcTransport`` with coroutines. Belongs to the event loop it is made on."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._metadata = _metadata(endpoint)
        credentials = _credentials(endpoint)
        self._channel = (
            grpc.aio.secure_channel(endpoint.target, credentials, _options(endpoint))
            if credentials
            else grpc.aio.insecure_channel(endpoint.target, _options(endpoint))
        )
        self._predict = PredictionServiceStub(self._channel).Predict
        self._status = ModelServiceStub(self._channel).GetModelStatus

    async def predict(self, call: Call, timeout_s: float) -> Tensors:
        """Returns the outputs of a call.

        Raises:
            ServingError: What went wrong.
        """
        request = _request(self._endpoint, call)
        try:
            response = await self._predict(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _error(self._endpoint, error) from error
        return _outputs(self._endpoint, response)

    async def status(self, timeout_s: float) -> list[VersionState]:
        """Returns the model's versions on the server."""
        request = GetModelStatusRequest(model_spec=_spec(self._endpoint))
        try:
            response = await self._status(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _error(self._endpoint, error) from error
        return _states(self._endpoint, response)

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()


def _options(endpoint: Endpoint) -> tuple[tuple[str, int], ...]:
    # No proxy stands between this machine and itself.
    return (*_OPTIONS, ("grpc.enable_http_proxy", 0)) if endpoint.is_local else _OPTIONS


def _credentials(endpoint: Endpoint) -> grpc.ChannelCredentials | None:
    if not endpoint.is_encrypted:
        return None
    roots = endpoint.ca_file.read_bytes() if endpoint.ca_file else None
    return grpc.ssl_channel_credentials(roots)


def _metadata(endpoint: Endpoint) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {endpoint.token}"),) if endpoint.token else ()


def _spec(endpoint: Endpoint) -> ModelSpec:
    spec = ModelSpec(name=endpoint.model)
    if endpoint.version is not None:
        spec.version.value = endpoint.version
    elif endpoint.label is not None:
        spec.version_label = endpoint.label
    return spec


def _request(endpoint: Endpoint, call: Call) -> PredictRequest:
    request = PredictRequest(model_spec=_spec(endpoint))
    request.model_spec.signature_name = call.signature
    for name, array in call.inputs.items():
        write_array(array, request.inputs[name])
    return request


def _outputs(endpoint: Endpoint, response: PredictResponse | None) -> Tensors:
    if response is None:
        raise _ended(endpoint)
    return {name: array_from_proto(proto) for name, proto in response.outputs.items()}


def _states(endpoint: Endpoint, response: GetModelStatusResponse | None) -> list[VersionState]:
    if response is None:
        raise _ended(endpoint)
    return [
        VersionState(
            one.version,
            ModelVersionStatus.State.Name(one.state),
            one.status.error_message,
        )
        for one in response.model_version_status
    ]


def _ended(endpoint: Endpoint) -> ServingError:
    # gRPC gives None for a response when the deadline passes between its status and its message.
    return error_for(endpoint.url, "DEADLINE_EXCEEDED", "the call ended before its answer was read")


def _error(endpoint: Endpoint, error: grpc.RpcError) -> ServingError:
    code, details = error.code().name, str(error.details())[:500]
    if code == "UNAVAILABLE" and ("CERTIFICATE" in details or "SSL_ERROR" in details):
        return AuthenticationError(endpoint.url, "UNAUTHENTICATED", details)
    return error_for(endpoint.url, code, details)
