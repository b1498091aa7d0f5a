"""The REST API: TensorFlow Serving's paths, formats and status codes."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable
from functools import partial
from typing import Any, Final, NamedTuple

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from serving.http_limits import BodyTooLarge, BodyTooSlow, read_body
from serving.local_server.json_tensors import encode_outputs, read_request
from serving.local_server.messages import metadata_message, status_message
from serving.local_server.metrics import CONTENT_TYPE
from serving.local_server.service import Service
from serving.local_server.status import HTTP_STATUS, Code, StatusError, invalid

_LOG = logging.getLogger(__name__)
_PATH: Final = re.compile(
    r"/v1/models/(?P<model>[^/:]+)"
    r"(?:/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?P<action>:predict|/metadata)?"
)
# Bytes that are read in a millisecond or two.
_SMALL: Final = 64 * 1024
METRICS_PATH: Final = "/monitoring/prometheus/metrics"


def _with_all_fields(message: Message) -> dict[str, Any]:
    """A message as TensorFlow Serving writes it: fields at their defaults are there, too."""
    # By position: protobuf 3 and protobuf 5 name this parameter differently.
    return MessageToDict(message, True, preserving_proto_field_name=True)


class _Named(NamedTuple):
    """Which model, and which version of it; the newest if neither number nor label is given."""

    model: str
    version: int | None
    label: str | None


def rest_app(service: Service) -> Starlette:
    """Returns the ASGI application.

    Args:
        service: What answers its requests.
    """
    api = _RestApi(service)
    return Starlette(
        routes=[
            Route(METRICS_PATH, api.metrics, methods=["GET"]),
            Route("/{path:path}", api.answer, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ]
    )


class _RestApi:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def metrics(self, request: Request) -> Response:
        return Response(self._service.metrics.text(), media_type=CONTENT_TYPE)

    async def answer(self, request: Request) -> Response:
        try:
            return _json(200, await self._route(request))
        except StatusError as error:
            return _error(HTTP_STATUS[error.code], error.message)
        except BodyTooLarge:
            limit = self._service.limits.max_body_bytes
            return _error(413, f"the body is larger than {limit} bytes; send fewer images at once")
        except BodyTooSlow:
            limit_s = self._service.limits.body_timeout_s
            return _error(408, f"the body did not arrive within {limit_s:g} s")
        except ClientDisconnect:
            return Response(status_code=HTTP_STATUS[Code.CANCELLED])
        except Exception:
            # One request must not take the server down, nor show its insides.
            _LOG.exception("%s %s failed", request.method, request.url.path)
            return _error(500, "the server failed; see its log")

    def _route(self, request: Request) -> Awaitable[Any]:
        """Who answers, with what the path names: a model, and a version or a label of it."""
        match = _PATH.fullmatch(request.url.path)
        if match:
            version = int(match["version"]) if match["version"] else None
            named = _Named(match["model"], version, match["label"])
            if request.method == "POST" and match["action"] == ":predict":
                return self._predict(named, request)
            if request.method == "GET" and match["action"] == "/metadata":
                return self._metadata(named)
            if request.method == "GET" and not match["action"]:
                return self._status(named)
        raise invalid(f"Malformed request: {request.method} {request.url.path[:200]}")

    async def _status(self, named: _Named) -> Any:
        return _with_all_fields(status_message(self._service.manager.status(*named)))

    async def _metadata(self, named: _Named) -> Any:
        servable = self._service.manager.resolve(*named)
        message = metadata_message(servable)
        signatures = SignatureDefMap()
        message.metadata["signature_def"].Unpack(signatures)
        return {
            "model_spec": {
                "name": servable.name,
                "signature_name": "",
                "version": str(servable.version),
            },
            "metadata": {"signature_def": _with_all_fields(signatures)},
        }

    async def _predict(self, named: _Named, request: Request) -> Any:
        limits = self._service.limits
        body = await read_body(request, limits.max_body_bytes, limits.body_timeout_s)
        with self._service.counted(named.model, "REST"):
            servable = self._service.manager.resolve(*named)
            read = partial(read_request, body, servable.model, servable.most_rows)
            # A large body takes a while, and others are answered meanwhile.
            sent = read() if len(body) <= _SMALL else await asyncio.to_thread(read)
            answer = self._service.predict(servable, sent.signature, sent.inputs)
            try:
                outputs = await asyncio.wait_for(answer, limits.request_timeout_s)
            except asyncio.TimeoutError:
                raise StatusError(
                    Code.DEADLINE_EXCEEDED,
                    f"no answer within {limits.request_timeout_s:g} s; try again, or with fewer "
                    "rows",
                ) from None
            return encode_outputs(outputs, sent.by_row)


def _json(status: int, content: Any) -> Response:
    # Like TensorFlow Serving, NaN is written as NaN.
    return Response(json.dumps(content), status_code=status, media_type="application/json")


def _error(status: int, message: str) -> Response:
    return _json(status, {"error": message})
