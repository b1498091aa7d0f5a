"""The candidate, served on trial: what it answers, and whose fault it is when it does not."""

import subprocess
from pathlib import Path
from typing import Final

from serving.client.calls import Call, Tensors
from serving.client.endpoint import Endpoint
from serving.client.errors import ServingError
from serving.client.grpc_transport import GrpcTransport
from serving.server_process import ModelNotLoaded, NotServing, wait_until_available

# These say nothing about the model.
_NO_ANSWER: Final = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED")


class ServerError(RuntimeError):
    """The server cannot be used, which says nothing about the model; the message has the remedy."""


class ModelRefused(Exception):
    """The server answers that it does not load the model, or refuses a request."""


class ServedCandidate:
    """A model behind a gRPC port of this machine.

    Args:
      port: The port.
      model_name: What it is served as.
      timeout_s: For each request.
    """

    def __init__(self, port: int, model_name: str, timeout_s: float) -> None:
        self._transport = GrpcTransport(Endpoint(f"grpc://127.0.0.1:{port}", model=model_name))
        self._timeout_s = timeout_s

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()

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
        try:
            wait_until_available(self._transport, process, log, timeout_s)
        except ModelNotLoaded as error:
            raise ModelRefused(f"it does not load: {error}") from error
        except NotServing as error:
            raise ServerError(
                f"{error}\nIs the extra 'serving' installed? Raise "
                "serving.local_check.load_timeout_s if it needs longer; to push without this "
                "check, set serving.check to none"
            ) from error

    def predict(self, call: Call) -> Tensors:
        """Answers a request.

        Raises:
          ModelRefused: The model's answer is an error.
          ServerError: There is no answer.
        """
        try:
            return self._transport.predict(call, self._timeout_s)
        except ServingError as error:
            if error.code not in _NO_ANSWER:
                raise ModelRefused(f"{error.code}: {error.message}") from error
            raise ServerError(
                f"the server did not answer within {self._timeout_s:g} s, or went away: "
                f"{error.code}, {error.message}. Run again; raise "
                "serving.local_check.request_timeout_s if it needs longer"
            ) from error
