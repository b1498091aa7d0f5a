"""``faceauth serve``, ``page`` and what else serves a model, or looks at a server."""

import argparse
import os
from pathlib import Path
from typing import Final

from serving.commands.options import (
    DEFAULT_MODEL,
    DEFAULT_URL,
    YES,
    add_server,
    add_store,
    client_of,
    say,
)

# Where the pipeline pushes to.
_MODELS: Final = Path(__file__).parents[1] / "models"
_SIGNATURES: Final = ("serving_default", "embed", "compare")


def serve(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth serve``."""
    parser.add_argument("--local", action="store_true", help="the local server, also with Docker")
    parser.set_defaults(run="serving.serve:run", models=_MODELS)


def local_server(parser: argparse.ArgumentParser) -> None:
    """Leaves all arguments, ``--help`` too, to the local server itself."""
    parser.set_defaults(run=_local_server, takes_others=True, has_help=True)


def labels(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth labels``."""
    parser.add_argument("--models", type=Path, default=_MODELS, metavar="DIR", help="%(default)s")
    parser.add_argument("--stable", type=int, metavar="VERSION")
    parser.add_argument("--canary", type=int, metavar="VERSION")
    parser.set_defaults(run="serving.tf_serving.labels:run")


def status(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth status``."""
    add_server(parser)
    parser.set_defaults(run=_status)


def page(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth page``."""
    parser.description = f"{parser.description} Who has the printed address is in; no login."
    url = os.environ.get("FACEAUTH_URL", DEFAULT_URL)
    parser.add_argument("--url", default=url, help="the model server (%(default)s)")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    add_store(parser)
    # A browser gives the camera to localhost, and else to https only.
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a host name that the page is reached under as well, such as a proxy's; others are "
        "not answered",
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="the folder of versions that the server has, to say how often strangers get in "
        f"({_MODELS.name}/MODEL in this project's serving folder, if it is there)",
    )
    parser.add_argument(
        "--as_is", action="store_true", help="compare photos as they are, without finding faces"
    )
    parser.set_defaults(run="serving.web.command:run", pushed=_MODELS)


def loadtest(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth loadtest``."""
    parser.add_argument(
        "--model", type=Path, default=_MODELS / DEFAULT_MODEL, help="its folder of versions"
    )
    parser.add_argument("--images", type=Path, help="a folder of JPEGs; else synthetic ones")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each line (%(default)s)")
    parser.add_argument("--clients", type=int, nargs="+", default=(1, 4, 16, 64))
    parser.add_argument("--signatures", nargs="+", default=_SIGNATURES, choices=_SIGNATURES)
    parser.add_argument("--url", help="a running server's REST URL")
    parser.add_argument("--grpc_url", help="a running server's gRPC URL")
    parser.set_defaults(run="serving.loadtest:run")


def _local_server(given: argparse.Namespace) -> int:
    from serving.local_server.__main__ import main

    # It tells itself what is wrong.
    return 2 if main(given.others) else 0


def _status(given: argparse.Namespace) -> int:
    with client_of(given) as client:
        states = client.status()
    for one in states:
        detail = f"  {one.message}" if one.message else ""
        say(
            given,
            f"{given.model or DEFAULT_MODEL} {one.version} {one.state}{detail}",
            {"version": one.version, "state": one.state, "message": one.message},
        )
    if not any(one.state == "AVAILABLE" for one in states):
        raise RuntimeError("no version is available yet; see the server's log")
    return YES
