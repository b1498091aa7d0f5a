import asyncio

import numpy as np
import pytest

from serving.client import UnavailableError
from serving.loadtest import InProcess, Load, measure, run_clients, synthetic_images


@pytest.fixture(scope="module")
def work(toy_base, png):
    return InProcess(toy_base / "1").work([png(seed) for seed in range(5)])


def test_the_answers_expected_are_the_models(work, toy_model, png):
    images = [png(seed) for seed in range(5)]
    np.testing.assert_allclose(work.embeddings, toy_model.embed(images), atol=1e-5)
    expected = toy_model.distance(images, images[1:] + images[:1])
    np.testing.assert_allclose(work.distances, expected, atol=1e-5)


@pytest.mark.parametrize("signature", ["embed", "compare", "serving_default"])
@pytest.mark.parametrize("api", ["rest", "grpc"])
def test_a_sound_server_loses_nothing_and_is_right(toy_server, work, signature, api):
    url = toy_server.rest_url if api == "rest" else f"grpc://{toy_server.grpc_target}"
    load, version = asyncio.run(measure(url, work, signature, clients=4, seconds=0.2))
    assert load.failed == 0
    assert len(load.latencies_s) >= 4
    assert version == 1


def test_wrong_answers_and_errors_are_counted():
    async def ask(row):
        await asyncio.sleep(0)
        if row == 1:
            raise UnavailableError("x", "UNAVAILABLE", "away")
        return 9.0 if row == 2 else 1.0 + row

    right = np.array([1.0, 2.0, 3.0, 4.0])
    load = asyncio.run(run_clients(ask, right, clients=1, seconds=0.05))
    assert load.wrong > 0
    assert set(load.errors) == {"UNAVAILABLE"}
    # Of each four rows, two are right.
    assert abs(len(load.latencies_s) - load.failed) <= 2


def test_the_numbers_of_a_load():
    load = Load(seconds=2.0, latencies_s=[0.001] * 98 + [0.1, 0.1], errors={"INTERNAL": 3}, wrong=1)
    assert load.rate == 50
    assert load.failed == 4
    assert load.percentile_ms(50) == pytest.approx(1)
    assert load.percentile_ms(99) == pytest.approx(100)
    assert np.isnan(Load().percentile_ms(50))


def test_synthetic_images_differ():
    images = synthetic_images(3)
    assert len(set(images)) == 3
    assert images == synthetic_images(3)
