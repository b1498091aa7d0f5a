"""A local server for an hour: mixed load, another version each minute, and a hostile tenth.

    python -m benchmarks.soak serving/models/faceauth --minutes 60

Clients embed, verify and compare over REST and gRPC, without retries; each answer is compared with
the model's in this process. Another one sends what no client should: bodies that are no JSON, deep
nests, wrong shapes, photos that are none, requests that stop in the middle and connections that say
nothing. Each minute a copy of the model is pushed under the next number, and the one before the
last is removed.

A line a minute: answers, lost calls, wrong answers, hostile requests by status (0: the connection
was closed), and the server's resident memory. Exit code 1 if anything was lost or wrong, if a
hostile request got a 5xx, or if the memory at the end is above that at half time by over a tenth.
"""

import argparse
import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from serving.client.client import AsyncClient
from serving.client.endpoint import Endpoint
from serving.client.retry import RetryPolicy
from serving.loadtest import InProcess, Load, Work, local_server, run_clients, synthetic_images
from serving.versions import newest_version

_SIGNATURES = ("embed", "serving_default", "compare")
_CLIENTS = 4  # Of each signature and API.
_PAUSE_S = 0.05  # Between two requests of the hostile client.
_ROUND_S = 60.0


def hostile_requests() -> list[bytes]:
    """What no client should send, as bodies of a predict call."""
    return [
        b"",
        b"no json",
        b"[" * 10_000,
        b'{"instances": ' + b"[" * 33 + b"]" * 33 + b"}",
        b'{"instances": ["\\ud800"]}',
        b'{"instances": [{"b64": "aGFsbG8="}]}',
        b'{"instances": [{"image_a": {"b64": "x"}, "image_b": 7}]}',
        b'{"signature_name": "embed", "inputs": {"image": [1, 2, 3]}}',
        b'{"signature_name": "compare", "inputs": {"embedding_a": [[1]], "embedding_b": [[NaN]]}}',
        b'{"signature_name": "none", "instances": []}',
        b'{"instances": [' + b"1," * 500_000 + b"1]}",
    ]


async def send(host: str, port: int, path: str, body: bytes, says: int | None = None) -> int:
    """Sends one request; returns the status, or 0 where the server closed without one."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {says or len(body)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        with suppress(ConnectionError):
            await writer.drain()
        if says is not None:
            writer.write_eof()
        line = b""
        with suppress(ConnectionError):
            line = await asyncio.wait_for(reader.readline(), 30)
        return int(line.split()[1]) if line else 0
    finally:
        writer.close()


async def be_hostile(url: str, model: str, seconds: float) -> Counter[int]:
    """Sends hostile requests one after the other; counts what came back by status."""
    place = urlsplit(url)
    host, port = str(place.hostname), int(place.port or 80)
    path = f"/v1/models/{model}:predict"
    statuses: Counter[int] = Counter()
    silent = [await asyncio.open_connection(host, port) for _ in range(20)]
    end = time.monotonic() + seconds
    for body in itertools.cycle(hostile_requests()):
        if time.monotonic() > end:
            break
        statuses[await send(host, port, path, body)] += 1
        statuses[await send(host, port, path, body[:10], says=len(body) + 100)] += 1
        await asyncio.sleep(_PAUSE_S)
    for _, writer in silent:
        writer.close()
    return statuses


async def be_served(url: str, work: Work, signature: str, seconds: float) -> Load:
    """A load of some clients on one signature."""
    async with AsyncClient(Endpoint(url, timeout_s=60), RetryPolicy(attempts=1)) as client:
        return await run_clients(
            work.ask(client, signature), work.right(signature), _CLIENTS, seconds
        )


async def one_round(
    urls: tuple[str, str], work: Work, seconds: float
) -> tuple[list[Load], Counter[int]]:
    """All clients at once, for so many seconds."""
    *loads, statuses = await asyncio.gather(
        *(
            be_served(url, work, signature, seconds)
            for url, signature in itertools.product(urls, _SIGNATURES)
        ),
        be_hostile(urls[0], "faceauth", seconds),
    )
    return loads, statuses


def server_memory() -> float:
    """Resident memory of the largest child of this process, in MiB."""
    children = psutil.Process().children(recursive=True)
    return max(child.memory_info().rss for child in children) / 2**20


def main() -> int:
    """Runs the soak; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("model", type=Path, help="the folder of the model's versions")
    parser.add_argument("--minutes", type=int, default=60)
    given = parser.parse_args()
    source = newest_version(given.model)
    work = InProcess(source).work(synthetic_images(32))
    right = lost = wrong = refused = failed = 0
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "faceauth")
        shutil.copytree(source, base / "1")
        with local_server(base) as urls:
            for minute in range(1, given.minutes + 1):
                shutil.copytree(source, base / "pushing")
                (base / "pushing").rename(base / str(minute + 1))
                if minute > 1:
                    shutil.rmtree(base / str(minute - 1))
                loads, statuses = asyncio.run(one_round(urls, work, _ROUND_S))
                right += sum(len(load.latencies_s) for load in loads)
                lost += sum(sum(load.errors.values()) for load in loads)
                wrong += sum(load.wrong for load in loads)
                refused += sum(statuses.values())
                failed += sum(count for status, count in statuses.items() if status >= 500)
                memory.append(server_memory())
                print(
                    f"minute {minute}: {right:,} right, {lost} lost, {wrong} wrong; hostile "
                    f"{dict(sorted(statuses.items()))}; {memory[-1]:.0f} MiB",
                    flush=True,
                )
    half, end = memory[len(memory) // 2], memory[-1]
    print(
        f"{right:,} right answers, {lost} lost, {wrong} wrong; {refused:,} hostile requests, "
        f"{failed} answered with 5xx; {half:.0f} MiB at half time, {end:.0f} MiB at the end"
    )
    return int(bool(lost or wrong or failed) or end > 1.1 * half)


if __name__ == "__main__":
    sys.exit(main())
