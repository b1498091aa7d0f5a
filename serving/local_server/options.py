"""What the local server can be told."""

from dataclasses import dataclass, field

from serving.limits import HEAD_TIMEOUT_S, MAX_CONNECTIONS, MAX_PIXELS


@dataclass(frozen=True)
class Batching:
    """How concurrent requests for one signature are joined into one call of the model.

    The names are those of TensorFlow Serving's ``batching_parameters.txt``.

    Args:
        max_batch_size: Rows in one call of the model. A larger request is split.
        batch_timeout_micros: How long the first request waits, at most, for others to join it. It
            waits only for clients that lately came back when they were answered.
        max_enqueued_rows: Rows that may wait for one signature; a request beyond that is refused
            with RESOURCE_EXHAUSTED. A request larger than this on its own is always refused.
        num_batch_threads: Calls of the model that run at one time, over all signatures; what waits
            is shared out among those that are free. One call of a batch uses every core by itself
            where the model has branches, as ``serving_default`` has one for each image; with as
            many calls as cores, a signature without any does too (``docs/benchmarks.md``).
    """

    max_batch_size: int = 32
    batch_timeout_micros: int = 10_000
    max_enqueued_rows: int = 512
    num_batch_threads: int = 1

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_rows", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.batch_timeout_micros < 0:
            raise ValueError(
                f"batch_timeout_micros is {self.batch_timeout_micros}; it must be 0 or more"
            )


@dataclass(frozen=True)
class Limits:
    """What a single request may cost.

    Args:
        max_body_bytes: Size of an HTTP body or a gRPC message.
        max_image_pixels: Width times height an image's header may announce. It is read before
            anything is decoded: a few kilobytes of PNG can unfold to gigabytes.
        head_timeout_s: Seconds for a client to send the head of an HTTP request, from the
            connection or the request's first byte on; else the connection is closed.
        body_timeout_s: Seconds for a client to send its HTTP body.
        request_timeout_s: Seconds until an HTTP request is answered with DEADLINE_EXCEEDED; gRPC
            clients set their own deadline.
        max_connections: HTTP connections, and gRPC calls, at one time.
    """

    max_body_bytes: int = 64 * 2**20
    max_image_pixels: int = MAX_PIXELS
    head_timeout_s: float = HEAD_TIMEOUT_S
    body_timeout_s: float = 30.0
    request_timeout_s: float = 30.0
    max_connections: int = MAX_CONNECTIONS


@dataclass(frozen=True)
class Options:
    """Everything the server is started with. A port of 0 takes a free one.

    Exactly one of ``model_base_path`` (one model, its newest version) and ``model_config_file`` (a
    ``ModelServerConfig`` in text format, re-read when it changes) is set.

    ``intra_op_threads`` share one operation of a model, ``inter_op_threads`` run operations side by
    side; 0 is one a core. They hold for the whole process, so only the command sets them.
    """

    model_base_path: str | None = None
    model_name: str = "faceauth"
    model_config_file: str | None = None
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    poll_seconds: float = 1.0
    intra_op_threads: int = 1
    inter_op_threads: int = 0
    batching: Batching = field(default_factory=Batching)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if (self.model_base_path is None) == (self.model_config_file is None):
            raise ValueError("give either model_base_path or model_config_file, and not both")
        for name in ("intra_op_threads", "inter_op_threads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 or more")
