import asyncio
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serving.local_server.batching import Batcher, _Company
from serving.local_server.options import Batching
from serving.local_server.status import Code, StatusError, invalid


class Model:
    """Doubles its input; refuses a negative number; notes the rows of each call."""

    def __init__(self):
        self.calls = []
        self.seconds = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, inputs):
        self.gate.wait(10)
        time.sleep(self.seconds)
        x = inputs["x"]
        self.calls.append(x.ravel().tolist())
        if (x < 0).any():
            raise invalid("negative")
        return {"y": 2 * x}


def x(*values):
    return {"x": np.array(values, dtype=np.float32)}


def run(scenario, **options):
    """Runs ``scenario(batcher, model)`` on a loop of its own."""
    model = Model()
    settings = {"max_batch_size": 4, "batch_timeout_micros": 20_000, "num_batch_threads": 1}

    async def main():
        batching = Batching(**{**settings, **options})
        with ThreadPoolExecutor(batching.num_batch_threads) as executor:
            batcher = Batcher(model, executor, batching)
            return await scenario(batcher, model)

    return asyncio.run(main()), model


def test_concurrent_requests_share_a_call_and_get_their_own_rows():
    async def scenario(batcher, model):
        return await asyncio.gather(
            batcher.submit(x(1), 1), batcher.submit(x(2, 3), 2), batcher.submit(x(4), 1)
        )

    answers, model = run(scenario)
    assert model.calls == [[1, 2, 3, 4]]
    assert [answer["y"].tolist() for answer in answers] == [[2], [4, 6], [8]]


def test_a_batch_does_not_pass_its_size():
    async def scenario(batcher, model):
        await asyncio.gather(*(batcher.submit(x(n), 1) for n in range(6)))

    _, model = run(scenario)
    assert model.calls == [[0, 1, 2, 3], [4, 5]]


def test_a_lone_request_runs_after_the_delay():
    async def scenario(batcher, model):
        begin = asyncio.get_running_loop().time()
        answer = await batcher.submit(x(5), 1)
        return answer["y"].tolist(), asyncio.get_running_loop().time() - begin

    (answer, seconds), _ = run(scenario)
    assert answer == [10]
    assert seconds >= 0.02


def test_free_threads_share_what_waits():
    async def scenario(batcher, model):
        await asyncio.gather(*(batcher.submit(x(n), 1) for n in range(5)))

    _, model = run(scenario, num_batch_threads=2, max_batch_size=8)
    assert sorted(model.calls) == [[0, 1, 2], [3, 4]]


def test_a_client_that_lately_was_alone_waits_for_nobody():
    async def scenario(batcher, model):
        await batcher.submit(x(1, 1, 1, 1), 4)  # full, so nothing to wait for
        await asyncio.wait_for(batcher.submit(x(2), 1), timeout=30)

    _, model = run(scenario, batch_timeout_micros=3_600_000_000)
    assert model.calls == [[1, 1, 1, 1], [2]]


def test_clients_that_a_batch_answered_are_in_the_next_one():
    async def client(batcher, number):
        for _ in range(6):
            await batcher.submit(x(number), 1)
            await asyncio.sleep(0.002 * number)  # they do not come back all at once

    async def scenario(batcher, model):
        model.seconds = 0.1
        await asyncio.gather(*(client(batcher, number) for number in range(3)))

    _, model = run(scenario, batch_timeout_micros=1_000_000)
    # No batch is full at 4: each begins when all three are there.
    assert [sorted(call) for call in model.calls] == [[0, 1, 2]] * 6


def seen(company, batches, *busy):
    """Lets requests come for so many batches, each to a model that is busy or is not."""
    for _ in range(batches):
        for number, to_a_busy_model in enumerate(busy, 1):
            company.came(number, to_a_busy_model)
        company.batch_began(0)
    return company.expected()


def test_whoever_comes_to_a_free_model_is_waited_for():
    assert _Company().expected() == math.inf
    assert seen(_Company(), 200, False, False, False) == 3
    # One in four to a busy one is no more than a third.
    assert seen(_Company(), 200, False, False, False, True) == 4


def test_who_comes_at_any_time_is_not_waited_for_until_it_is_tried_again():
    company = _Company()
    # The counts of the last 16 requests add up to 13.8, of the last 18 to 15.2, of 20 to 16.6.
    assert seen(company, 9, False, True) == 2
    assert seen(company, 1, False, True) == 0
    assert seen(company, 99, False, True) == 0
    assert seen(company, 1, False, True) == 2
    # Who meanwhile comes back when answered is waited for from then on.
    assert seen(company, 200, False, False) == 2


def test_the_fewest_requests_of_the_last_batches_are_waited_for():
    company = _Company()
    for requests in (2, 9, 5, 7, 6):
        company.came(requests, busy=False)
        company.batch_began(0)
    assert company.expected() == 5


