"""A training that was stopped goes on after its last finished epoch."""

import contextlib
import io
import json
import zipfile
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.progress import say
from components.storage import is_address
from serving.whole_file import whole_file

_STATE = "state.npz"


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
      next_epoch: The one to train next, from 0.
      best_epoch: The one with the lowest val EER; -1 before the first.
      best_eer: Its val EER.
      best: Its weights, see ``SiameseModel.kept_weights``.
      history: What was measured, one value an epoch.
    """

    next_epoch: int = 0
    best_epoch: int = -1
    best_eer: float = float("inf")
    best: list[np.ndarray] = field(default_factory=list)
    history: dict[str, list[float]] = field(default_factory=dict)


class Checkpoint:
    """Keeps the state of a training in one file of a folder; without a folder, keeps nothing.

    The state is all variables of the model (weights, averages, batch statistics and the states of
    random generators), those of the optimizer, and the progress. It is a NumPy archive of plain
    arrays, read without unpickling.

    Args:
      folder: Only for one training: data, config and code are what they were. It may be at an
        address.
    """

    def __init__(self, folder: str | Path | None):
        self._folder = str(folder) if folder else None

    def progress(self) -> Progress:
        """The progress of the training that was stopped, or a fresh one.

        A state that cannot be read is said and deleted: the training begins anew.
        """
        path = self._path
        if path is None or not tf.io.gfile.exists(path):
            return Progress()
        try:
            with _opened(path) as state:
                # The archive has a checksum of each array, which reading compares.
                arrays = {name: state[name] for name in state.files}
            meta = json.loads(str(arrays["progress"]))
            best = [arrays[f"best_{index}"] for index in range(meta.pop("kept"))]
            return Progress(best=best, **meta)
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            say(f"the state of a stopped training cannot be read ({error}); it begins anew: {path}")
            with contextlib.suppress(tf.errors.NotFoundError):  # another worker reads it too
                tf.io.gfile.remove(path)
            return Progress()

    def restore(self, model: keras.Model, with_optimizer: bool) -> None:
        """Gives a model, and its optimizer, the state that was saved.

        Args:
          model: Built and compiled as it was when the state was saved.
          with_optimizer: False where a new phase starts with an optimizer of its own.

        Raises:
          ValueError: The state belongs to another model.
        """
        if self._path is None:
            return
        groups = {"model": model.variables}
        if with_optimizer:
            groups["optimizer"] = model.optimizer.variables
        with _opened(self._path) as state:
            for group, variables in groups.items():
                count = sum(name.startswith(f"{group}_") for name in state.files)
                # A new phase has room for more averages than the one that was saved.
                if count > len(variables) or (with_optimizer and count != len(variables)):
                    raise ValueError(
                        f"{self._path} holds {count} variables of the {group}, which has "
                        f"{len(variables)}; delete {self._folder} and start again"
                    )
                for index in range(count):
                    variables[index].assign(state[f"{group}_{index}"])

    def save(self, model: keras.Model, progress: Progress) -> None:
        """Replaces the state by the present one."""
        path = self._path
        if path is None:
            return
        meta = asdict(progress)
        meta["kept"] = len(meta.pop("best"))
        arrays: dict[str, Any] = {"progress": np.array(json.dumps(meta))}
        for group, values in (
            ("model", [variable.numpy() for variable in model.variables]),
            ("optimizer", [variable.numpy() for variable in model.optimizer.variables]),
            ("best", progress.best),
        ):
            arrays |= {f"{group}_{index}": value for index, value in enumerate(values)}
        if is_address(path):
            content = io.BytesIO()
            np.savez(content, **arrays)
            # An object of a store is replaced when all of it is there.
            with tf.io.gfile.GFile(path, "wb") as stored:
                stored.write(content.getvalue())
            return
        with whole_file(Path(path)) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)

    def delete(self) -> None:
        """Forgets the training: its model is exported."""
        if self._folder is not None:
            with contextlib.suppress(tf.errors.OpError):
                tf.io.gfile.rmtree(self._folder)

    @property
    def _path(self) -> str | None:
        return f"{self._folder}/{_STATE}" if self._folder else None


def _opened(path: str) -> Any:
    if not is_address(path):
        return np.load(path, allow_pickle=False)
    with tf.io.gfile.GFile(path, "rb") as stored:
        return np.load(io.BytesIO(stored.read()), allow_pickle=False)
