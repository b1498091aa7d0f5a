"""A loaded version that answers requests, in batches."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from serving.local_server.batching import Batcher
from serving.local_server.loaded_model import LoadedModel
from serving.local_server.options import Batching


class Servable:
    """One version of one model, with a batcher for each signature.

    Args:
        name: The model's name.
        version: Its version.
        model: The loaded SavedModel.
        executor: Where the model is called.
        batching: Sizes and delays.
        observe: Is told the model's name and the rows of each call.

    Attributes:
        batchers: What answers, by the signature's name.
        most_rows: How many rows may wait in each.
    """

    def __init__(
        self,
        name: str,
        version: int,
        model: LoadedModel,
        executor: Executor,
        batching: Batching,
        observe: Callable[[str, int], None] = lambda name, rows: None,
    ) -> None:
        self.name = name
        self.version = version
        self.model = model
        self.most_rows = batching.max_enqueued_rows
        self.batchers = {
            signature.name: Batcher(
                partial(model.run, signature), executor, batching, partial(observe, name)
            )
            for signature in model.signatures.values()
        }

    @classmethod
    def load(
        cls,
        executor: Executor,
        batching: Batching,
        observe: Callable[[str, int], None],
        name: str,
        version: int,
        folder: Path,
    ) -> "Servable":
        """Loads the version in ``folder``; see ``LoadedModel`` for what it raises."""
        return cls(name, version, LoadedModel(folder), executor, batching, observe)

    async def drain(self) -> None:
        """Returns when every request it has taken is answered."""
        await asyncio.gather(*(batcher.drain() for batcher in self.batchers.values()))
