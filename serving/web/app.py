"""The web application: one page, and the four calls it makes."""

import base64
import binascii
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from serving.client.errors import InvalidRequestError, ServingError
from serving.enrolment.authenticator import Authenticator
from serving.enrolment.errors import (
    EnrolmentError,
    ModelChangedError,
    NotEnrolledError,
    StoreError,
    TemplateKeyError,
)
from serving.http_limits import BodyTooLarge, BodyTooSlow, read_body
from serving.web.looking import Look, look_at
from serving.web.served_model import ModelFacts
from serving.web.session import Session

_LOG = logging.getLogger(__name__)
_STATIC: Final = Path(__file__).with_name("static")
_MAX_BODY: Final = 16 * 2**20
_BODY_TIMEOUT_S: Final = 30.0
# Photos and an ID are not so many; a body of numbers alone would take seconds to read.
_MOST_VALUES: Final = 1000
# The contract: same person from this score on.
THRESHOLD: Final = 0.5
_HEADERS: Final = {
    # Nothing from elsewhere; photos are shown from the browser's own memory.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _BadRequest(Exception):
    """The page would not send this."""


class _Unusable(Exception):
    """A photo is not good enough; the message is for the person in front of the camera."""

    def __init__(self, number: int, look: Look) -> None:
        super().__init__(look.advice()[1])
        self.number = number
        self.look = look


def web_app(
    authenticator: Authenticator,
    facts: Callable[[], ModelFacts] = ModelFacts,
    session: Session | None = None,
) -> Starlette:
    """Returns the ASGI application.

    Args:
        authenticator: What decides. The page shows its answers; it keeps no photo.
        facts: How the model that answers wants its faces, and how strict it is, as
            ``ServedModel.facts``; by default, photos are compared as they are.
        session: Who may use it; without, a login before it has to say.
    """

    def look(content: dict[str, Any]) -> dict[str, Any]:
        [photo, *_] = _photos(content)
        canvas = facts().canvas
        return {"looks_for_faces": canvas is not None, **look_at(photo, canvas).content()}

    def enroll(content: dict[str, Any]) -> dict[str, Any]:
        identity, looks = _id(content), _usable(content, facts())
        templates = authenticator.enroll(identity, [sent for _, sent in looks])
        return {"templates": templates, "photos": [one.content() for one, _ in looks]}

    def authenticate(content: dict[str, Any]) -> dict[str, Any]:
        model = facts()
        identity, [(one, sent), *_] = _id(content), _usable(content, model)
        decision = authenticator.authenticate(identity, sent)
        return {
            "accepted": decision.accepted,
            "score": decision.score,
            "threshold": THRESHOLD,
            "templates": decision.templates,
            "strangers": model.strangers,
            "photos": [one.content()],
        }

    def forget(content: dict[str, Any]) -> dict[str, Any]:
        return {"deleted": authenticator.forget(_id(content))}

    return Starlette(
        routes=[
            Route("/", lambda request: FileResponse(_STATIC / "index.html")),
            Route("/api/look", _call(look), methods=["POST"]),
            Route("/api/enroll", _call(enroll), methods=["POST"]),
            Route("/api/authenticate", _call(authenticate), methods=["POST"]),
            Route("/api/forget", _call(forget), methods=["POST"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=[
            Middleware(BaseHTTPMiddleware, dispatch=_with_headers),
            *([Middleware(BaseHTTPMiddleware, dispatch=session.check)] if session else []),
        ],
    )


def _call(act: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        try:
            content = await _content(request)
            return JSONResponse(await run_in_threadpool(act, content))
        except _BadRequest as error:
            return _error(400, str(error))
        except BodyTooSlow:
            return _error(408, f"The photos did not arrive within {_BODY_TIMEOUT_S:g} s.")
        except _Unusable as error:
            content = {"error": str(error), "photo": error.number, "look": error.look.content()}
            return JSONResponse(content, 422)
        except NotEnrolledError:
            return _error(404, "Nobody is enrolled under this ID. Enrol first.")
        except ModelChangedError:
            return _error(409, "The model has changed since this ID was enrolled. Enrol again.")
        except (StoreError, TemplateKeyError):
            return _not_now()
        except EnrolmentError as error:
            return _error(400, str(error))
        except InvalidRequestError:
            return _error(422, "The photo cannot be used. Take another one.")
        except ServingError as error:
            return _error(502, f"The model server does not answer: {error}")
        except Exception:
            return _not_now()

    return answer


def _not_now() -> Response:
    """The log says why; whoever stands before the camera cannot change it."""
    _LOG.exception("a request could not be answered")
    return _error(503, "This cannot be decided now. Whoever runs the page finds why in its log.")


async def _content(request: Request) -> dict[str, Any]:
    # A form on another site can post here, but neither as JSON nor from this origin.
    origin = request.headers.get("origin")
    if origin is not None and _host(origin) != request.headers.get("host"):
        raise _BadRequest(f"a request from {origin[:100]} is not answered")
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise _BadRequest("the body must be application/json")
    try:
        body = await read_body(request, _MAX_BODY, _BODY_TIMEOUT_S)
    except BodyTooLarge:
        raise _BadRequest(f"the photos are larger than {_MAX_BODY} bytes together") from None
    if body.count(b",") > _MOST_VALUES:
        raise _BadRequest(f"the body has more than {_MOST_VALUES} values")
    # A large one takes a while, and others are answered meanwhile.
    return await run_in_threadpool(_parsed, body)


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # such as http://[
        return None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise _BadRequest("the body is not JSON") from None
    if not isinstance(content, dict):
        raise _BadRequest("the body must be a JSON object")
    return content


def _id(content: dict[str, Any]) -> str:
    identity = content.get("id")
    if not isinstance(identity, str) or not identity.strip():
        raise _BadRequest("Type an ID.")
    if not identity.strip().isprintable():
        raise _BadRequest("Type an ID of printable characters.")
    return identity.strip()


def _photos(content: dict[str, Any]) -> list[bytes]:
    texts = content.get("photos")
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        raise _BadRequest("Add at least one photo.")
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except (binascii.Error, ValueError):
        raise _BadRequest("a photo is not base64") from None


def _usable(content: dict[str, Any], model: ModelFacts) -> list[tuple[Look, bytes]]:
    """What is seen in each photo, and what is compared of it."""
    usable = []
    for number, photo in enumerate(_photos(content)):
        look = look_at(photo, model.canvas)
        if look.sent is None:
            raise _Unusable(number, look)
        usable.append((look, look.sent))
    return usable


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)


async def _with_headers(request: Request, proceed: RequestResponseEndpoint) -> Response:
    response = await proceed(request)
    response.headers.update(_HEADERS)
    return response
