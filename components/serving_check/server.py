"""A server in a process of its own, for as long as a check lasts."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.serving_check.leash import GRACE_S

if TYPE_CHECKING:
    import grpc
    from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

_POLL_S: Final = 0.2
_LAST_LINES: Final = 15
# The server is on this machine: neither a proxy nor seconds between attempts to connect.
_CHANNEL_OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)


class ServerError(RuntimeError):
    """The server cannot be used, which says nothing about the model; the message has the remedy."""


class ModelRefused(Exception):
    """The server answers that it does not load the model, or refuses a request."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command while the block lasts; it is ended however the block, or this process, ends.

    Args:
      command: Program and arguments.
      log: Gets what it prints.
    """
    leash = [sys.executable, "-m", "components.serving_check.leash", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            leash,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": _search_path(), "PYTHONUNBUFFERED": "1"},
            # Ctrl-C is for this process, which then ends that one.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(GRACE_S + 5)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _search_path() -> str:
    # This package may not be installed, but found from where the run was started.
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


class Served:
    """A model behind a gRPC port.

    Args:
      target: ``host:port``.
      model_name: What it is served as.
      timeout_s: For each request.
    """

    def __init__(self, target: str, model_name: str, timeout_s: float) -> None:
        import grpc
        from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
        from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

        self._channel = grpc.insecure_channel(target, options=_CHANNEL_OPTIONS)
        self._prediction = PredictionServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)
        self._name, self._timeout_s = model_name, timeout_s

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def wait(self, process: subprocess.Popen[bytes], log: Path, timeout_s: float) -> None:
        """Returns when the model is available.

        Args:
          process: The server's.
          log: What it prints.
          timeout_s: For how long to wait.

        Raises:
          ModelRefused: The server cannot load it.
          ServerError: The server ended, or took too long.
        """
        deadline = time.monotonic() + timeout_s
        while not self._available():
            if process.poll() is not None:
                raise ServerError(
                    f"the server ended with code {process.returncode} instead of serving the "
                    f"model:\n{_tail(log)}\nIs the extra 'serving' installed? To push without this "
                    "check, set serving.check to none"
                )
            if time.monotonic() > deadline:
                raise ServerError(
                    f"the model was not available after {timeout_s:g} s. The server says:\n"
                    f"{_tail(log)}\nRaise serving.local_check.load_timeout_s if it needs longer"
                )
            time.sleep(_POLL_S)

    def _available(self) -> bool:
        import grpc
        from tensorflow_serving.apis.get_model_status_pb2 import (
            GetModelStatusRequest,
            ModelVersionStatus,
        )

        request = GetModelStatusRequest()
        request.model_spec.name = self._name
        try:
            answer = self._models.GetModelStatus(request, timeout=self._timeout_s)
        except grpc.RpcError:  # It does not listen yet, or does not know the model yet.
            return False
        for version in answer.model_version_status:
            if version.status.error_code:
                raise ModelRefused(f"it does not load: {version.status.error_message}")
            if version.state == ModelVersionStatus.AVAILABLE:
                return True
        return False

    def predict(self, request: "PredictRequest") -> "PredictResponse":
        """Answers a request.

        Raises:
          ModelRefused: The model's answer is an error.
          ServerError: There is no answer.
        """
        import grpc

        own = type(request)()
        own.CopyFrom(request)
        own.model_spec.name = self._name
        try:
            return self._prediction.Predict(own, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise _understood(error, self._timeout_s) from error


def _understood(error: "grpc.RpcError", timeout_s: float) -> Exception:
    import grpc

    code, details = error.code(), error.details()
    if code in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    ):
        return ServerError(
            f"the server did not answer within {timeout_s:g} s, or went away: {code.name}, "
            f"{details}. Run again; raise serving.local_check.request_timeout_s if it needs longer"
        )
    return ModelRefused(f"{code.name}: {details}")


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"
