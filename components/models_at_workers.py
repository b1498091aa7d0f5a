"""SavedModels where Beam's workers see them, each loaded once a process."""

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np
from apache_beam.utils import shared
from tfx.utils import io_utils

from components.exported_model import ExportedModel, network_digest
from components.local_copies import local_folder
from components.storage import is_address

if TYPE_CHECKING:
    import tensorflow as tf


def at_workers(model: str, beside: str) -> str:
    """A model where workers see it: one of this machine, of an earlier run, is copied."""
    if not is_address(beside) or is_address(model):
        return model
    io_utils.copy_dir(model, beside)
    return beside


class Models:
    """The loaded SavedModels; one instance a process, however many threads and bundles."""

    def __init__(self, paths: tuple[str, ...]):
        with _local(paths) as folders:
            self.models = [ExportedModel(folder) for folder in folders]
            self.networks = networks_of(folders)

    def embed(self, network: str, images: "tf.Tensor") -> np.ndarray:
        """The embeddings under a network, float32 ``[N, D]``."""
        return self.models[self.networks.index(network)].embed(images)

    @staticmethod
    def acquire(handle: shared.Shared, paths: tuple[str, ...]) -> "Models":
        """The models of this process, loaded if they are not."""
        return handle.acquire(functools.partial(Models, paths), tag="\n".join(paths))


def networks_of(paths: tuple[str, ...]) -> list[str]:
    """The digest of each model's network: one network decided twice is one network."""
    with _local(paths) as folders:
        return [network_digest(folder) for folder in folders]


@contextmanager
def _local(paths: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    with ExitStack() as copies:
        yield tuple(copies.enter_context(local_folder(path)) for path in paths)
