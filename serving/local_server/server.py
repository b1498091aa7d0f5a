"""Puts the parts together: ports, polling, health, start and stop."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc
import uvicorn
from google.protobuf import text_format
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as aio_health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from tensorflow_serving.apis.model_service_pb2_grpc import add_ModelServiceServicer_to_server
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    add_PredictionServiceServicer_to_server,
)
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.http_limits import http_protocol
from serving.local_server.grpc_service import (
    MODEL_SERVICE,
    PREDICTION_SERVICE,
    ModelServicer,
    PredictionServicer,
)
from serving.local_server.manager import ModelManager
from serving.local_server.metrics import Metrics
from serving.local_server.options import Options
from serving.local_server.rest import rest_app
from serving.local_server.servable import Servable
from serving.local_server.service import Service
from serving.local_server.status import StatusError

_LOG = logging.getLogger(__name__)
_HEALTH_NAMES: Final = ("", PREDICTION_SERVICE, MODEL_SERVICE)
_GRACE_S: Final = 10.0


def read_config(path: Path) -> ModelServerConfig:
    """Returns the ``ModelServerConfig`` in a text file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no such config; the message has the line.
    """
    try:
        config = text_format.Parse(path.read_text(encoding="utf-8"), ModelServerConfig())
    except text_format.ParseError as error:
        raise ValueError(f"{path}:{error}; it must be a ModelServerConfig in text format") from None
    return config


class _RestServer(uvicorn.Server):
    """Leaves signals to the program: gRPC has to end with it, and uvicorn knows nothing of that."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class LocalServer:
    """REST and gRPC on one event loop. Make it, ``await start()``, and ``await stop()``.

    Args:
        options: See ``Options``.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self.metrics = Metrics()
        self._executor = ThreadPoolExecutor(
            options.batching.num_batch_threads, thread_name_prefix="model"
        )
        self._config_seen: bytes = b""
        self._tasks: list[asyncio.Task[None]] = []
        self.rest_port = 0
        self.grpc_port = 0

    @property
    def rest_url(self) -> str:
        """The base URL of the REST API, once started."""
        return f"http://{self._options.host}:{self.rest_port}"

    @property
    def grpc_target(self) -> str:
        """The address of the gRPC API, once started."""
        return f"{self._options.host}:{self.grpc_port}"

    async def start(self) -> None:
        """Loads what there is and opens the ports.

        Raises:
            OSError: A port is taken, or the config file cannot be read.
            ValueError: The config file is not a config.
        """
        limits = self._options.limits
        load = partial(Servable.load, self._executor, self._options.batching, self.metrics.batch)
        self._health = aio_health.HealthServicer()
        self.manager = ModelManager(self._initial_config(), load, self._changed)
        await self.manager.poll()
        await self._set_health()
        service = Service(self.manager, limits, self.metrics)

        self._grpc = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limits.max_body_bytes),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=limits.max_connections,
        )
        add_PredictionServiceServicer_to_server(PredictionServicer(service), self._grpc)
        add_ModelServiceServicer_to_server(ModelServicer(service), self._grpc)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        address = f"{self._options.host}:{self._options.grpc_port}"
        try:
            self.grpc_port = self._grpc.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: take another --grpc_port") from error
        rest_socket = self._listen()
        await self._grpc.start()

        self._rest = _RestServer(
            uvicorn.Config(
                rest_app(service),
                http=http_protocol(limits.head_timeout_s, limits.max_connections),
                log_level="warning",
                access_log=False,
                lifespan="off",
                limit_concurrency=limits.max_connections,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=int(_GRACE_S),
            )
        )
        self._tasks = [
            asyncio.create_task(self._rest.serve(sockets=[rest_socket])),
            asyncio.create_task(self._poll()),
        ]
        while not self._rest.started:
            if self._tasks[0].done():
                raise OSError("the REST server did not start; see the log")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Takes no new requests, answers those it has, and closes the ports."""
        await self._health.enter_graceful_shutdown()
        self._rest.should_exit = True
        polling = self._tasks[1]
        polling.cancel()
        await self._grpc.stop(_GRACE_S)
        await self._tasks[0]
        with suppress(asyncio.CancelledError):
            await polling
        self._executor.shutdown(wait=True)

    def _listen(self) -> socket.socket:
        address = (self._options.host, self._options.rest_port)
        try:
            listening = socket.create_server(address)
        except OSError as error:
            raise OSError(
                f"cannot listen on {address[0]}:{address[1]} ({error.strerror}): take another "
                "--rest_port"
            ) from error
        # Without it, an answer's second packet waits 40 ms for the acknowledgement of the first;
        # asyncio sets it only on sockets it made itself.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest_port = listening.getsockname()[1]
        return listening

    def _initial_config(self) -> ModelServerConfig:
        if self._options.model_config_file is not None:
            path = Path(self._options.model_config_file)
            self._config_seen = path.read_bytes()
            return read_config(path)
        config = ModelServerConfig()
        config.model_config_list.config.add(
            name=self._options.model_name,
            base_path=self._options.model_base_path,
            model_platform="tensorflow",
        )
        return config

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._options.poll_seconds)
            try:
                await self._reread()
                await self.manager.poll()
            except (OSError, ValueError, StatusError) as error:
                _LOG.error("%s; serving as before", error)
            await self._set_health()

    async def _reread(self) -> None:
        if self._options.model_config_file is None:
            return
        path = Path(self._options.model_config_file)
        content = path.read_bytes()
        if content != self._config_seen:
            self._config_seen = content
            await self.manager.apply(read_config(path))
            _LOG.info("took over %s", path)

    def _changed(self, name: str, versions: Sequence[int]) -> None:
        self.metrics.available(name, len(versions))

    async def _set_health(self) -> None:
        states = HealthCheckResponse.ServingStatus
        state = states.SERVING if self.manager.ready() else states.NOT_SERVING
        for name in _HEALTH_NAMES:
            await self._health.set(name, state)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs what went wrong on the loop.

    All loops of a process read gRPC's one queue: where two wake up for an event, the second finds
    nothing, which is no error (https://github.com/grpc/grpc/issues/25364).
    """
    callback = str(context.get("handle", ""))
    if not (
        "PollerCompletionQueue" in callback
        and context.get("exception").__class__ is BlockingIOError
    ):
        loop.default_exception_handler(context)


@contextmanager
def running(options: Options, start_timeout_s: float = 120.0) -> Iterator[LocalServer]:
    """Runs a server in a thread of this process for as long as the ``with`` block lasts.

    Args:
        options: See ``Options``; ports of 0 take free ones, which the server then knows.
        start_timeout_s: How long loading the models may take.

    Raises:
        TimeoutError: The server did not start in time.
        OSError, ValueError: As ``LocalServer.start``.
    """
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(_report)
    thread = threading.Thread(target=loop.run_forever, name="local-server", daemon=True)
    thread.start()
    server = LocalServer(options)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(start_timeout_s)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(2 * _GRACE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
