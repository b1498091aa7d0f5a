"""Buckets as folders: the path below ``/gcs`` of a ``gs://`` address, and back."""

import os
from typing import Final

# The folder below which buckets are mounted.
BUCKETS_VARIABLE: Final = "FACEAUTH_BUCKETS"
BUCKETS: Final = "/gcs"
SCHEME: Final = "gs://"


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


def check_mount(address: str) -> None:
    """Refuses the address of a bucket that is no folder here.

    Raises:
      FileNotFoundError: The bucket is not mounted.
    """
    bucket = bucket_of(address)
    if not is_mounted(bucket):
        raise FileNotFoundError(
            f"artifacts lie in {bucket}, and {mounted(bucket)} is not there: mount the bucket with "
            f"Cloud Storage FUSE (Vertex AI does), or set {BUCKETS_VARIABLE} to where buckets are"
        )
