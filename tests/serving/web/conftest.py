"""The page, served on a free port by a thread, on the toy model."""

import io
import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn
from PIL import Image

from serving.client import Client, Endpoint
from serving.enrolment import Authenticator, TemplateCipher, TemplateStore, new_key
from serving.web.app import web_app
from serving.web.served_model import ServedModel

# What the decision of the served model rests on, as the page tells it.
DECISION = {
    "rates_95": {"fmr": [0.0005, 0.0002, 0.001]},
    "calibrated_on": {"people": 411, "couples": 51284},
}


@contextmanager
def served(model_server, tmp_path):
    """The page on a server's model; what is beside the models is in a folder of its own."""
    extra = tmp_path / "models" / "1" / "assets.extra"
    extra.mkdir(parents=True)
    (extra / "decision.json").write_text(json.dumps(DECISION))
    store = TemplateStore(f"sqlite:///{tmp_path}/web.db", TemplateCipher(new_key()))
    listening = socket.create_server(("127.0.0.1", 0))
    with Client(Endpoint(model_server.rest_url)) as client:
        facts = ServedModel(client, tmp_path / "models").facts
        app = web_app(Authenticator(client, store), facts)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
    store.close()


@pytest.fixture
def page_url(toy_server, tmp_path):
    """The page's address; its store is empty at first. Photos are compared as they are."""
    with served(toy_server, tmp_path) as url:
        yield url


@pytest.fixture
def face_page_url(face_server, tmp_path):
    """The address of a page on a model that wants aligned faces."""
    with served(face_server, tmp_path) as url:
        yield url


@pytest.fixture
def face(png):
    """Makes the photo of a person: the 16 x 16 picture of a seed, six times as large.

    Its pixels are blocks, so that the toy model sees the small picture again.
    """

    def make(seed):
        small = Image.open(io.BytesIO(png(seed)))
        buffer = io.BytesIO()
        small.resize((96, 96), Image.Resampling.NEAREST).save(buffer, "PNG")
        return buffer.getvalue()

    return make
