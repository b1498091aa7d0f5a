"""Buckets as folders: the path below ``/gcs`` of a ``gs://`` address, and back."""

import os
import re
from typing import Final

# The folder below which buckets are mounted.
BUCKETS_VARIABLE: Final = "FACEAUTH_BUCKETS"
BUCKETS: Final = "/gcs"
SCHEME: Final = "gs://"

_ADDRESS: Final = re.compile(r"gs://[a-z0-9][a-z0-9._-]+(/[A-Za-z0-9_][A-Za-z0-9._=-]*)*/?")


def gs_address(address: str) -> str:
    """An address in a bucket, as it is.

    Raises:
      ValueError: It is none, or has what names of files should not have.
    """
    if not _ADDRESS.fullmatch(address):
        raise ValueError(
            "this is no address that TensorFlow, TFX and Beam all know; give gs://BUCKET/FOLDER, "
            "with letters, digits and . _ - = in FOLDER; a folder of this machine is none"
        )
    return address


def folder() -> str:
    """The folder below which buckets are mounted."""
    return os.environ.get(BUCKETS_VARIABLE, BUCKETS)


def mounted(address: str) -> str:
    """The path of a ``gs://`` address in a container; of anything else, itself."""
    if not address.startswith(SCHEME):
        return address
    return f"{folder()}/{address.removeprefix(SCHEME)}"


def address_of(path: str) -> str:
    """The ``gs://`` address of a path below the folder of buckets; of anything else, itself."""
    below = f"{folder()}/"
    return SCHEME + path.removeprefix(below) if path.startswith(below) else path


def bucket_of(address: str) -> str:
    """The ``gs://BUCKET`` of an address below it."""
    return SCHEME + address.removeprefix(SCHEME).partition("/")[0]


def is_mounted(address: str) -> bool:
    """Whether the bucket of a ``gs://`` address is a folder here."""
    return os.path.isdir(mounted(bucket_of(address)))


def check_mount(path: str) -> None:
    """Refuses a path in a bucket that is not mounted.

    Raises:
      FileNotFoundError: The path is below the folder of buckets, and its bucket is not there.
    """
    address = address_of(path)
    if address != path and not is_mounted(address):
        raise FileNotFoundError(
            f"models go to {path}, and {mounted(bucket_of(address))} is not there: mount the "
            f"bucket with Cloud Storage FUSE (Vertex AI does), or set {BUCKETS_VARIABLE} to where "
            "buckets are"
        )


def as_folder(address: str) -> str:
    """The path of a ``gs://`` address whose bucket is mounted; of anything else, itself."""
    return mounted(address) if is_mounted(address) else address
