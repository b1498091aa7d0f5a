import asyncio
import datetime
import http.server
import ipaddress
import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_service_pb2_grpc import (
    ModelServiceServicer,
    add_ModelServiceServicer_to_server,
)

from serving.client import (
    AsyncClient,
    AuthenticationError,
    Client,
    Endpoint,
    NotFoundError,
    RetryPolicy,
    UnavailableError,
    VersionState,
)

TOKEN = "secret-token"


def blocking(endpoint, policy):
    with Client(endpoint, policy) as client:
        return client.status()


def coroutine(endpoint, policy):
    async def ask():
        async with AsyncClient(endpoint, policy) as client:
            return await client.status()

    return asyncio.run(ask())


both_clients = pytest.mark.parametrize("status", [blocking, coroutine])


def test_urls_say_how_to_call():
    assert Endpoint("grpc://host").target == "host:8500"
    assert Endpoint("grpcs://host:1").target == "host:1"
    assert Endpoint("grpc://[::1]:5").target == "[::1]:5"
    assert not Endpoint("http://host:8501/prefix").is_grpc
    assert Endpoint("https://host").is_encrypted
    assert Endpoint("http://h", version=3).model_path == "v1/models/faceauth/versions/3"
    assert Endpoint("http://h", label="stable").model_path == "v1/models/faceauth/labels/stable"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"url": "host:8501"}, "http://HOST:8501"),
        ({"url": "ftp://host"}, "http://HOST:8501"),
        ({"url": "grpc://host/path"}, "path"),
        ({"url": "http://h", "version": 1, "label": "x"}, "one of them"),
        ({"url": "http://h", "timeout_s": 0}, "more than 0"),
        ({"url": "http://h", "token": TOKEN}, "https://"),
        ({"url": "grpc://h", "token": TOKEN}, "unencrypted"),
    ],
)
def test_what_cannot_be_called_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says) as caught:
        Endpoint(**arguments)
    assert TOKEN not in str(caught.value)


def test_a_token_is_not_shown():
    assert TOKEN not in repr(Endpoint("https://h", token=TOKEN))


@both_clients
@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "grpc://127.0.0.1:9"])
def test_nobody_there_is_said_with_the_remedy(url, status):
    with pytest.raises(UnavailableError) as caught:
        status(Endpoint(url), RetryPolicy(attempts=2, first_delay_s=0.01))
    assert str(caught.value).startswith(url)
    assert "make serve" in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: paths of certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def https_server(certificate):
    """Answers a status to whoever has the token, over TLS."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
            status = {"version": "3", "state": "AVAILABLE", "status": {"error_message": ""}}
            body = {"model_version_status": [status]} if allowed else {"error": "who are you?"}
            self.send_response(200 if allowed else 401)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certificate))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def grpcs_server(certificate):
    class Servicer(ModelServiceServicer):
        def GetModelStatus(self, request, context):
            sent = dict(context.invocation_metadata()).get("authorization")
            if sent != f"Bearer {TOKEN}":
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
            response = GetModelStatusResponse()
            response.model_version_status.add(version=3, state=30)
            return response

    server = grpc.server(ThreadPoolExecutor(2))
    add_ModelServiceServicer_to_server(Servicer(), server)
    pair = (certificate[1].read_bytes(), certificate[0].read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    yield f"grpcs://127.0.0.1:{port}"
    server.stop(0).wait()


@both_clients
@pytest.mark.parametrize("kind", ["https_server", "grpcs_server"])
def test_tls_and_token(kind, certificate, request, status):
    url = request.getfixturevalue(kind)
    quick = RetryPolicy(attempts=1)
    trusted = Endpoint(url, ca_file=certificate[0], token=TOKEN, timeout_s=10)
    assert status(trusted, quick) == [VersionState(3, "AVAILABLE")]
    wrong = Endpoint(url, ca_file=certificate[0], token="another", timeout_s=10)
    with pytest.raises(AuthenticationError, match="FACEAUTH_TOKEN"):
        status(wrong, quick)
    stranger = Endpoint(url, token=TOKEN, timeout_s=10)
    with pytest.raises(AuthenticationError, match=r"(?i)certificate"):
        status(stranger, quick)


@both_clients
def test_a_server_that_does_not_answer_is_a_deadline(status):
    import socket

    from serving.client import DeadlineError

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DeadlineError, match="raise the timeout"):
            status(Endpoint(url, timeout_s=0.2), RetryPolicy())


def test_no_available_version_is_said():
    class Loading:
        def status(self, timeout_s):
            return [VersionState(4, "LOADING")]

        def close(self):
            pass

    with (
        Client(Endpoint("http://h"), transport=Loading()) as client,
        pytest.raises(NotFoundError, match="4 LOADING"),
    ):
        client.version()
