"""Embeds the val images by the shard: wherever, through files beside the artifact.

The driver leaves the ids that pairs name, once, and each shard's embeddings become a file. What
goes through Beam are names of shards.
"""

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import apache_beam as beam
import numpy as np
from apache_beam.utils import shared

from components import features
from components.artifacts import IMAGE_ROWS, read_rows
from components.models_at_workers import Models
from components.pace import Pace
from components.side_by_side import side_by_side
from components.stored_arrays import read_array, write_arrays
from components.val_scorer.calibration_pairs import embed_copies

_IDS: Final = "ids"
_IDENTITIES: Final = "identities"


def leave_wanted(folder: str, ids: np.ndarray) -> None:
    """Puts the ids of the images that are wanted, str ``[N]``, where ``EmbedShard`` finds them."""
    write_arrays(_wanted_path(folder), {_IDS: np.char.encode(ids, "utf-8")})


class EmbedShard(beam.DoFn):
    """Embeds those images of a shard that are wanted, and their aged copies, into a file.

    Args:
      model: A SavedModel's folder or address.
      ageings: Of ``ageing.STRENGTHS``.
      folder: For the files; ``leave_wanted`` was here.
      models: Holds the model of each process.
    """

    def __init__(self, model: str, ageings: Sequence[str], folder: str, models: shared.Shared):
        self._model_path, self._ageings, self._folder = model, tuple(ageings), folder
        self._wanted_handle, self._models_handle = shared.Shared(), models

    def setup(self) -> None:
        self._wanted = self._wanted_handle.acquire(partial(_read_wanted, self._folder))
        # After it, since Beam keeps what was acquired last.
        self._models = Models.acquire(self._models_handle, (self._model_path,))
        self._pace = Pace("val images, with their aged copies")

    def process(self, shard: str) -> Iterator[int]:
        """Yields how many images were embedded."""
        ids: list[str] = []
        identities: list[str] = []
        embeddings: dict[str, list[np.ndarray]] = defaultdict(list)

        def images() -> Iterator[tuple[str, bytes]]:
            names = (features.IMAGE_ID, features.IDENTITY, features.IMAGE_ENCODED)
            for rows in read_rows([shard], dict.fromkeys(names, bytes), IMAGE_ROWS):
                for image_id, identity, file in zip(*rows.values(), strict=True):
                    if image_id in self._wanted:
                        identities.append(identity.decode())
                        yield image_id.decode(), file

        [model] = self._models.models
        for batch, found in embed_copies(model, images(), self._ageings):
            ids += batch
            for kind, values in found.items():
                embeddings[kind].append(values)
            self._pace.add(len(batch), len(self._wanted))
        columns = {_IDS: np.array(ids, np.str_), _IDENTITIES: np.array(identities, np.str_)}
        for kind, parts in embeddings.items():
            columns[kind] = np.concatenate(parts)
        write_arrays(_embedded_path(self._folder, shard), columns)
        yield len(ids)


class EmbeddedShards:
    """What ``EmbedShard`` found.

    Args:
      folder: Of its files.
      shards: That it went through.
      ids: str ``[N]``, of the images that were wanted, in rising order.

    Attributes:
      seen: bool ``[N]``, which of them were in the shards.
      identities: str ``[N]``, who they show.
    """

    def __init__(self, folder: str, shards: Sequence[str], ids: np.ndarray):
        paths = [_embedded_path(folder, shard) for shard in shards]
        rows = [np.searchsorted(ids, there) for there in side_by_side(_read(_IDS), paths)]
        identities = list(side_by_side(_read(_IDENTITIES), paths))
        self.seen = np.zeros(len(ids), bool)
        self.identities = np.empty(len(ids), np.result_type(*identities))
        for at, names in zip(rows, identities, strict=True):
            self.seen[at] = True
            self.identities[at] = names
        # A shard of which nothing is wanted has no embeddings, and they no length.
        self._parts = [(path, at) for path, at in zip(paths, rows, strict=True) if len(at)]

    def table(self, kind: str) -> np.ndarray:
        """The embeddings of a kind, float32 ``[N, D]``; all are ``seen``."""
        path, _ = self._parts[0]
        table = np.empty((len(self.seen), read_array(path, kind).shape[1]), np.float32)
        found = side_by_side(_read(kind), (path for path, _ in self._parts))
        for (_, rows), values in zip(self._parts, found, strict=True):
            table[rows] = values
        return table


def _read(name: str) -> Callable[[str], np.ndarray]:
    return partial(read_array, name=name)


def _wanted_path(folder: str) -> str:
    return posixpath.join(folder, "wanted.npz")


def _read_wanted(folder: str) -> frozenset[bytes]:
    return frozenset(read_array(_wanted_path(folder), _IDS).tolist())


def _embedded_path(folder: str, shard: str) -> str:
    return posixpath.join(folder, "embeddings", f"{posixpath.basename(shard)}.npz")
