"""Says how far a long count has come, how fast it is and how long it will take."""

import threading
import time
from collections.abc import Callable

from components.progress import say

EVERY_SECONDS = 5.0


class Pace:
    """Progress of one count in one process.

    Args:
      doing: What is counted and what happens to it, such as ``images embedded``.
      clock: Seconds, for tests.
      tell: Takes each line, for tests.
    """

    def __init__(
        self,
        doing: str,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = say,
    ):
        self._doing, self._clock, self._tell = doing, clock, tell
        self._lock = threading.Lock()
        self._began = self._said = clock()
        self._done = 0

    def add(self, count: int, total: int) -> None:
        """Counts on; says a line every few seconds, and at the end.

        Args:
          count: How many are done since the last call.
          total: How many there are in all.
        """
        with self._lock:
            self._done += count
            now = self._clock()
            if self._done < total and now - self._said < EVERY_SECONDS:
                return
            self._said = now
            rate = self._done / max(now - self._began, 1e-3)
            line = f"{self._done:,} of {total:,} {self._doing}, {rate:,.0f} a second"
            if self._done < total:
                line += f", {(total - self._done) / rate:,.0f} s left"
            self._tell(line)
