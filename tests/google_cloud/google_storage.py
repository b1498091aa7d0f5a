"""As much of Google's storage API as its clients use here, on this machine.

https://cloud.google.com/storage/docs/json_api. Beam's client is told where it is by
``STORAGE_EMULATOR_HOST``. TensorFlow's knows Google's own hosts alone; but it goes through the
proxy that ``https_proxy`` names and trusts who ``CURL_CA_BUNDLE`` says. So this is a proxy, too,
which answers for Google's hosts itself, with certificates that its own authority signed.

``python google_storage.py BUCKET AUTHORITY [JOBS]`` serves a bucket, and with a folder for
jobs ``dataflow_service``, too, until its input ends.
"""

import base64
import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import dataflow_service
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from dataflow_service import Dataflow

HOSTS = (
    "www.googleapis.com",
    "storage.googleapis.com",
    # Asked where an account may work, and told that there is no such account.
    "iamcredentials.googleapis.com",
    dataflow_service.HOST,
)


class Answer(NamedTuple):
    """Of one request."""

    status: int
    content: bytes = b""
    headers: dict[str, str] = {}


NOT_FOUND = Answer(404, b'{"error": {"code": 404, "message": "Not Found"}}')


class Bucket:
    """The objects of one bucket, by name, and which of them the store refuses.

    Attributes:
      fetched: Names of the objects whose content was asked for, in order.
      listed: The prefixes that were listed.
    """

    def __init__(self, name: str = "photos") -> None:
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.updated: dict[str, str] = {}
        self.generations: dict[str, int] = {}
        self.forbidden: set[str] = set()
        self.fetched: list[str] = []
        self.listed: list[str] = []
        self._lock = threading.Lock()
        self._uploads: dict[str, tuple[str, bytearray]] = {}

    def put(self, name: str, content: bytes, updated: str = "2026-11-01T10:00:00.000Z") -> None:
        """Adds or replaces an object."""
        with self._lock:
            self.objects[name] = content
            self.updated[name] = updated
            self.generations[name] = self.generations.get(name, 0) + 1

    def names(self, prefix: str) -> list[str]:
        """The names that begin so, sorted."""
        with self._lock:
            return sorted(name for name in self.objects if name.startswith(prefix))

    def described(self, name: str) -> dict[str, str]:
        """An object's resource."""
        content = self.objects[name]
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": self.name,
            "size": str(len(content)),
            "updated": self.updated[name],
            "generation": str(self.generations[name]),
            "md5Hash": base64.b64encode(hashlib.md5(content).digest()).decode(),
        }

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        """What the store says."""
        place = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(place.query).items()}
        path = place.path
        if path.startswith(f"/{self.name}/"):
            return self._media(unquote(path.removeprefix(f"/{self.name}/")), headers)
        if path == "/batch/storage/v1" or path == "/batch":
            return self._batch(headers, body)
        if path == "/token":
            return _json({"access_token": "nobody", "expires_in": 3600, "token_type": "Bearer"})
        if path == f"/storage/v1/b/{self.name}":
            return _json({"kind": "storage#bucket", "name": self.name})
        found = re.fullmatch(rf"/(upload/|download/)?storage/v1/b/{self.name}/o(?:/(.*))?", path)
        if found is None:
            return NOT_FOUND
        kind, rest = found[1], found[2]
        if kind == "upload/":
            return self._upload(method, query, headers, body)
        if rest is None:
            return self._list(query)
        name, _, goal = rest.partition(f"/rewriteTo/b/{self.name}/o/")
        name = unquote(name)
        if not goal and "/copyTo/" in rest:
            name, _, goal = rest.partition(f"/copyTo/b/{self.name}/o/")
            name = unquote(name)
        if name in self.forbidden:
            return Answer(403, b'{"error": {"code": 403, "message": "no permission"}}')
        if name not in self.objects:
            return NOT_FOUND
        if goal:
            self.put(unquote(goal), self.objects[name], _now())
            made = self.described(unquote(goal))
            return _json({"done": True, "resource": made} if "rewriteTo" in rest else made)
        if method == "DELETE":
            with self._lock:
                self.objects.pop(name, None)
            return Answer(204)
        if query.get("alt") == "media":
            return self._media(name, headers)
        return _json(self.described(name))

    def _list(self, query: dict[str, str]) -> Answer:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        self.listed.append(prefix)
        items, prefixes = [], set()
        for name in self.names(prefix):
            inside, found, _ = name.removeprefix(prefix).partition(delimiter or "\0")
            if delimiter and found:
                prefixes.add(prefix + inside + found)
            else:
                items.append(self.described(name))
        if limit := query.get("maxResults"):
            # Enough for those who only ask whether there is something.
            items = items[: int(limit)]
        return _json({"items": items, "prefixes": sorted(prefixes)})

    def _media(self, name: str, headers: Message) -> Answer:
        if name not in self.objects:
            return NOT_FOUND
        content = self.objects[name]
        self.fetched.append(name)
        asked = headers.get("Range")
        if asked is None:
            return Answer(200, content)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(content)), len(content) - 1)
        if start > end:
            return Answer(416)
        where = f"bytes {start}-{end}/{len(content)}"
        return Answer(206, content[start : end + 1], {"Content-Range": where})

    def _upload(self, method: str, query: dict[str, str], headers: Message, body: bytes) -> Answer:
        if "upload_id" in query:
            return self._go_on(query["upload_id"], headers, body)
        kind = query.get("uploadType")
        if kind == "media":
            self.put(query["name"], body, _now())
            return _json(self.described(query["name"]))
        if kind == "multipart":
            described, content = _parts(headers, body)
            name = query.get("name") or json.loads(described)["name"]
            self.put(name, content, _now())
            return _json(self.described(name))
        name = query.get("name") or json.loads(body)["name"]
        with self._lock:
            number = str(len(self._uploads))
            self._uploads[number] = (name, bytearray())
        host = headers["Host"]
        scheme = "https" if host.partition(":")[0] in HOSTS else "http"
        where = f"{scheme}://{host}/upload/storage/v1/b/{self.name}/o?upload_id={number}"
        return Answer(200, b"{}", {"Location": where})

    def _go_on(self, number: str, headers: Message, body: bytes) -> Answer:
        name, content = self._uploads[number]
        where, _, total = headers.get("Content-Range", "bytes */*").partition("/")
        start = where.removeprefix("bytes ").partition("-")[0]
        if start != "*":
            del content[int(start) :]
            content += body
        if total == "*" or int(total) > len(content):
            reached = {"Range": f"bytes=0-{len(content) - 1}"} if content else {}
            return Answer(308, b"", reached)
        self.put(name, bytes(content), _now())
        return _json(self.described(name))

    def _batch(self, headers: Message, body: bytes) -> Answer:
        said = []
        for number, part in enumerate(_messages(headers, body)):
            text = part.get_payload(decode=True)
            assert isinstance(text, bytes)
            line, _, rest = text.partition(b"\r\n" if b"\r\n" in text else b"\n")
            method, target, _ = line.decode().split(" ", 2)
            one = self.answer(method, target, BytesParser().parsebytes(rest, True), b"")
            said.append(
                "--batch\r\nContent-Type: application/http\r\n"
                f"Content-ID: <response-{number}>\r\n\r\nHTTP/1.1 {one.status} said\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(one.content)}\r\n\r\n"
                f"{one.content.decode()}\r\n"
            )
        content = ("".join(said) + "--batch--\r\n").encode()
        return Answer(200, content, {"Content-Type": 'multipart/mixed; boundary="batch"'})


