"""As much of Google's storage API as Beam reads files by, over HTTP on this machine.

https://cloud.google.com/storage/docs/json_api: objects are listed by prefix, described and fetched.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class Bucket:
    """The objects of one bucket, by name, and which of them the store refuses."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.updated: dict[str, str] = {}
        self.forbidden: set[str] = set()
        self.fetched: list[str] = []
        self.listed: list[str] = []

    def put(self, name: str, content: bytes, updated: str = "2026-11-01T10:00:00.000Z") -> None:
        """Adds or replaces an object."""
        self.objects[name] = content
        self.updated[name] = updated

    def described(self, name: str) -> dict[str, str]:
        """An object's resource."""
        size = str(len(self.objects[name]))
        return {
            "name": name, "bucket": "photos", "size": size, "updated": self.updated[name],
            "generation": "1",
        }  # fmt: skip


@contextmanager
def served(bucket: Bucket) -> Iterator[str]:
    """The address of a server of the bucket ``photos``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            place = urlsplit(self.path)
            before, _, name = place.path.partition("/b/photos/o")
            name = unquote(name.removeprefix("/"))
            if name in bucket.forbidden:
                self._answer(403, b'{"error": {"code": 403, "message": "no permission"}}')
            elif not before.endswith("/storage/v1"):
                self._answer(404, b"{}")
            elif not name:
                prefix = parse_qs(place.query).get("prefix", [""])[0]
                bucket.listed.append(prefix)
                items = [
                    bucket.described(each) for each in bucket.objects if each.startswith(prefix)
                ]
                self._answer(200, json.dumps({"items": items}).encode())
            elif name not in bucket.objects:
                self._answer(404, b'{"error": {"code": 404, "message": "Not Found"}}')
            elif "alt=media" in place.query:
                bucket.fetched.append(name)
                self._send(bucket.objects[name])
            else:
                self._answer(200, json.dumps(bucket.described(name)).encode())

        def _send(self, content: bytes) -> None:
            first, _, last = (
                self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
            )
            start, end = int(first), min(int(last or len(content)), len(content) - 1)
            if start > end:
                self._answer(416, b"")
                return
            where = f"bytes {start}-{end}/{len(content)}"
            self._answer(206, content[start : end + 1], {"Content-Range": where})

        def _answer(
            self, status: int, content: bytes, headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
