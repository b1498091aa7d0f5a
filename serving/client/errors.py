"""What can go wrong between a client and a model server, each with its remedy."""

from typing import Final


class ServingError(Exception):
    """A call that failed.

    Args:
        endpoint: Whom was asked, as its URL.
        code: The canonical status code's name, such as ``UNAVAILABLE``.
        message: What the server, or the connection, said.
    """

    remedy: str = "see the server's log"

    def __init__(self, endpoint: str, code: str, message: str) -> None:
        super().__init__(f"{endpoint}: {code}: {message} ({self.remedy})")
        self.endpoint = endpoint
        self.code = code
        self.message = message


class InvalidRequestError(ServingError):
    """The server refuses this request and always will."""

    remedy = "change the request: send whole JPEG or PNG files within the server's limits"


class NotFoundError(ServingError):
    """No such model, version or label is served."""

    remedy = "check the model's name, version and label with: faceauth status"


class OverloadedError(ServingError):
    """The server has too much to do; retried before this is raised."""

    remedy = "send less at once, try later, or add a server"


class UnavailableError(ServingError):
    """The server is not reached, or not ready; retried before this is raised."""

    remedy = "check that it runs at this address: make serve starts a local one"


class DeadlineError(ServingError):
    """The answer did not come in time."""

    remedy = "send fewer images at once, or raise the timeout"


class AuthenticationError(ServingError):
    """The server wants another token, or the TLS certificates do not fit."""

    remedy = "set FACEAUTH_TOKEN to a valid token, and the CA file to the server's CA"


class ServerError(ServingError):
    """The server failed."""


class ContractError(ServingError):
    """The answer is not what a model of this project gives."""

    remedy = "serve a model that this project's pipeline pushed"


_BY_CODE: Final[dict[str, type[ServingError]]] = {
    "INVALID_ARGUMENT": InvalidRequestError,
    "FAILED_PRECONDITION": InvalidRequestError,
    "OUT_OF_RANGE": InvalidRequestError,
    "NOT_FOUND": NotFoundError,
    "RESOURCE_EXHAUSTED": OverloadedError,
    "UNAVAILABLE": UnavailableError,
    "DEADLINE_EXCEEDED": DeadlineError,
    "UNAUTHENTICATED": AuthenticationError,
    "PERMISSION_DENIED": AuthenticationError,
}
_CODE_OF_HTTP: Final[dict[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    # What a proxy says when the server behind it is away.
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_for(endpoint: str, code: str, message: str) -> ServingError:
    """Returns the error for a canonical status code's name."""
    return _BY_CODE.get(code, ServerError)(endpoint, code, message)


def error_for_http(endpoint: str, status: int, message: str) -> ServingError:
    """Returns the error for an HTTP status."""
    return error_for(endpoint, _CODE_OF_HTTP.get(status, "INTERNAL"), f"{message} (HTTP {status})")
