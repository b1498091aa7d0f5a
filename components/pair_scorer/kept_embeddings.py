"""Embeddings of earlier runs: another decision, or the same baseline, embeds nothing again."""

import hashlib
import io
import os
import zipfile
from collections.abc import Collection

import numpy as np
from tfx.dsl.io import fileio

from components.whole_file import write_whole


def shard_key(path: str, wanted: Collection[bytes]) -> str:
    """What the embeddings of a shard depend on, beside the network, as 64 hex digits.

    Args:
      path: TFRecords of images.
      wanted: Ids of those that are embedded.
    """
    digest = hashlib.sha256()
    for image_id in sorted(wanted):
        digest.update(image_id + b"\0")
    with fileio.open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class KeptEmbeddings:
    """Arrays float32 ``[N, D]`` in a folder: ``<network's digest>/<shard's key>.npz``.

    An entry that is not whole counts as missing.

    Args:
      folder: Of the entries; nothing is kept if it is empty.
    """

    def __init__(self, folder: str):
        self._folder = folder

    def get(self, network: str, key: str) -> np.ndarray | None:
        """The embeddings, in the order of the shard; None if they are not kept."""
        path = self._path(network, key)
        if not self._folder or not fileio.exists(path):
            return None
        with fileio.open(path, "rb") as file:
            content = io.BytesIO(file.read())
        try:
            # A zip archive, which notices a changed bit.
            with np.load(content, allow_pickle=False) as arrays:
                return arrays["embeddings"]
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile):
            return None

    def put(self, network: str, key: str, embeddings: np.ndarray) -> None:
        """Keeps the embeddings of a shard."""
        if not self._folder:
            return
        content = io.BytesIO()
        np.savez(content, embeddings=embeddings)
        write_whole(self._path(network, key), content.getvalue())

    def clean(self, networks: Collection[str]) -> None:
        """Deletes what belongs to other networks."""
        if self._folder and fileio.exists(self._folder):
            for name in map(str, fileio.listdir(self._folder)):
                if name.rstrip("/") not in networks:
                    fileio.rmtree(os.path.join(self._folder, name))

    def _path(self, network: str, key: str) -> str:
        return os.path.join(self._folder, network, f"{key}.npz")
