"""How a client learns what a model wants, over REST and gRPC, and from models that do not say."""

import asyncio

import numpy as np
import pytest

from faces import DLIB_150
from serving.client import AsyncClient, Client, ContractError, Endpoint, InvalidRequestError


class Says:
    """A transport that answers with one thing, and counts."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = 0

    def predict(self, call, timeout_s):
        self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"canvas": np.array([self.answer], object)}

    def close(self):
        pass


def client(answer):
    return Client(Endpoint("http://nowhere:1"), transport=Says(answer))


@pytest.mark.parametrize("api", ["rest", "grpc"])
def test_a_served_model_says_how_it_wants_its_faces(face_server, toy_server, api):
    def endpoint(server):
        return Endpoint(server.rest_url if api == "rest" else f"grpc://{server.grpc_target}")

    async def ask():
        async with AsyncClient(endpoint(face_server)) as client:
            return await client.canvas()

    with Client(endpoint(face_server)) as known:
        assert known.canvas() == DLIB_150
        with known.pinned() as pinned:
            assert pinned.canvas() == DLIB_150
    assert asyncio.run(ask()) == DLIB_150
    with Client(endpoint(toy_server)) as known:
        assert known.canvas() is None


def test_it_is_asked_once(face_record):
    for answer in (face_record, face_record.encode(), "", '{"canvas": null}'):
        asked = client(answer)
        assert (
            asked.canvas() == asked.canvas() == (DLIB_150 if face_record in str(answer) else None)
        )
        assert asked._transport.calls == 1


def test_a_model_without_the_signature(face_record):
    for message in (
        'Serving signature key "canvas" not found.',
        'Serving signature name: "canvas" not found in signature def (HTTP 400)',
    ):
        error = InvalidRequestError("http://nowhere:1", "INVALID_ARGUMENT", message)
        assert client(error).canvas() is None
    other = InvalidRequestError("http://nowhere:1", "INVALID_ARGUMENT", "too large")
    with pytest.raises(InvalidRequestError):
        client(other).canvas()


def test_something_else_is_no_record():
    with pytest.raises(ContractError, match="signature 'canvas' answered with something else"):
        client("hello").canvas()
