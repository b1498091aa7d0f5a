"""REST: TensorFlow Serving's columnar format; httpx where calls block, aiohttp for coroutines."""

import asyncio
import base64
import json
import ssl
from typing import Any, Final

import aiohttp
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

_CONNECTIONS: Final = 100


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
        except httpx.TimeoutException as error:
            raise _deadline_error(self._endpoint, timeout_s) from error
        except httpx.HTTPError as error:
            raise _connection_error(self._endpoint, error) from error
        return _content(self._endpoint, response.status_code, response.content)


class AsyncRestTransport:
    """``RestTransport`` with coroutines. Belongs to the event loop of its first call.

    Over aiohttp: with 64 calls at one time, httpx takes longer to choose a connection than a server
    to answer.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._made: aiohttp.ClientSession | None = None

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
        if self._made is not None:
            await self._made.close()

    async def _send(
        self, method: str, path: str, timeout_s: float, body: bytes | None = None
    ) -> Any:
        url = f"{self._endpoint.url.rstrip('/')}/{path}"
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session().request(method, url, data=body, timeout=timeout) as answer:
                return _content(self._endpoint, answer.status, await answer.read())
        except asyncio.TimeoutError as error:
            raise _deadline_error(self._endpoint, timeout_s) from error
        except (aiohttp.ClientError, ssl.SSLError) as error:
            raise _connection_error(self._endpoint, error) from error

    def _session(self) -> aiohttp.ClientSession:
        # Made on the loop that it belongs to.
        if self._made is None:
            context = _tls(self._endpoint)
            self._made = aiohttp.ClientSession(
                headers=_headers(self._endpoint),
                trust_env=True,  # proxies, as httpx takes them
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=context or True),
            )
        return self._made


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if endpoint.token:
        headers["Authorization"] = f"Bearer {endpoint.token}"
    return headers


def _tls(endpoint: Endpoint) -> ssl.SSLContext | None:
    """What to verify the server with; None for the system's certificates, and where it has none."""
    if not endpoint.is_encrypted or endpoint.ca_file is None:
        return None
    return ssl.create_default_context(cafile=str(endpoint.ca_file))


def _settings(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "base_url": endpoint.url,
        "headers": _headers(endpoint),
        # As many connections as are in use stay open; by default all but 20 are closed.
        "limits": httpx.Limits(
            max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS
        ),
        # Where there is nothing to verify: reading the system's certificates takes 30 ms.
        "verify": (_tls(endpoint) or True) if endpoint.is_encrypted else False,
    }


def _body(call: Call) -> bytes:
    inputs = {name: _column(array) for name, array in call.inputs.items()}
    # NaN is written as NaN: what to say of it is the model's business, as over gRPC.
    return json.dumps({"signature_name": call.signature, "inputs": inputs}).encode()


def _column(array: np.ndarray) -> list[Any]:
    if array.dtype == object:
        return [{"b64": base64.b64encode(content).decode()} for content in array]
    return array.tolist()


def _content(endpoint: Endpoint, status: int, body: bytes) -> Any:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if status != 200:
        message = body[:200].decode(errors="replace")
        if isinstance(content, dict) and isinstance(content.get("error"), str):
            message = content["error"][:500]
        raise error_for_http(endpoint.url, status, message)
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


def _deadline_error(endpoint: Endpoint, timeout_s: float) -> ServingError:
    return DeadlineError(endpoint.url, "DEADLINE_EXCEEDED", f"no answer within {timeout_s:.1f} s")


def _connection_error(endpoint: Endpoint, error: Exception) -> ServingError:
    if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
        return AuthenticationError(endpoint.url, "UNAUTHENTICATED", str(error))
    return UnavailableError(endpoint.url, "UNAVAILABLE", str(error) or type(error).__name__)
