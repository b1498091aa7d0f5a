"""REST: TensorFlow Serving's columnar format over httpx."""

import base64
import json
import ssl
from typing import Any

import httpx
import numpy as np

from serving.client.calls import Call, Tensors, VersionState
from serving.client.endpoint import Endpoint
from serving.client.errors import (
    AuthenticationError,
    ContractError,
    DeadlineError,
    ServingError,
    UnavailableError,
    error_for_http,
)


class RestTransport:
    """Calls a server over REST. Calls may come from several threads.

    Args:
        endpoint: Whom to call.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._http = httpx.Client(**_settings(endpoint))

    def predict(self, call: Call, timeout_s: float) -> Tensors:
        """Returns the outputs of a call.

        Raises:
            ServingError: What went wrong.
        """
        path = f"{self._endpoint.model_path}:predict"
        return _outputs(self._endpoint, call, self._send("POST", path, timeout_s, _body(call)))

    def status(self, timeout_s: float) -> list[VersionState]:
        """Returns the model's versions on the server."""
        return _states(self._endpoint, self._send("GET", self._endpoint.model_path, timeout_s))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _send(self, method: str, path: str, timeout_s: float, body: bytes | None = None) -> Any:
        try:
            response = self._http.request(method, path, content=body, timeout=timeout_s)
        except httpx.HTTPError as error:
            raise _connection_error(self._endpoint, error, timeout_s) from error
        return _content(self._endpoint, response)


class AsyncRestTransport:
    """``RestTransport`` with coroutines."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._http = httpx.AsyncClient(**_settings(endpoint))

    async def predict(self, call: Call, timeout_s: float) -> Tensors:
        """Returns the outputs of a call.

        Raises:
            ServingError: What went wrong.
        """
        path = f"{self._endpoint.model_path}:predict"
        content = await self._send("POST", path, timeout_s, _body(call))
        return _outputs(self._endpoint, call, content)

    async def status(self, timeout_s: float) -> list[VersionState]:
        """Returns the model's versions on the server."""
        content = await self._send("GET", self._endpoint.model_path, timeout_s)
        return _states(self._endpoint, content)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _send(
        self, method: str, path: str, timeout_s: float, body: bytes | None = None
    ) -> Any:
        try:
            response = await self._http.request(method, path, content=body, timeout=timeout_s)
        except httpx.HTTPError as error:
            raise _connection_error(self._endpoint, error, timeout_s) from error
        return _content(self._endpoint, response)


def _settings(endpoint: Endpoint) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "base_url": endpoint.url,
        "headers": {"Content-Type": "application/json"},
        # As many connections as are in use stay open; by default all but 20 are closed.
        "limits": httpx.Limits(max_connections=100, max_keepalive_connections=100),
    }
    if endpoint.token:
        settings["headers"]["Authorization"] = f"Bearer {endpoint.token}"
    if not endpoint.is_encrypted:
        # There is nothing to verify, and reading the system's certificates takes 30 ms.
        settings["verify"] = False
    elif endpoint.ca_file is not None:
        settings["verify"] = ssl.create_default_context(cafile=str(endpoint.ca_file))
    return settings


def _body(call: Call) -> bytes:
    inputs = {name: _column(array) for name, array in call.inputs.items()}
    # NaN is written as NaN: what to say of it is the model's business, as over gRPC.
    return json.dumps({"signature_name": call.signature, "inputs": inputs}).encode()


def _column(array: np.ndarray) -> list[Any]:
    if array.dtype == object:
        return [{"b64": base64.b64encode(content).decode()} for content in array]
    return array.tolist()


def _content(endpoint: Endpoint, response: httpx.Response) -> Any:
    try:
        content = response.json()
    except ValueError:
        content = None
    if response.status_code != 200:
        message = response.text[:200]
        if isinstance(content, dict) and isinstance(content.get("error"), str):
            message = content["error"][:500]
        raise error_for_http(endpoint.url, response.status_code, message)
    if not isinstance(content, dict):
        raise ContractError(endpoint.url, "INTERNAL", "the answer is not a JSON object")
    return content


def _outputs(endpoint: Endpoint, call: Call, content: Any) -> Tensors:
    outputs = content.get("outputs")
    # A single output comes without its name.
    columns = outputs if isinstance(outputs, dict) else {call.outputs[0]: outputs}
    try:
        return {name: np.asarray(column) for name, column in columns.items()}
    except ValueError:
        message = f"signature {call.signature!r} answered with ragged lists"
        raise ContractError(endpoint.url, "INTERNAL", message) from None


def _states(endpoint: Endpoint, content: Any) -> list[VersionState]:
    try:
        return [
            VersionState(
                int(one["version"]),
                str(one["state"]),
                str(one.get("status", {}).get("error_message", "")),
            )
            for one in content["model_version_status"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        message = "the answer is not a model's status"
        raise ContractError(endpoint.url, "INTERNAL", message) from None


def _connection_error(endpoint: Endpoint, error: httpx.HTTPError, timeout_s: float) -> ServingError:
    if isinstance(error, httpx.TimeoutException):
        message = f"no answer within {timeout_s:.1f} s"
        return DeadlineError(endpoint.url, "DEADLINE_EXCEEDED", message)
    if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
        return AuthenticationError(endpoint.url, "UNAUTHENTICATED", str(error))
    return UnavailableError(endpoint.url, "UNAVAILABLE", str(error) or type(error).__name__)
