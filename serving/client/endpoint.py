"""Whom a client talks to, and how."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORT: Final = {"http": 8501, "https": 443, "grpc": 8500, "grpcs": 443}
_ENCRYPTED: Final = ("https", "grpcs")
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Endpoint:
    """A model on a server.

    Args:
        url: ``http://host:8501`` or ``https://…`` for REST, which may have a path that a proxy
            wants; ``grpc://host:8500`` or ``grpcs://…`` for gRPC.
        model: The model's name.
        version: Asks for this version; by default, for the newest.
        label: Asks for the version with this label, such as ``stable``.
        timeout_s: For a call with all its retries.
        token: Sent as ``Authorization: Bearer``; refused without TLS, except to this machine.
        ca_file: The certificates to trust instead of the system's, for a private CA.

    Raises:
        ValueError: The URL is of no such form, or both version and label are given, or a token
            would travel unencrypted.
    """

    url: str
    model: str = "faceauth"
    version: int | None = None
    label: str | None = None
    timeout_s: float = 30.0
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
            raise ValueError(
                f"{self.url!r} is not a server's URL; write http://HOST:8501, https://HOST, "
                "grpc://HOST:8500 or grpcs://HOST"
            )
        if self.is_grpc and parts.path.strip("/"):
            raise ValueError(f"{self.url!r} has a path; gRPC takes none")
        if self.version is not None and self.label is not None:
            raise ValueError(f"version {self.version} and label {self.label!r}: give one of them")
        if self.timeout_s <= 0:
            raise ValueError(f"timeout_s is {self.timeout_s:g}; it must be more than 0")
        if self.token and not self.is_encrypted and not self.is_local:
            raise ValueError(
                f"a token would travel to {self.url} unencrypted; use https:// or grpcs://"
            )

    @property
    def is_grpc(self) -> bool:
        """Whether the URL asks for gRPC."""
        return urlsplit(self.url).scheme.startswith("grpc")

    @property
    def is_encrypted(self) -> bool:
        """Whether the URL asks for TLS."""
        return urlsplit(self.url).scheme in _ENCRYPTED

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        return urlsplit(self.url).hostname in _LOCAL

    @property
    def target(self) -> str:
        """``host:port``, for gRPC."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        return f"{host}:{parts.port or _DEFAULT_PORT[parts.scheme]}"

    @property
    def model_path(self) -> str:
        """The path below the URL for REST: model, and version or label."""
        path = f"v1/models/{self.model}"
        if self.version is not None:
            return f"{path}/versions/{self.version}"
        if self.label is not None:
            return f"{path}/labels/{self.label}"
        return path