@contextmanager
def served(
    bucket: Bucket, authority: Path | None = None, dataflow: Dataflow | None = None
) -> Iterator[str]:
    """The address of a server of a bucket.

    Args:
      bucket: What it serves.
      authority: The file to write the certificate to that signs Google's hosts, for those who use
        the server as a proxy.
      dataflow: Answers for Dataflow's host.
    """
    context = None if authority is None else _certified(authority)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Half a millisecond a request instead of forty.
        disable_nagle_algorithm = True

        def do_CONNECT(self) -> None:
            if context is None or self.path.partition(":")[0] not in HOSTS:
                self.send_error(502)
                return
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb", self.rbufsize)
            self.wfile = self.connection.makefile("wb", 0)  # type: ignore[assignment]
            self.close_connection = False

        def _any(self) -> None:
            body = self._body()
            if dataflow is not None and self.headers["Host"] == dataflow_service.HOST:
                answer = _json(dataflow.answer(self.command, self.path, body))
            else:
                answer = bucket.answer(self.command, self.path, self.headers, body)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.content)))
            for key, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _any

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(address: str, authority: Path) -> dict[str, str]:
    """The variables under which TensorFlow and Beam take this server for Google's.

    Args:
      address: Of the server.
      authority: Its file; credentials are put beside it.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    credentials = authority.with_name("credentials.json")
    account = {
        "type": "service_account",
        "project_id": "none",
        "private_key_id": "1",
        "private_key": _private(key).decode(),
        "client_email": "nobody@none.iam.gserviceaccount.com",
        "token_uri": f"{address}/token",
    }
    credentials.write_text(json.dumps(account))
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
        "STORAGE_EMULATOR_HOST": address,
        "https_proxy": address,
        "CURL_CA_BUNDLE": str(authority),
        "HTTPLIB2_CA_CERTS": str(authority),
        "REQUESTS_CA_BUNDLE": str(authority),
        "GOOGLE_AUTH_TOKEN_FOR_TESTING": "nobody",
        # Nobody is asked who we are, which takes 20 seconds where there is no answer.
        "NO_GCE_CHECK": "true",
        # Whatever else this machine has.
        "no_proxy": "127.0.0.1",
    }


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _json(content: Any) -> Answer:
    return Answer(200, json.dumps(content).encode())


def _messages(headers: Message, body: bytes) -> list[Message]:
    kind = headers["Content-Type"].encode()
    whole = BytesParser().parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
    return [part for part in whole.walk() if not part.is_multipart()]


def _parts(headers: Message, body: bytes) -> tuple[bytes, bytes]:
    """The two parts of an upload, byte by byte: an e-mail parser would mend the ends of lines."""
    boundary = re.search(r'boundary="?([^";]+)', headers["Content-Type"])
    assert boundary
    _, described, content, _ = body.split(b"--" + boundary[1].encode())
    return tuple(part.split(b"\r\n\r\n", 1)[1][:-2] for part in (described, content))


def _private(key: Any) -> bytes:
    content: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return content


def _certified(authority: Path) -> ssl.SSLContext:
    """A context with a certificate for Google's hosts; writes down who signed it."""
    names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    key = ec.generate_private_key(ec.SECP256R1())
    own = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(timezone.utc)

    def made(subject: x509.Name, public: Any, of: x509.ExtensionType) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(names)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(of, critical=False)
            .sign(key, hashes.SHA256())
        )

    signer = made(names, key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
    hosts = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])
    alternative = x509.SubjectAlternativeName([x509.DNSName(each) for each in HOSTS])
    own_certificate = made(hosts, own.public_key(), alternative)
    pem = serialization.Encoding.PEM
    authority.write_bytes(signer.public_bytes(pem))
    chain = authority.with_suffix(".key")
    chain.touch(mode=0o600)
    chain.write_bytes(_private(own) + own_certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


@contextmanager
def served_beside(bucket: str, authority: Path, jobs: Path | None = None) -> Iterator[str]:
    """The address of a server in a process of its own, with a bucket that is empty.

    TensorFlow keeps Python's lock while it waits for some answers.
    """
    command = [sys.executable, __file__, bucket, str(authority)]
    if jobs is not None:
        command.append(str(jobs))
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def main(bucket: str, authority: str, jobs: str | None = None) -> None:
    """See the module."""
    dataflow = Dataflow(Path(jobs)) if jobs else None
    with served(Bucket(bucket), Path(authority), dataflow) as address:
        # For the jobs.
        os.environ.update(environment(address, Path(authority)))
        print(address, flush=True)
        sys.stdin.read()
    if dataflow is not None:
        dataflow.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
