"""The command: ``python -m serving.local_server --model_base_path serving/models/faceauth``."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import uvloop

from serving.local_server.options import Batching, Limits, Options

_BANNER: Final = """\
faceauth local server: TensorFlow Serving's API for a laptop, a test or CI.
For local use only: no TLS, no authentication, one process. Deploy with serving/tf_serving/.
"""


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Returns the options on a command line; its flags are TensorFlow Serving's where it has them.

    Args:
        arguments: The command line without the program; by default, this process's.
    """
    parser = argparse.ArgumentParser(
        prog="python -m serving.local_server",
        description="Serve a SavedModel over TensorFlow Serving's API, for local use.",
    )
    batching, limits = Batching(), Limits()
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model_base_path", help="the folder that holds the version folders")
    what.add_argument("--model_config_file", help="a ModelServerConfig, as for TensorFlow Serving")
    parser.add_argument("--model_name", default="faceauth")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--rest_port", type=int, default=8501, help="0 takes a free one")
    parser.add_argument("--grpc_port", type=int, default=8500, help="0 takes a free one")
    parser.add_argument("--file_system_poll_wait_seconds", type=float, default=1.0)
    for name in (
        "max_batch_size",
        "batch_timeout_micros",
        "max_enqueued_rows",
        "num_batch_threads",
    ):
        parser.add_argument(f"--{name}", type=int, default=getattr(batching, name))
    for name, default in (
        ("intra", Options.intra_op_threads),
        ("inter", Options.inter_op_threads),
    ):
        parser.add_argument(f"--tensorflow_{name}_op_parallelism", type=int, default=default)
    parser.add_argument("--max_body_bytes", type=int, default=limits.max_body_bytes)
    parser.add_argument("--max_image_pixels", type=int, default=limits.max_image_pixels)
    given = parser.parse_args(arguments)
    try:
        return Options(
            model_base_path=given.model_base_path,
            model_name=given.model_name,
            model_config_file=given.model_config_file,
            host=given.host,
            rest_port=given.rest_port,
            grpc_port=given.grpc_port,
            poll_seconds=given.file_system_poll_wait_seconds,
            intra_op_threads=given.tensorflow_intra_op_parallelism,
            inter_op_threads=given.tensorflow_inter_op_parallelism,
            batching=Batching(
                max_batch_size=given.max_batch_size,
                batch_timeout_micros=given.batch_timeout_micros,
                max_enqueued_rows=given.max_enqueued_rows,
                num_batch_threads=given.num_batch_threads,
            ),
            limits=Limits(
                max_body_bytes=given.max_body_bytes, max_image_pixels=given.max_image_pixels
            ),
        )
    except ValueError as error:
        parser.error(str(error))


async def _serve(options: Options) -> None:
    # TensorFlow is imported here and not above: --help must not wait for it.
    from tensorflow import config

    from serving.local_server.server import LocalServer

    config.threading.set_intra_op_parallelism_threads(options.intra_op_threads)
    config.threading.set_inter_op_parallelism_threads(options.inter_op_threads)
    # The loop that talks to clients and the threads that call the model take turns; the default of
    # 5 ms is as long as a call of the model, and every turn would cost a client that much.
    sys.setswitchinterval(0.0005)
    server = LocalServer(options)
    told_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    await server.start()
    names = ", ".join(server.manager.names)
    print(f"REST  {server.rest_url}/v1/models/{server.manager.names[0]}", flush=True)
    print(f"gRPC  {server.grpc_target}", flush=True)
    if not server.manager.ready():
        print(f"No version of {names} is loaded yet; waiting for one.", flush=True)
    await told_to_end.wait()
    await server.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the server until SIGINT or SIGTERM; returns the exit code."""
    options = parse_options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(_BANNER, flush=True)
    try:
        uvloop.run(_serve(options))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
