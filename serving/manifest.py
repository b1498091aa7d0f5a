"""What a pushed model consists of, file by file, and who says so.

``assets.extra/manifest.json`` has the SHA-256 of every file, ``manifest.sig`` beside it an Ed25519
signature (RFC 8032, from ``cryptography``) of the manifest's bytes. Without a signature, a manifest
tells of damage and not of malice: who can change a model can write another manifest.

sigstore's ``model-signing`` would be the usual tool; its dependencies need urllib3 2, which tfx
1.16 excludes.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.file_digests import differences, file_digests

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

MANIFEST: Final = Path("assets.extra", "manifest.json")
SIGNATURE: Final = Path("assets.extra", "manifest.sig")
# Of PEM files: what a push signs with, and what whoever loads a model checks with.
SIGNING_KEY: Final = "FACEAUTH_SIGNING_KEY"
VERIFYING_KEY: Final = "FACEAUTH_VERIFYING_KEY"


class ManifestError(ValueError):
    """A model is not as it was pushed, or nobody who may has signed it; it is not loaded."""


def write_manifest(model: Path) -> list[Path]:
    """Writes the manifest of a model, and its signature if there is a key to sign with.

    Args:
        model: The SavedModel's folder.

    Returns:
        The files that were written.

    Raises:
        ManifestError: The key cannot be used.
    """
    key = _private_key()
    content = (
        json.dumps(
            {"sha256": file_digests(model, but=(MANIFEST, SIGNATURE))}, indent=2, sort_keys=True
        ).encode()
        + b"\n"
    )
    path = model / MANIFEST
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    if key is None:
        return [path]
    (model / SIGNATURE).write_bytes(key.sign(content))
    return [path, model / SIGNATURE]


def verify_manifest(model: Path) -> bool:
    """Checks a model against its manifest; returns whether it has one.

    Args:
        model: The SavedModel's folder.

    Raises:
        ManifestError: A file was changed, is missing or was added; or there is a key to check with,
            and the manifest is missing, not signed, or signed with another one.
    """
    key = _public_key()
    path = model / MANIFEST
    if not path.is_file():
        if key is None:
            return False
        raise ManifestError(
            f"{model} has no {MANIFEST}, and {VERIFYING_KEY} asks for one: push it again"
        )
    content = path.read_bytes()
    if key is not None:
        _check_signature(model, content, key)
    try:
        listed = json.loads(content)["sha256"]
        assert isinstance(listed, dict)
    except (ValueError, KeyError, TypeError, AssertionError):
        raise ManifestError(f"{path} is no manifest; push the model again") from None
    wrong = differences(listed, file_digests(model, but=(MANIFEST, SIGNATURE)))
    if wrong:
        raise ManifestError(
            f"{model} is not what was pushed: {', '.join(wrong)}; push the model again"
        )
    return True


def new_signing_key() -> tuple[bytes, bytes]:
    """Returns a new pair of keys as PEM: what signs, and what checks."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    return (
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def _content(digests: dict[str, str]) -> bytes:
    return json.dumps({"sha256": digests}, indent=2, sort_keys=True).encode() + b"\n"


def _check_signature(model: Path, content: bytes, key: "Ed25519PublicKey") -> None:
    from cryptography.exceptions import InvalidSignature

    path = model / SIGNATURE
    if not path.is_file():
        raise ManifestError(
            f"{model} is not signed, and {VERIFYING_KEY} asks for it: push it with {SIGNING_KEY}"
        )
    try:
        key.verify(path.read_bytes(), content)
    except InvalidSignature:
        raise ManifestError(
            f"{path} is not of this manifest, or of another key than {VERIFYING_KEY} names"
        ) from None


def _private_key() -> "Ed25519PrivateKey | None":
    path = os.environ.get(SIGNING_KEY)
    if not path:
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(Path(path).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(SIGNING_KEY, error) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(SIGNING_KEY, "it is not Ed25519")
    return key


def _public_key() -> "Ed25519PublicKey | None":
    path = os.environ.get(VERIFYING_KEY)
    if not path:
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise _unusable(VERIFYING_KEY, error) from None
    if not isinstance(key, Ed25519PublicKey):
        raise _unusable(VERIFYING_KEY, "it is not Ed25519")
    return key


def _unusable(variable: str, reason: object) -> ManifestError:
    return ManifestError(
        f"the key that {variable} names cannot be used: {reason}; make two with: faceauth "
        "new-signing-key"
    )
