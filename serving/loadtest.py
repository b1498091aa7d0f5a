"""``faceauth loadtest``: closed-loop clients against a server, and what they got for it.

Each client sends a row, waits for the answer and sends the next. When the time is up, each answer
is checked against what the SavedModel says in this process. The local server runs as a process of
its own on this machine; another server is named by ``--url`` or ``--grpc_url``.
"""

import argparse
import asyncio
import io
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import uvloop

from serving.client import AsyncClient, Endpoint, RetryPolicy, ServingError
from serving.server_process import free_port, running, wait_until_available
from serving.versions import newest_version, versions_in

# Answers differ this much at most between batch sizes and processes.
TOLERANCE: Final = 1e-4
_IMAGES: Final = 64
_START_TIMEOUT_S: Final = 300.0
_HEADER: Final = (
    f"{'signature':16} {'api':5} {'clients':>7} {'rows/s':>8} {'p50 ms':>8} {'p95 ms':>8} "
    f"{'p99 ms':>8} {'errors':>7} {'wrong':>6} {'in process':>11} {'ratio':>6}"
)


@dataclass
class Load:
    """What clients got from a server in a time.

    Args:
        seconds: How long they asked.
        latencies_s: Of each right answer.
        errors: How many calls failed, by the error's code.
        wrong: How many answers differed from the SavedModel's.
    """

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    wrong: int = 0

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return len(self.latencies_s) / self.seconds if self.seconds else 0.0

    @property
    def failed(self) -> int:
        """Calls without a right answer."""
        return sum(self.errors.values()) + self.wrong

    def percentile_ms(self, percent: float) -> float:
        """Returns a percentile of the latencies in milliseconds; NaN without any."""
        return 1e3 * float(np.percentile(self.latencies_s, percent)) if self.latencies_s else np.nan


@dataclass(frozen=True)
class Work:
    """What is asked, and what is right: row ``i`` of each signature, and its answer.

    Args:
        images: JPEG or PNG files.
        embeddings: float32 [N, D], of ``images``.
        distances: float32 [N], of each image to the next one, the last to the first.
    """

    images: list[bytes]
    embeddings: np.ndarray
    distances: np.ndarray

    def next(self, row: int) -> int:
        """Returns which image ``row`` is compared with."""
        return (row + 1) % len(self.images)

    def ask(self, client: AsyncClient, signature: str) -> Callable[[int], Awaitable[Any]]:
        """Returns what asks for a row: its answer is an embedding, float32 [D], or a distance."""

        async def embed(row: int) -> np.ndarray:
            return (await client.embed([self.images[row]]))[0]

        async def compare(row: int) -> float:
            other = self.embeddings[self.next(row)]
            return (await client.compare(self.embeddings[row], other))[0].distance

        async def verify(row: int) -> float:
            return (await client.verify(self.images[row], self.images[self.next(row)])).distance

        return {"embed": embed, "compare": compare, "serving_default": verify}[signature]

    def right(self, signature: str) -> np.ndarray:
        """Returns the right answer of each row, as ``ask`` has it."""
        return self.embeddings if signature == "embed" else self.distances


async def run_clients(
    ask: Callable[[int], Awaitable[Any]], right: np.ndarray, clients: int, seconds: float
) -> Load:
    """Returns what so many closed-loop clients got in so many seconds.

    Args:
        ask: Asks for a row.
        right: The right answer of each row.
        clients: How many ask at one time.
        seconds: After which no new call is begun.
    """
    load = Load()
    # Checked afterwards: meanwhile the cores are the server's.
    answers: list[tuple[int, float, Any]] = []
    begin = time.perf_counter()

    async def client(number: int) -> None:
        row = number
        while time.perf_counter() - begin < seconds:
            sent = time.perf_counter()
            try:
                answer = await ask(row % len(right))
                answers.append((row % len(right), time.perf_counter() - sent, answer))
            except ServingError as error:
                load.errors[error.code] = load.errors.get(error.code, 0) + 1
            row += 1

    await asyncio.gather(*(client(number) for number in range(clients)))
    load.seconds = time.perf_counter() - begin
    for row, latency_s, answer in answers:
        if np.allclose(answer, right[row], rtol=0, atol=TOLERANCE):
            load.latencies_s.append(latency_s)
        else:
            load.wrong += 1
    return load


class InProcess:
    """The SavedModel in this process: what is right, and how fast it is without a server.

    Args:
        version: The folder that holds ``saved_model.pb``.
    """

    def __init__(self, version: Path) -> None:
        import tensorflow as tf

        self._model: Any = tf.saved_model.load(str(version))
        self._constant = tf.constant

    def work(self, images: list[bytes]) -> Work:
        """Returns the work that ``images`` make, with its answers."""
        signatures = self._model.signatures
        embeddings = signatures["embed"](image=self._constant(images))["embedding"]
        others = self._constant(np.roll(embeddings.numpy(), -1, axis=0))
        compared = signatures["compare"](embedding_a=embeddings, embedding_b=others)
        return Work(images, embeddings.numpy(), compared["distance"].numpy())

    def rate(self, work: Work, signature: str, rows: int, seconds: float) -> float:
        """Returns the rows a second of calls with so many rows each."""
        function = self._model.signatures[signature]
        inputs = self._inputs(work, signature, rows)
        function(**inputs)
        calls, begin = 0, time.perf_counter()
        while (passed := time.perf_counter() - begin) < seconds:
            function(**inputs)
            calls += 1
        return calls * rows / passed

    def _inputs(self, work: Work, signature: str, rows: int) -> dict[str, Any]:
        take = [at % len(work.images) for at in range(rows)]
        images = self._constant([work.images[at] for at in take])
        embeddings = self._constant(work.embeddings[take])
        if signature == "embed":
            return {"image": images}
        if signature == "compare":
            return {"embedding_a": embeddings, "embedding_b": embeddings}
        return {"image_a": images, "image_b": images}


