"""Who may use the page: names it answers to, and whoever holds the token of this start."""

import hmac
import secrets
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

COOKIE: Final = "faceauth_session"
_PARAMETER: Final = "token"
_LOOPBACK: Final = frozenset(("127.0.0.1", "localhost", "::1"))


class Session:
    """One start of the page.

    A page on this machine is open to every website that its user looks at: a name can be made to
    mean 127.0.0.1 (DNS rebinding), and other users of the machine reach the port. So a request
    needs a host name that the page was started for, and the token, which a browser gets with the
    address that the start prints, and keeps in a cookie that no other site's request carries.

    Args:
        host: What it is bound to; a loopback address stands for all of them.
        names: Under which it is reached as well, such as that of a proxy before it.
    """

    def __init__(self, host: str, names: Iterable[str] = ()) -> None:
        self._token = secrets.token_urlsafe(32)
        own = _LOOPBACK if host in _LOOPBACK else {host}
        self._hosts = frozenset(name.lower() for name in (*own, *names))

    def address(self, url: str) -> str:
        """Returns the address to open, with the token, of the page at ``url``."""
        return f"{url}/?{_PARAMETER}={self._token}"

    async def check(self, request: Request, proceed: RequestResponseEndpoint) -> Response:
        """A middleware: lets in who may, gives the cookie to who comes with the token."""
        if _name(request.headers.get("host", "")) not in self._hosts:
            names = ", ".join(sorted(self._hosts))
            return _refused(421, f"This page is {names} and no other name; see --name.")
        given = request.query_params.get(_PARAMETER)
        if given is not None and request.method == "GET" and self._is(given):
            response = RedirectResponse(request.url.path, 303)
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
            return response
        if not self._is(request.cookies.get(COOKIE, "")):
            return _refused(403, "Open the address that the start of the page printed.")
        return await proceed(request)

    def _is(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())


def _name(host: str) -> str | None:
    """The host of a ``Host`` header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
