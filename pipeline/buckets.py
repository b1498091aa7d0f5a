"""Buckets as folders: the path below ``/gcs`` of a ``gs://`` address, and back."""

import os
from typing import Final

# The folder below which buckets are mounted.
BUCKETS_VARIABLE: Final = "FACEAUTH_BUCKETS"
BUCKETS: Final = "/gcs"
SCHEME: Final = "gs://"


def mounted(address: str) -> str:
    """The path of a ``gs://`` address in a container; of anything else, itself."""
    if not address.startswith(SCHEME):
        return address
    folder = os.environ.get(BUCKETS_VARIABLE, BUCKETS)
    return f"{folder}/{address.removeprefix(SCHEME)}"


def address_of(path: str) -> str:
    """The ``gs://`` address of a path below the folder of buckets; of anything else, itself."""
    folder = os.environ.get(BUCKETS_VARIABLE, BUCKETS) + "/"
    return SCHEME + path.removeprefix(folder) if path.startswith(folder) else path


def check_mount(address: str) -> None:
    """Refuses the address of a bucket that is no folder here.

    Raises:
      FileNotFoundError: The bucket is not mounted.
    """
    bucket = address.removeprefix(SCHEME).partition("/")[0]
    folder = mounted(SCHEME + bucket)
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"artifacts lie in {SCHEME}{bucket}, and {folder} is not there: mount the bucket with "
            f"Cloud Storage FUSE (Vertex AI does), or set {BUCKETS_VARIABLE} to where buckets are"
        )
