"""What an HTTP client may cost: how large a body is, and how long its head and body take."""

import asyncio
from typing import Any, Final

import h11
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

# Seconds that a client may pause in a body where others wait for its place.
_PATIENCE_S: Final = 1.0


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


def http_protocol(head_timeout_s: float, most_connections: int) -> type[H11Protocol]:
    """Returns uvicorn's protocol with limits on how long a request's head takes, and how many wait.

    uvicorn itself closes a connection on which nothing comes after an answer. This one also closes
    a connection on which nothing comes at all, or not the whole of a head. And where as many are
    open as may be, a new one takes the place of the one whose client has been silent for longest:
    who says nothing keeps nobody out.

    Args:
        head_timeout_s: From the connection, or from the first byte of a further request.
        most_connections: How many may be open.
    """

    class Protocol(H11Protocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._head_timer: asyncio.TimerHandle | None = None
            self._heard = self.loop.time()

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._make_room()
            self._watch()

        def data_received(self, data: bytes) -> None:
            self._heard = self.loop.time()
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch()
            super().connection_lost(exc)

        def _make_room(self) -> None:
            if len(self.connections) < most_connections:
                return
            waiting = [
                each
                for each in self.connections
                if isinstance(each, Protocol)
                and each is not self
                and (
                    each.conn.their_state is h11.IDLE
                    or (
                        each.conn.their_state is h11.SEND_BODY
                        and self.loop.time() - each._heard > _PATIENCE_S
                    )
                )
            ]
            if waiting:
                silent = min(waiting, key=lambda each: each._heard)
                silent.transport.close()
                # Now, and not when the loop comes to it: uvicorn counts them.
                self.connections.discard(silent)

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
