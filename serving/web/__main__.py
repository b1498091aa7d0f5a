"""The command: ``python -m serving.web``; see ``--help``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvicorn

from serving.client import Client, Endpoint
from serving.enrolment import Authenticator, EnrolmentError, TemplateCipher, TemplateStore
from serving.http_limits import http_protocol
from serving.web.app import web_app
from serving.web.served_model import ModelFacts, ServedModel

_MODELS: Final = Path(__file__).parents[1] / "models"
_HEAD_TIMEOUT_S: Final = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves the page until interrupted; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.web",
        description="A page to enrol and authenticate on. For this machine: it knows no login.",
    )
    url = os.environ.get("FACEAUTH_URL", "http://127.0.0.1:8501")
    store = os.environ.get("FACEAUTH_STORE", "sqlite:///faceauth.db")
    parser.add_argument("--url", default=url, help="the model server (%(default)s)")
    parser.add_argument("--model", default="faceauth")
    parser.add_argument("--store", default=store, help="the template store (%(default)s)")
    # A browser gives the camera to localhost, and else to https only.
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
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
    given = parser.parse_args(arguments)
    try:
        endpoint = Endpoint(
            given.url, model=given.model, token=os.environ.get("FACEAUTH_TOKEN") or None
        )
        templates = TemplateStore(given.store, TemplateCipher.from_environment())
    except (EnrolmentError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with Client(endpoint) as client:
        served = ServedModel(client, given.models or _MODELS / given.model)
        facts = ModelFacts if given.as_is else served.facts
        app = web_app(Authenticator(client, templates), facts)
        print(f"http://{given.host}:{given.port}", flush=True)
        uvicorn.run(
            app,
            host=given.host,
            port=given.port,
            log_level="warning",
            http=http_protocol(_HEAD_TIMEOUT_S),
        )
    templates.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
