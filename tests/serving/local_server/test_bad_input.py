"""What a hostile or unlucky client can do to the local server; other clients must not notice."""

import asyncio
import base64
import json
import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from serving.client import AsyncClient, Client, Endpoint, InvalidRequestError, RetryPolicy
from serving.local_server import server


@pytest.fixture
def url(toy_server):
    return f"{toy_server.rest_url}/v1/models/faceauth:predict"


@pytest.fixture(autouse=True)
def lives_on(toy_server, toy_model, png):
    """After each test the server answers both APIs, and right."""
    yield
    expected = toy_model.embed([png(1)])
    for address in (toy_server.rest_url, f"grpc://{toy_server.grpc_target}"):
        with Client(Endpoint(address)) as client:
            np.testing.assert_allclose(client.embed([png(1)]), expected, atol=1e-5)


@pytest.fixture(scope="module")
def bomb():
    """A PNG of 300 kilobytes that unfolds to 10,000 x 10,000 pixels, 300 megabytes."""
    side = 10_000

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    row = b"\0" + b"\0" * (side * 3)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_a_decompression_bomb_is_refused(toy_server, bomb, kind):
    assert len(bomb) < 500_000
    address = toy_server.rest_url if kind == "rest" else f"grpc://{toy_server.grpc_target}"
    with (
        Client(Endpoint(address)) as client,
        pytest.raises(InvalidRequestError, match="10000 x 10000 pixels"),
    ):
        client.embed([bomb])


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_requests_joined_with_a_bad_one_are_unharmed(toy_server, toy_model, png, kind):
    address = toy_server.rest_url if kind == "rest" else f"grpc://{toy_server.grpc_target}"
    # A header that is fine before data that are not: only the model can find out.
    broken = png(3)[:200]
    images = [png(1), png(2), broken, png(4), png(5), broken, png(6), png(7)]

    async def ask():
        async with AsyncClient(Endpoint(address)) as client:
            return await asyncio.gather(
                *(client.embed([image]) for image in images), return_exceptions=True
            )

    answers = asyncio.run(ask())
    for image, answer in zip(images, answers, strict=True):
        if image is broken:
            assert isinstance(answer, InvalidRequestError)
        else:
            np.testing.assert_allclose(answer, toy_model.embed([image]), atol=1e-5)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[1, 2]", "object"),
        (b"[" * 100_000, "JSON"),
        (b'{"instances": [], "inputs": []}', "either"),
        (b"{}", "either"),
        (b'{"signature_name": 3, "inputs": []}', "string"),
        (b'{"signature_name": "embed", "inputs": {"image": [{"b64": "n@t base64"}]}}', "base64"),
        (b'{"signature_name": "embed", "instances": [{"b64": "aGVsbG8="}]}', "not a JPEG or PNG"),
        (b'{"signature_name": "embed", "instances": [null]}', "NoneType"),
        (b'{"signature_name": "embed", "instances": {"a": 1}}', "list"),
        (b'{"signature_name": "no_such", "inputs": {}}', "no_such"),
        (b'{"signature_name": "a\\ud800", "inputs": {}}', "not found"),
        (b'{"signature_name": "embed", "inputs": {"\\ud800": 1}}', "not known"),
        (b'{"signature_name": "embed", "inputs": ["\\ud800"]}', "not Unicode"),
        (b'{"inputs": {"image_a": ' + b"[" * 33 + b"1" + b"]" * 33 + b"}}", "missing"),
        (b'{"signature_name": "embed", "inputs": ' + b"[" * 33 + b"]" * 33 + b"}", "dimensions"),
    ],
)
def test_a_bad_body_is_a_400_with_a_reason(url, body, says):
    answer = httpx.post(url, content=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_a_body_of_numbers_is_refused_before_they_are_read(url, monkeypatch):
    from serving.local_server import json_tensors

    monkeypatch.setattr(json_tensors, "json", None)
    for name in ("embed", "compare"):
        start = f'{{"signature_name": "{name}", "inputs": ['.encode()
        answer = httpx.post(url, content=start + b"0," * 400_000 + b"0]}")
        assert answer.status_code == 429
        # 64 rows may wait; the largest has two embeddings of 8 numbers.
        assert "more than the 2024 values of 64 rows" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/faceauth:predict"),
        ("POST", "/v1/models/faceauth"),
        ("POST", "/v1/models/faceauth:classify"),
        ("DELETE", "/v1/models/faceauth"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/faceauth/versions/abc"),
        ("GET", "/"),
        ("GET", "/v1/models/../../etc/passwd"),
    ],
)
def test_a_path_that_is_none_is_a_400(toy_server, method, path):
    answer = httpx.request(method, toy_server.rest_url + path)
    assert answer.status_code == 400
    assert "Malformed request" in answer.json()["error"]


