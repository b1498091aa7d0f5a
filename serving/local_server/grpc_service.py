"""The gRPC API, on the servicers that tensorflow-serving-api generates."""

from typing import Any, Final

import grpc
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
)
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
)
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest, ReloadConfigResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceServicer
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceServicer

from serving.local_server.loaded_model import decode_request
from serving.local_server.messages import metadata_message, status_message
from serving.local_server.service import Service
from serving.local_server.status import StatusError, invalid
from serving.local_server.tensors import Signature
from serving.protos import write_array

PREDICTION_SERVICE: Final = "tensorflow.serving.PredictionService"
MODEL_SERVICE: Final = "tensorflow.serving.ModelService"
_STATUS: Final = {code.value[0]: code for code in grpc.StatusCode}
_METADATA_FIELD: Final = "signature_def"


async def _abort(context: "grpc.aio.ServicerContext", error: StatusError) -> Any:
    await context.abort(_STATUS[int(error.code)], error.message)


class PredictionServicer(PredictionServiceServicer):
    """Predict and GetModelMetadata; Classify, Regress and MultiInference are UNIMPLEMENTED.

    Args:
        service: What answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def Predict(
        self, request: PredictRequest, context: "grpc.aio.ServicerContext"
    ) -> PredictResponse:
        """Answers a request for one of the model's signatures."""
        spec = request.model_spec
        try:
            with self._service.counted(spec.name, "GRPC"):
                servable = self._service.manager.resolve(spec.name, *_choice(spec))
                signature = servable.model.signature(spec.signature_name)
                wanted = _output_names(signature, request)
                inputs = decode_request(signature, request)
                outputs = await self._service.predict(servable, signature, inputs)
        except StatusError as error:
            return await _abort(context, error)
        response = PredictResponse()
        response.model_spec.name = servable.name
        response.model_spec.version.value = servable.version
        response.model_spec.signature_name = signature.name
        for name in wanted:
            write_array(outputs[name], response.outputs[name])
        return response

    async def GetModelMetadata(
        self, request: GetModelMetadataRequest, context: "grpc.aio.ServicerContext"
    ) -> GetModelMetadataResponse:
        """Returns the signatures of a model."""
        try:
            if list(request.metadata_field) != [_METADATA_FIELD]:
                raise invalid(f"metadata_field must be [{_METADATA_FIELD!r}]")
            spec = request.model_spec
            return metadata_message(self._service.manager.resolve(spec.name, *_choice(spec)))
        except StatusError as error:
            return await _abort(context, error)


class ModelServicer(ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest.

    Args:
        service: What answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def GetModelStatus(
        self, request: GetModelStatusRequest, context: "grpc.aio.ServicerContext"
    ) -> GetModelStatusResponse:
        """Returns the state of one version of a model, or of all."""
        spec = request.model_spec
        try:
            return status_message(self._service.manager.status(spec.name, *_choice(spec)))
        except StatusError as error:
            return await _abort(context, error)

    async def HandleReloadConfigRequest(
        self, request: ReloadConfigRequest, context: "grpc.aio.ServicerContext"
    ) -> ReloadConfigResponse:
        """Replaces the served models and labels; returns when they are loaded."""
        try:
            if request.config.WhichOneof("config") != "model_config_list":
                raise invalid("only a config with model_config_list can be loaded")
            await self._service.manager.apply(request.config)
            return ReloadConfigResponse()
        except StatusError as error:
            return await _abort(context, error)


def _choice(spec: ModelSpec) -> tuple[int | None, str | None]:
    """Returns the version and the label a request asks for; at most one is given."""
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    label = spec.version_label if choice == "version_label" else None
    return version, label


def _output_names(signature: Signature, request: PredictRequest) -> list[str]:
    names = list(request.output_filter)
    unknown = sorted(set(names) - set(signature.outputs))
    if unknown or len(set(names)) != len(names):
        raise invalid(
            f"output_filter must name distinct outputs of {signature.name!r}: "
            f"{', '.join(sorted(signature.outputs))}"
        )
    return names or sorted(signature.outputs)
