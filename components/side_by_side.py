"""Work that waits, several pieces of it at a time."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

_AT_A_TIME = 16


def side_by_side(work: Callable[[Given], Made], items: Iterable[Given]) -> Iterator[Made]:
    """``map`` in threads, for work that mostly waits; what is held at once is a few results."""
    each = iter(items)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        waiting = collections.deque(pool.submit(work, item) for item in islice(each, _AT_A_TIME))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(each, 1))
            yield made
