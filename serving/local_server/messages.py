"""The answers about models that REST and gRPC both give."""

from collections.abc import Iterable

from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse

from serving.local_server.manager import VersionStatus
from serving.local_server.servable import Servable


def status_message(versions: Iterable[VersionStatus]) -> GetModelStatusResponse:
    """Returns the answer of ``ModelService.GetModelStatus``."""
    response = GetModelStatusResponse()
    for version in versions:
        item = response.model_version_status.add(version=version.version, state=version.state)
        item.status.error_code = int(version.code)
        item.status.error_message = version.message
    return response


def metadata_message(servable: Servable) -> GetModelMetadataResponse:
    """Returns the answer of ``PredictionService.GetModelMetadata``: the signatures."""
    response = GetModelMetadataResponse()
    response.model_spec.name = servable.name
    response.model_spec.version.value = servable.version
    signatures = SignatureDefMap()
    for name, definition in servable.model.signature_defs.items():
        signatures.signature_def[name].CopyFrom(definition)
    response.metadata["signature_def"].Pack(signatures)
    return response
