"""The REST API: TensorFlow Serving's paths, formats and status codes."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from serving.local_server.messages import metadata_message, status_message
from serving.local_server.metrics import CONTENT_TYPE
from serving.local_server.service import Service
from serving.local_server.status import HTTP_STATUS, Code, StatusError, invalid
from serving.local_server.tensors import (
    Signature,
    Tensors,
    array_from_json,
    check_names,
    json_from_array,
)

_LOG = logging.getLogger(__name__)
_PATH: Final = re.compile(
    r"/v1/models/(?P<model>[^/:]+)"
    r"(?:/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?P<action>:predict|/metadata)?"
)
METRICS_PATH: Final = "/monitoring/prometheus/metrics"


def _with_all_fields(message: Message) -> dict[str, Any]:
    """A message as TensorFlow Serving writes it: fields at their defaults are there, too."""
    # By position: protobuf 3 and protobuf 5 name this parameter differently.
    return MessageToDict(message, True, preserving_proto_field_name=True)


class _TooLarge(Exception):
    """The body passes the limit."""


class _TooSlow(Exception):
    """The body did not arrive in time."""


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
            return _json(200, await self._route(request)(request))
        except StatusError as error:
            return _error(HTTP_STATUS[error.code], error.message)
        except _TooLarge:
            limit = self._service.limits.max_body_bytes
            return _error(413, f"the body is larger than {limit} bytes; send fewer images at once")
        except _TooSlow:
            limit_s = self._service.limits.body_timeout_s
            return _error(408, f"the body did not arrive within {limit_s:g} s")
        except ClientDisconnect:
            return Response(status_code=HTTP_STATUS[Code.CANCELLED])
        except Exception:
            # One request must not take the server down, nor show its insides.
            _LOG.exception("%s %s failed", request.method, request.url.path)
            return _error(500, "the server failed; see its log")

    def _route(self, request: Request) -> Callable[[Request], Awaitable[Any]]:
        match = _PATH.fullmatch(request.url.path)
        if match:
            request.state.model = match["model"]
            request.state.version = int(match["version"]) if match["version"] else None
            request.state.label = match["label"]
            if request.method == "POST" and match["action"] == ":predict":
                return self._predict
            if request.method == "GET" and match["action"] == "/metadata":
                return self._metadata
            if request.method == "GET" and not match["action"]:
                return self._status
        raise invalid(f"Malformed request: {request.method} {request.url.path[:200]}")

    async def _status(self, request: Request) -> Any:
        state = request.state
        versions = self._service.manager.status(state.model, state.version, state.label)
        return _with_all_fields(status_message(versions))

    async def _metadata(self, request: Request) -> Any:
        state = request.state
        servable = self._service.manager.resolve(state.model, state.version, state.label)
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

    async def _predict(self, request: Request) -> Any:
        state = request.state
        body = await self._body(request)
        with self._service.counted(state.model, "REST"):
            try:
                return await asyncio.wait_for(
                    self._run(state.model, state.version, state.label, body),
                    self._service.limits.request_timeout_s,
                )
            except asyncio.TimeoutError:
                raise StatusError(
                    Code.DEADLINE_EXCEEDED,
                    f"no answer within {self._service.limits.request_timeout_s:g} s; try again, "
                    "or with fewer rows",
                ) from None

    async def _run(
        self, model: str, version: int | None, label: str | None, body: bytes
    ) -> dict[str, Any]:
        content = _parse(body)
        servable = self._service.manager.resolve(model, version, label)
        signature = servable.model.signature(content.get("signature_name", ""))
        by_row = "instances" in content
        outputs = await self._service.predict(
            servable, signature, lambda known: decode_body(known, content)
        )
        return encode_outputs(outputs, by_row)

    async def _body(self, request: Request) -> bytes:
        limits = self._service.limits
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > limits.max_body_bytes:
            raise _TooLarge
        try:
            return await asyncio.wait_for(self._read(request), limits.body_timeout_s)
        except asyncio.TimeoutError:
            raise _TooSlow from None

    async def _read(self, request: Request) -> bytes:
        parts = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._service.limits.max_body_bytes:
                raise _TooLarge
            parts.append(part)
        return b"".join(parts)


def _parse(body: bytes) -> dict[str, Any]:
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


def decode_body(signature: Signature, content: dict[str, Any]) -> Tensors:
    """Returns the tensors of a parsed body, in the row or in the columnar format.

    Raises:
        StatusError: INVALID_ARGUMENT for what is not in the format or does not fit the signature.
    """
    if "instances" in content:
        columns = _columns(signature, content["instances"])
    else:
        columns = content["inputs"]
        if not isinstance(columns, dict) or _is_value(columns):
            columns = {_only_input(signature): columns}
    check_names(signature, set(columns))
    return {name: array_from_json(signature.inputs[name], value) for name, value in columns.items()}


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


def _json(status: int, content: Any) -> Response:
    # Like TensorFlow Serving, NaN is written as NaN.
    return Response(json.dumps(content), status_code=status, media_type="application/json")


def _error(status: int, message: str) -> Response:
    return _json(status, {"error": message})