def synthetic_images(count: int, side: int = 250) -> list[bytes]:
    """Returns JPEGs of smooth random patterns, about as large as a photo of a face."""
    from PIL import Image

    random = np.random.default_rng(0)
    images = []
    for _ in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        images.append(buffer.getvalue())
    return images


@contextmanager
def local_server(base: Path) -> Iterator[tuple[str, str]]:
    """Runs a local server in a process of its own; yields its REST and gRPC URLs.

    Raises:
        NotServing: It does not start.
    """
    from serving.client.grpc_transport import GrpcTransport

    rest, grpc = free_port(), free_port()
    command = [sys.executable, "-m", "serving.local_server", "--model_base_path", str(base)]
    command += ["--rest_port", str(rest), "--grpc_port", str(grpc)]
    transport = GrpcTransport(Endpoint(f"grpc://127.0.0.1:{grpc}"))
    with tempfile.TemporaryDirectory() as folder, closing(transport):
        log = Path(folder, "server.log")
        with running(command, log) as process:
            wait_until_available(transport, process, log, _START_TIMEOUT_S)
            yield f"http://127.0.0.1:{rest}", f"grpc://127.0.0.1:{grpc}"


async def measure(
    url: str, work: Work, signature: str, clients: int, seconds: float
) -> tuple[Load, int]:
    """Returns the load on a server, and the version that answered last."""
    endpoint = Endpoint(url, timeout_s=60)
    # No retries: what a retry would hide is what is looked for.
    async with AsyncClient(endpoint, RetryPolicy(attempts=1)) as client:
        ask = work.ask(client, signature)
        await ask(0)
        load = await run_clients(ask, work.right(signature), clients, seconds)
        return load, await client.version()


def report(load: Load, signature: str, api: str, clients: int, in_process: float) -> None:
    """Prints a line of the table."""
    ratio = f"{load.rate / in_process:6.2f}" if in_process else "      "
    print(
        f"{signature:16} {api:5} {clients:7d} {load.rate:8.1f} {load.percentile_ms(50):8.1f} "
        f"{load.percentile_ms(95):8.1f} {load.percentile_ms(99):8.1f} "
        f"{sum(load.errors.values()):7d} {load.wrong:6d} {in_process:11.1f} {ratio}",
        flush=True,
    )
    for code, count in load.errors.items():
        print(f"  {count} x {code}")


def swap_under_load(base: Path, work: Work, seconds: float) -> int:
    """Pushes a new version in the middle of a load of 16 clients; returns the failed calls."""
    version = versions_in(base)[-1]

    async def push() -> None:
        await asyncio.sleep(seconds / 4)
        await asyncio.to_thread(shutil.copytree, base / str(version), base / "pushing")
        (base / "pushing").rename(base / str(version + 1))

    async def both(url: str) -> tuple[Load, int]:
        measured, _ = await asyncio.gather(
            measure(url, work, "serving_default", 16, seconds), push()
        )
        return measured

    with local_server(base) as (_, grpc_url):
        load, last = uvloop.run(both(grpc_url))
    swapped = "done" if last == version + 1 else "NOT SEEN; give it more seconds"
    print(
        f"\nmodel swap in the middle: {swapped}; {len(load.latencies_s)} right answers, "
        f"{load.failed} lost or wrong"
    )
    return load.failed + (last != version + 1)


def run(given: argparse.Namespace) -> int:
    """Prints the table.

    Raises:
        ValueError: There is no model.
        RuntimeError: A call was lost or answered wrong.
    """
    # gRPC's thread and the clients' loop take turns; by default a turn is 5 ms.
    sys.setswitchinterval(0.0005)
    try:
        version = newest_version(given.model)
    except ValueError as error:
        raise ValueError(f"{error}; run the pipeline first") from None
    images = synthetic_images(_IMAGES)
    if given.images is not None:
        files = sorted(given.images.rglob("*.jp*g"))[:_IMAGES]
        images = [file.read_bytes() for file in files] or images
    inside = InProcess(version)
    work = inside.work(images)
    # First, and alone: what a server and its clients share is then not shared with this.
    rates = {
        (signature, clients): inside.rate(work, signature, clients, given.seconds)
        for signature in given.signatures
        for clients in given.clients
    }
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "faceauth")
        shutil.copytree(version, base / (version.name if version.name.isdecimal() else "1"))
        named = {"rest": given.url, "grpc": given.grpc_url}
        if any(named.values()):
            failed += _table(named, work, rates, given.seconds)
        else:
            with local_server(base) as (rest, grpc):
                failed += _table({"rest": rest, "grpc": grpc}, work, rates, given.seconds)
            failed += swap_under_load(base, work, max(given.seconds, 30.0))
    if failed:
        raise RuntimeError(f"{failed} calls were lost or answered wrong")
    return 0


def _table(
    urls: dict[str, str | None],
    work: Work,
    rates: dict[tuple[str, int], float],
    seconds: float,
) -> int:
    print(_HEADER)
    failed = 0
    for (signature, clients), rate in rates.items():
        for api, url in urls.items():
            if url:
                load, _ = uvloop.run(measure(url, work, signature, clients, seconds))
                report(load, signature, api, clients, rate)
                failed += load.failed
    return failed
