"""Joins concurrent requests for one signature into few calls of the model."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from serving.local_server.options import Batching
from serving.local_server.status import Code, StatusError
from serving.local_server.tensors import Tensors

_LOG = logging.getLogger(__name__)

# Batches whose most requests are remembered.
_REMEMBERED: Final = 4
# What a request counts with each one after it, and from how much on there is a judgement.
_KEPT: Final = 0.98
_ENOUGH: Final = 16
# If more than this part come while the model is busy, they are not waited for, in so many batches.
_BUSY: Final = 1 / 3
_BATCHES_ALONE: Final = 100

Run = Callable[[Tensors], Tensors]


@dataclass(eq=False)
class _Part:
    """A request, or as much of it as a batch may have."""

    inputs: Tensors
    rows: int
    arrived: float
    answer: "asyncio.Future[Tensors]"

    @property
    def shape(self) -> list[tuple[int, ...]]:
        """Only inputs alike in all but the number of rows can be joined."""
        return [array.shape[1:] for _, array in sorted(self.inputs.items())]


_Running = asyncio.Future[list[Tensors | StatusError]]


def _parts(inputs: Tensors, rows: int, size: int) -> Iterator[_Part]:
    loop = asyncio.get_running_loop()
    for begin in range(0, max(rows, 1), size):
        count = min(size, rows - begin)
        some = {name: array[begin : begin + size] for name, array in inputs.items()}
        yield _Part(inputs if count == rows else some, count, loop.time(), loop.create_future())


class _Company:
    """Whom a batch should wait for, from how requests came lately.

    Clients that send their next request when they have the answer to the last one come back after a
    batch has ended. It is worth waiting for them: without that, they go in two halves in turns, in
    batches half as large. Then nobody comes while the model is busy, for all are there. A lone one
    of them has nobody to wait for. Requests of many who know nothing of each other come at any
    time; waiting for more would only make them late. So after a while without, waiting is tried
    again, and goes on if nearly nobody comes while the model is busy.
    """

    def __init__(self) -> None:
        # The most requests at one time: since the last batch began, and so for the batches before.
        self._peak = 0
        self._peaks: deque[int] = deque(maxlen=_REMEMBERED)
        # Requests while waiting is tried, and those of them that came to a busy model.
        self._came = self._came_busy = 0.0
        self._alone = 0  # batches that still wait for nobody

    def came(self, requests: int, busy: bool) -> None:
        """Notes a request, how many there are with it, and whether no thread is free for it."""
        self._peak = max(self._peak, requests)
        self._came = _KEPT * self._came + 1
        self._came_busy = _KEPT * self._came_busy + busy

    def batch_began(self, requests: int) -> None:
        """Notes that a batch begins, and how many requests wait or run."""
        self._peaks.append(self._peak)
        self._peak = requests
        if self._alone:
            self._alone -= 1
            self._came = self._came_busy = 0.0
        elif self._came >= _ENOUGH and self._came_busy > _BUSY * self._came:
            self._alone = _BATCHES_ALONE

    def expected(self) -> float:
        """Returns for how many requests to wait; infinity while nothing is known."""
        if not self._peaks:
            return math.inf
        # The least: waiting in vain costs more than a batch that is not quite full.
        return 0 if self._alone else min(self._peaks)


class Batcher:
    """Runs requests in batches of at most ``max_batch_size`` rows. Lives on one event loop.

    A batch starts on a free thread when it is full, when nobody is expected who is not here
    (``_Company``), or when its first request has waited ``batch_timeout_micros`` since there is a
    thread. If a batch fails, it is halved until the request that breaks it is alone: the others are
    answered as if it had never been there.

    Args:
        run: Calls the model, on one of the executor's threads; raises ``StatusError``.
        executor: Where ``run`` is called.
        options: Sizes and delays.
        observe: Is told the rows of each batch as it starts.
    """

    def __init__(
        self,
        run: Run,
        executor: Executor,
        options: Batching,
        observe: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self._run = run
        self._executor = executor
        self._options = options
        self._observe = observe
        self._delay = options.batch_timeout_micros / 1e6
        self._waiting: deque[_Part] = deque()
        self._waiting_rows = 0
        self._running: set[_Running] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._free_since = 0.0  # when the last batch ended
        self._requests = 0  # that wait or run
        self._company = _Company()

    async def submit(self, inputs: Tensors, rows: int) -> Tensors:
        """Returns the model's outputs for ``inputs``, each array with ``rows`` rows.

        Raises:
            StatusError: RESOURCE_EXHAUSTED when the queue is full; else what the model raises.
        """
        if self._waiting_rows + rows > self._options.max_enqueued_rows:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"{self._waiting_rows} rows wait already and {rows} more pass the limit of "
                f"{self._options.max_enqueued_rows}; try again later, or with fewer rows",
            )
        self._requests += 1
        busy = len(self._running) >= self._options.num_batch_threads
        self._company.came(self._requests, busy)
        parts = list(_parts(inputs, rows, self._options.max_batch_size))
        self._waiting.extend(parts)
        self._waiting_rows += rows
        self._start_batches()
        try:
            return _join([await part.answer for part in parts])
        finally:
            self._requests -= 1
            # Once a part has failed, or the client has gone, the others are for nobody.
            for part in parts:
                if not part.answer.cancel() and not part.answer.cancelled():
                    part.answer.exception()  # taken note of, so that asyncio does not log it

    async def drain(self) -> None:
        """Returns when nothing waits or runs any more."""
        while self._waiting or self._running:
            running = list(self._running)
            if running:
                await asyncio.wait(running)
            else:
                await asyncio.sleep(self._delay)

    def _start_batches(self) -> None:
        """Starts every batch that is due, and sets a timer for the next one."""
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._running) < self._options.num_batch_threads:
            left = max(self._waiting[0].arrived, self._free_since) + self._delay - loop.time()
            full = self._waiting_rows >= self._options.max_batch_size
            if left > 0 and not full and self._requests < self._company.expected():
                if self._timer is None:
                    self._timer = loop.call_later(left, self._on_timer)
                return
            free = self._options.num_batch_threads - len(self._running)
            batch = self._take(-(-self._waiting_rows // free))
            if batch:
                self._company.batch_began(self._requests)
                self._observe(sum(part.rows for part in batch))
                running = loop.run_in_executor(self._executor, self._answers, batch)
                self._running.add(running)
                running.add_done_callback(partial(self._on_batch_done, batch))

    def _on_timer(self) -> None:
        self._timer = None
        self._start_batches()

    def _on_batch_done(self, batch: list[_Part], running: _Running) -> None:
        for part, answer in zip(batch, running.result(), strict=True):
            if part.answer.done():  # its client has gone
                continue
            if isinstance(answer, StatusError):
                part.answer.set_exception(answer)
            else:
                part.answer.set_result(answer)
        # After those who were answered: they are no longer counted when the next batch begins.
        asyncio.get_running_loop().call_soon(self._on_thread_free, running)

    def _on_thread_free(self, running: _Running) -> None:
        self._running.discard(running)
        self._free_since = asyncio.get_running_loop().time()
        self._start_batches()

    def _take(self, share: int) -> list[_Part]:
        """Returns parts of ``share`` rows or more, but of no more than a batch may have."""
        batch: list[_Part] = []
        rows = 0
        while self._waiting:
            part = self._waiting[0]
            if part.answer.done():  # its client has gone
                self._drop()
                continue
            fits = rows + part.rows <= self._options.max_batch_size
            if batch and (not fits or rows >= share or part.shape != batch[0].shape):
                break
            self._drop()
            batch.append(part)
            rows += part.rows
        return batch

    def _drop(self) -> None:
        self._waiting_rows -= self._waiting.popleft().rows

    def _answers(self, batch: list[_Part]) -> list[Tensors | StatusError]:
        """Runs on a thread. Returns an answer for each part and raises nothing."""
        try:
            outputs = self._run(_join([part.inputs for part in batch]))
            return list(_split(outputs, [part.rows for part in batch]))
        except StatusError as error:
            if len(batch) == 1:
                return [error]
        except Exception:
            # Whatever the model does, its callers are answered and the server lives on.
            _LOG.exception("a batch of %d requests failed", len(batch))
            internal = StatusError(Code.INTERNAL, "the model failed; see the server's log")
            return [internal for _ in batch]
        half = len(batch) // 2
        return self._answers(batch[:half]) + self._answers(batch[half:])


def _join(parts: list[Tensors]) -> Tensors:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _split(outputs: Tensors, counts: list[int]) -> list[Tensors]:
    total = sum(counts)
    for name, array in outputs.items():
        if array.ndim == 0 or array.shape[0] != total:
            raise StatusError(
                Code.INTERNAL,
                f"output {name!r} has shape {list(array.shape)} for {total} rows of input; a "
                "signature must return a row for each row",
            )
    ends = np.cumsum(counts)
    return [
        {name: array[end - count : end] for name, array in outputs.items()}
        for end, count in zip(ends, counts, strict=True)
    ]
