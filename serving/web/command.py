"""``faceauth page``: serves the page until it is interrupted."""

import argparse
import os

import uvicorn

from serving.client import Client, Endpoint
from serving.commands.options import store_place
from serving.enrolment import Authenticator, TemplateCipher, TemplateStore
from serving.http_limits import http_protocol
from serving.limits import HEAD_TIMEOUT_S, MAX_CONNECTIONS
from serving.web.app import web_app
from serving.web.served_model import ModelFacts, ServedModel
from serving.web.session import Session


def run(given: argparse.Namespace) -> int:
    """Serves the page.

    Raises:
        EnrolmentError: The template store cannot be opened, or there is no key for it.
        ValueError: The server's address cannot be used.
    """
    endpoint = Endpoint(
        given.url, model=given.model, token=os.environ.get("FACEAUTH_TOKEN") or None
    )
    templates = TemplateStore(store_place(given.store), TemplateCipher.from_environment())
    with Client(endpoint) as client:
        served = ServedModel(client, given.models or given.pushed / given.model)
        facts = ModelFacts if given.as_is else served.facts
        session = Session(given.host, given.name)
        app = web_app(Authenticator(client, templates), facts, session)
        host = f"[{given.host}]" if ":" in given.host else given.host
        print(session.address(f"http://{host}:{given.port}"), flush=True)
        uvicorn.run(
            app,
            host=given.host,
            port=given.port,
            log_level="warning",
            http=http_protocol(HEAD_TIMEOUT_S, MAX_CONNECTIONS),
        )
    templates.close()
    return 0