def test_a_body_over_the_limit_is_refused_with_and_without_its_length(url):
    large = b"x" * (2**20 + 1)
    answer = httpx.post(url, content=large)
    assert answer.status_code == 413
    assert "1048576 bytes" in answer.json()["error"]

    def parts():
        for _ in range(20):
            yield b"x" * 100_000

    with suppress(httpx.WriteError):  # the server may close while the client still sends
        assert httpx.post(url, content=parts()).status_code == 413


def test_a_message_over_the_limit_is_refused(toy_server):
    from serving.client import OverloadedError

    endpoint = Endpoint(f"grpc://{toy_server.grpc_target}")
    with (
        Client(endpoint, RetryPolicy(attempts=1)) as client,
        pytest.raises(OverloadedError, match="larger than max"),
    ):
        client.embed([b"x" * (2**20 + 1)])


def head(url, length):
    host = url.split("/")[2]
    path = "/" + url.split("/", 3)[3]
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def body_of(image):
    content = base64.b64encode(image).decode()
    return json.dumps({"signature_name": "embed", "instances": [{"b64": content}]}).encode()


def connect(toy_server):
    return socket.create_connection(("127.0.0.1", toy_server.rest_port), timeout=30)


def test_a_slow_client_is_told_and_holds_up_no_other(toy_server, url, png):
    body = body_of(png(1))
    with connect(toy_server) as slow:
        slow.sendall(head(url, len(body)) + body[:10])
        assert httpx.post(url, content=body).status_code == 200
        status = slow.recv(12)
        assert status == b"HTTP/1.1 408"
        # Head and body may come apart.
        answer = b""
        while b"did not arrive within 1 s" not in answer:
            more = slow.recv(10_000)
            assert more, answer
            answer += more


@pytest.mark.parametrize("sent", [b"", b"POST /v1/models/faceauth:predict HTTP/1.1\r\nHo"])
def test_a_connection_without_a_whole_head_is_closed(toy_server, sent):
    with connect(toy_server) as idle:
        idle.sendall(sent)
        begin = time.monotonic()
        assert idle.recv(100) == b""
        assert 0.5 < time.monotonic() - begin < 10


@pytest.mark.parametrize("sent", [b"", b"POST /v1/models/faceauth:predict HTTP/1.1\r\nHo"])
def test_silent_connections_keep_nobody_out(toy_server, url, png, sent):
    # More than may be open, 64, and before any of them takes too long.
    with ExitStack() as silent:
        for _ in range(100):
            silent.enter_context(connect(toy_server)).sendall(sent)
        assert httpx.post(url, content=body_of(png(1))).status_code == 200


def test_a_further_request_must_be_whole_in_time_too(toy_server, url, png):
    body = body_of(png(1))
    with connect(toy_server) as client:
        client.sendall(head(url, len(body)) + body)
        while b"predictions" not in client.recv(10_000):
            pass
        # Longer than a head may take, and as long as a client likes before it asks again.
        time.sleep(1.5)
        client.sendall(head(url, len(body)) + body)
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        while b"predictions" not in client.recv(10_000):
            pass
        client.sendall(head(url, len(body))[:20])
        assert client.recv(100) == b""


def test_a_client_that_leaves_in_the_middle_is_forgotten(toy_server, url, png, caplog):
    body = body_of(png(1))
    for sent in (b"", head(url, len(body)), head(url, len(body)) + body[:10]):
        with connect(toy_server) as client:
            client.sendall(sent)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with connect(toy_server) as half:
        half.sendall(head(url, len(body)) + body)
        half.shutdown(socket.SHUT_WR)
        half.recv(10_000)  # an answer or a closed connection, as the server likes
    with connect(toy_server) as half:
        half.sendall(head(url, len(body)) + body[:10])
        half.shutdown(socket.SHUT_WR)
        assert b"200 OK" not in half.recv(10_000)
    assert "Traceback" not in caplog.text


def test_garbage_on_either_port_is_dropped(toy_server):
    for port in (toy_server.rest_port, toy_server.grpc_port):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"\x00\xff" * 500 + b"\r\n\r\n")
            with suppress(ConnectionError):
                client.recv(10_000)


def test_a_grpc_client_that_gives_up_leaves_nothing_behind(toy_server, png):
    from serving.client import DeadlineError

    endpoint = Endpoint(f"grpc://{toy_server.grpc_target}", timeout_s=1e-3)

    def give_up(_):
        # Late or, on a quick machine, in time; any other error fails the test.
        with Client(endpoint) as client, suppress(DeadlineError):
            client.embed([png(1)])

    with ThreadPoolExecutor(4) as clients:
        list(clients.map(give_up, range(8)))


class PollerCompletionQueue:
    """As gRPC's, which all event loops of a process listen to, finds its pipe empty."""

    def _handle_events(self) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")


def test_an_event_that_another_loop_took_is_no_error_and_all_else_is(caplog):
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(server._report)
    loop.call_soon(PollerCompletionQueue()._handle_events)
    loop.run_until_complete(asyncio.sleep(0))
    assert not caplog.records
    loop.call_soon(Path("missing").stat)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert [type(record.exc_info[1]) for record in caplog.records] == [FileNotFoundError]