def test_after_clients_have_gone_the_others_wait_the_delay_and_no_longer():
    async def scenario(batcher, model):
        await asyncio.gather(*(batcher.submit(x(n), 1) for n in range(3)))
        begin = asyncio.get_running_loop().time()
        await batcher.submit(x(9), 1)
        first = asyncio.get_running_loop().time()
        for _ in range(3):
            await batcher.submit(x(9), 1)
        return first - begin

    first, model = run(scenario, batch_timeout_micros=50_000)
    assert first >= 0.05
    assert model.calls[1:] == [[9]] * 4


def test_a_request_larger_than_a_batch_is_split_and_joined():
    async def scenario(batcher, model):
        return await batcher.submit(x(*range(10)), 10)

    answer, model = run(scenario)
    assert [len(call) for call in model.calls] == [4, 4, 2]
    assert answer["y"].tolist() == [2 * n for n in range(10)]


def test_a_request_that_breaks_its_batch_breaks_no_other():
    async def scenario(batcher, model):
        return await asyncio.gather(
            *(batcher.submit(x(n), 1) for n in (1, 2, -3, 4)), return_exceptions=True
        )

    answers, model = run(scenario)
    assert isinstance(answers[2], StatusError)
    assert answers[2].code is Code.INVALID_ARGUMENT
    assert [answers[at]["y"].tolist() for at in (0, 1, 3)] == [[2], [4], [8]]
    # The whole, its halves, and the halves of the half that fails.
    assert model.calls == [[1, 2, -3, 4], [1, 2], [-3, 4], [-3], [4]]


def test_a_failure_that_is_no_status_is_internal_and_shows_nothing():
    async def scenario(batcher, model):
        with pytest.raises(StatusError) as caught:
            await batcher.submit({"z": np.zeros(1)}, 1)
        return caught.value

    error, _ = run(scenario)
    assert error.code is Code.INTERNAL
    assert "KeyError" not in error.message


def test_rows_of_other_width_are_not_joined():
    async def scenario(batcher, model):
        wide = {"x": np.ones((1, 3), np.float32)}
        narrow = {"x": np.ones((1, 2), np.float32)}
        return await asyncio.gather(batcher.submit(wide, 1), batcher.submit(narrow, 1))

    answers, model = run(scenario)
    assert [answer["y"].shape for answer in answers] == [(1, 3), (1, 2)]
    assert len(model.calls) == 2


def test_a_full_queue_refuses_and_recovers():
    async def scenario(batcher, model):
        model.gate.clear()
        first = [asyncio.ensure_future(batcher.submit(x(n), 1)) for n in range(4)]
        await asyncio.sleep(0)  # the first four run, and wait at the gate
        queued = [asyncio.ensure_future(batcher.submit(x(n), 1)) for n in (4, 5, 6)]
        await asyncio.sleep(0)
        with pytest.raises(StatusError) as caught:
            await batcher.submit(x(7, 8), 2)
        last = asyncio.ensure_future(batcher.submit(x(7), 1))
        model.gate.set()
        answers = await asyncio.gather(*first, *queued, last)
        again = await batcher.submit(x(8), 1)
        return caught.value, [answer["y"].item() for answer in answers], again["y"].item()

    (error, answers, again), _ = run(scenario, max_enqueued_rows=4)
    assert error.code is Code.RESOURCE_EXHAUSTED
    assert answers == [0, 2, 4, 6, 8, 10, 12, 14]
    assert again == 16


def test_a_request_whose_client_left_is_not_run():
    async def scenario(batcher, model):
        model.gate.clear()
        first = asyncio.ensure_future(batcher.submit(x(1, 1, 1, 1), 4))
        await asyncio.sleep(0)
        left = asyncio.ensure_future(batcher.submit(x(2), 1))
        stays = asyncio.ensure_future(batcher.submit(x(3), 1))
        await asyncio.sleep(0)
        left.cancel()
        model.gate.set()
        await asyncio.gather(first, stays)

    _, model = run(scenario)
    assert model.calls == [[1, 1, 1, 1], [3]]


def test_drain_waits_for_what_was_taken():
    async def scenario(batcher, model):
        waiting = [asyncio.ensure_future(batcher.submit(x(n), 1)) for n in range(6)]
        await asyncio.sleep(0)
        await batcher.drain()
        answered = sorted(len(call) for call in model.calls)
        await asyncio.gather(*waiting)
        return answered

    answered, _ = run(scenario)
    assert answered == [2, 4]


def test_outputs_without_a_row_for_each_row_are_an_error():
    async def main():
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(lambda inputs: {"y": np.float32(1)}, executor, Batching())
            await batcher.submit(x(1), 1)

    with pytest.raises(StatusError, match="row for each row"):
        asyncio.run(main())


@pytest.mark.parametrize("name", ["max_batch_size", "max_enqueued_rows", "num_batch_threads"])
def test_sizes_must_be_positive(name):
    with pytest.raises(ValueError, match=name):
        Batching(**{name: 0})
