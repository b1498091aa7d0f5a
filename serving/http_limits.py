"""What an HTTP client may cost: how large a body is, and how long its head and body take."""

import asyncio
from typing import Any

import h11
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol


class BodyTooLarge(Exception):
    """The body passes the limit."""


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


async def read_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """Returns a request's body.

    Args:
        request: The request.
        max_bytes: How large a body may be. No more than that is read, whatever is announced.
        timeout_s: How long it may take to arrive.

    Raises:
        BodyTooLarge: It is larger.
        BodyTooSlow: It takes longer.
        ClientDisconnect: The client has gone.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise BodyTooLarge

    async def read() -> bytes:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > max_bytes:
                raise BodyTooLarge
        return bytes(body)

    try:
        return await asyncio.wait_for(read(), timeout_s)
    except asyncio.TimeoutError:
        raise BodyTooSlow from None


def http_protocol(head_timeout_s: float) -> type[H11Protocol]:
    """Returns uvicorn's protocol with a limit on how long a request's head takes.

    uvicorn itself closes a connection on which nothing comes after an answer. This one also closes
    a connection on which nothing comes at all, or not the whole of a head.

    Args:
        head_timeout_s: From the connection, or from the first byte of a further request.
    """

    class Protocol(H11Protocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch()
            super().connection_lost(exc)

        def _watch(self) -> None:
            if self.conn.their_state is not h11.IDLE:  # the head is there
                self._unwatch()
            elif self._head_timer is None:
                close = self.timeout_keep_alive_handler
                self._head_timer = self.loop.call_later(head_timeout_s, close)

        def _unwatch(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return Protocol
