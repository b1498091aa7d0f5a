"""Templates at rest: AES-256 in Galois/counter mode (NIST SP 800-38D), from ``cryptography``."""

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from serving.enrolment.errors import TemplateKeyError

KEY_VARIABLE: Final = "FACEAUTH_TEMPLATE_KEY"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_REMEDY: Final = f"make one with: faceauth new-key, and keep it in {KEY_VARIABLE}"


def new_key() -> str:
    """Returns a new random key as text, to be kept in the environment and nowhere near the data."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


class TemplateCipher:
    """Encrypts and authenticates; what a ciphertext belongs to is part of what is authenticated.

    So a row that someone moves to another identity or model version does not open.

    Args:
        key: 32 bytes as URL-safe base64, as ``new_key`` makes it.

    Raises:
        TemplateKeyError: It is not.
    """

    def __init__(self, key: str) -> None:
        try:
            content = base64.b64decode(key, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise TemplateKeyError(f"the template key is not base64; {_REMEDY}") from None
        if len(content) != _KEY_BYTES:
            raise TemplateKeyError(
                f"the template key has {len(content)} bytes, not {_KEY_BYTES}; {_REMEDY}"
            )
        self._aead = AESGCM(content)
        # Another key than the one that encrypts (NIST SP 800-108, in counter mode with one block).
        self._tag_key = hmac.digest(content, b"\x00\x00\x00\x01template tag", hashlib.sha256)

    @classmethod
    def from_environment(cls, variable: str = KEY_VARIABLE) -> "TemplateCipher":
        """Returns the cipher of the key in a variable of the environment.

        Raises:
            TemplateKeyError: There is none, or it is no key.
        """
        key = os.environ.get(variable, "")
        if not key:
            raise TemplateKeyError(f"{variable} is not set; {_REMEDY}")
        return cls(key)

    def tag(self, name: str) -> bytes:
        """Returns 32 bytes that stand for a name, and tell it to nobody without the key."""
        return hmac.digest(self._tag_key, name.encode(), hashlib.sha256)

    def encrypt(self, content: bytes, belongs_to: str) -> bytes:
        """Returns nonce and ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, content, belongs_to.encode())

    def decrypt(self, sealed: bytes, belongs_to: str) -> bytes:
        """Returns what was encrypted.

        Raises:
            TemplateKeyError: The key is another, or the row was changed.
        """
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._aead.decrypt(nonce, body, belongs_to.encode())
        except (InvalidTag, ValueError):
            raise TemplateKeyError(
                f"a template does not open: {KEY_VARIABLE} is not the key it was made with, or the "
                "row was changed; set the right key, or forget the ID and enroll again"
            ) from None
