"""When a call is tried again, and after how long."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from serving.client.errors import DeadlineError, OverloadedError, ServingError, UnavailableError

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter, on what may pass by itself only.

    Those are UNAVAILABLE and RESOURCE_EXHAUSTED. Every call of the API is idempotent, so a retry
    does no harm; an error in the request would only fail again.

    Args:
        attempts: Calls at most; 1 never retries.
        first_delay_s: The longest first pause; each further one may be twice as long.
        max_delay_s: The longest pause.
        random: Where the jitter comes from, between 0 and 1.
    """

    attempts: int = 4
    first_delay_s: float = 0.1
    max_delay_s: float = 2.0
    random: Callable[[], float] = field(default=random.random, compare=False)

    def pause(self, error: ServingError, failed: int, left_s: float) -> float | None:
        """Returns the seconds to wait before the next call, or None to give up.

        Args:
            error: What the last call raised.
            failed: How many calls have failed.
            left_s: Seconds until the deadline.
        """
        if not isinstance(error, (UnavailableError, OverloadedError)) or failed >= self.attempts:
            return None
        longest = min(self.max_delay_s, self.first_delay_s * 2 ** (failed - 1))
        delay = longest * self.random()
        return delay if delay < left_s else None


def retrying(
    policy: RetryPolicy,
    timeout_s: float,
    endpoint: str,
    call: Callable[[float], T],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Returns what ``call`` returns, tried again as ``policy`` says.

    Args:
        policy: When to try again.
        timeout_s: For all calls and pauses together.
        endpoint: For the message.
        call: Is given the seconds it may take.
        sleep: Waits.

    Raises:
        ServingError: The last error.
    """
    end = time.monotonic() + timeout_s
    failed = 0
    while True:
        left = _left(end, timeout_s, endpoint)
        try:
            return call(left)
        except ServingError as error:
            failed += 1
            delay = policy.pause(error, failed, end - time.monotonic())
            if delay is None:
                raise
        sleep(delay)


async def retrying_async(
    policy: RetryPolicy,
    timeout_s: float,
    endpoint: str,
    call: Callable[[float], Awaitable[T]],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """``retrying`` for a coroutine function."""
    end = time.monotonic() + timeout_s
    failed = 0
    while True:
        left = _left(end, timeout_s, endpoint)
        try:
            return await call(left)
        except ServingError as error:
            failed += 1
            delay = policy.pause(error, failed, end - time.monotonic())
            if delay is None:
                raise
        await sleep(delay)


def _left(end: float, timeout_s: float, endpoint: str) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise DeadlineError(endpoint, "DEADLINE_EXCEEDED", f"no answer within {timeout_s:g} s")
    return left
