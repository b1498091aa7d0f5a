"""An exported model in use: where it lies, what its records say, and its answers by the batch."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from components.saved_variables import read_variables
from faces.record import canvas_of
from serving.versions import SAVED_MODEL

if TYPE_CHECKING:
    import tensorflow as tf

# Larger ones are no faster and take memory: at 224 px, a layer of 64 channels makes 13 MB an image.
EMBED_BATCH: Final = 64
PAIR_BATCH: Final = 16_384

# Records beside the graph, JSON files that a server passes over.
EXTRA: Final = "assets.extra"
NETWORK_FILE: Final = "network.json"  # what embeds, and how embeddings are compared
DECISION_FILE: Final = "decision.json"  # what the threshold is, and where it is from

# Where TensorFlow keeps the two variables that are the decision.
DECISION_KEYS: Final = {
    name: f"{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in ("threshold", "slope")
}
# And the one that says which network it is.
NETWORK_KEY: Final = "network/.ATTRIBUTES/VARIABLE_VALUE"
# And the two that say how often strangers are mistaken, at other thresholds than the decision's.
FMR_TABLE_KEYS: Final = {
    name: f"{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in ("fmr_distances", "fmr_rates")
}
FMR_ROWS: Final = 65


class ExportedModel:
    """A SavedModel with the signatures ``embed`` and ``compare``, as Trainer and Decision write it.

    Args:
      folder: Holds ``saved_model.pb``, see ``serving.versions.newest_version``.

    Attributes:
      folder: The same.
      canvas: How it wants its faces; None takes photos as they are.

    Raises:
      ValueError: There is no such model, or it has other signatures.
    """

    def __init__(self, folder: str | Path):
        # Takes 13 seconds to import.
        import tensorflow as tf

        try:
            self._model = tf.saved_model.load(str(folder))
        except OSError as error:
            raise ValueError(
                f"{folder} is no SavedModel ({error}); give a version's folder"
            ) from None
        self._signatures = self._model.signatures
        missing = {"embed", "compare"} - set(self._signatures)
        if missing:
            raise ValueError(
                f"{folder} has the signatures {sorted(self._signatures)}, and not "
                f"{sorted(missing)}; give a model that this pipeline pushed"
            )
        self.folder = Path(folder)
        self.canvas = canvas_of(self.folder)

    @property
    def network(self) -> dict[str, Any]:
        """See ``network_of``."""
        return network_of(self.folder)

    @property
    def decision(self) -> dict[str, Any]:
        """See ``decision_of``."""
        return decision_of(self.folder)

    def embed(self, files: "Sequence[bytes] | tf.Tensor") -> np.ndarray:
        """Embeddings, float32 ``[N, D]``, of N JPEG or PNG files."""
        import tensorflow as tf

        embed = self._signatures["embed"]
        parts = [
            embed(image=tf.constant(files[at : at + EMBED_BATCH], tf.string))["embedding"].numpy()
            # Of no files, too, there are embeddings of a length.
            for at in range(0, max(1, len(files)), EMBED_BATCH)
        ]
        return np.concatenate(parts)

    def compare(self, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
        """``distance`` and ``score``, float32 ``[P]``, and ``same``, bool ``[P]``, of pairs.

        Args:
          a: float32 ``[P, D]``, P of 1 or more.
          b: float32 ``[P, D]``, each for the one in its place in ``a``.
        """
        import tensorflow as tf

        compare = self._signatures["compare"]
        parts = []
        for at in range(0, len(a), PAIR_BATCH):
            rows = slice(at, at + PAIR_BATCH)
            answer = compare(embedding_a=tf.constant(a[rows]), embedding_b=tf.constant(b[rows]))
            parts.append({name: values.numpy() for name, values in answer.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def distances(
        self, first: np.ndarray, second: np.ndarray, a: np.ndarray, b: np.ndarray
    ) -> np.ndarray:
        """The distances of pairs, float32 ``[P]``, without all of their embeddings side by side.

        Args:
          first: float32 ``[N, D]``, embeddings that the first of a pair is taken from.
          second: float32 ``[M, D]``, likewise the second.
          a: int ``[P]``, P of 1 or more: rows of ``first``.
          b: int ``[P]``: rows of ``second``.
        """
        starts = range(0, len(a), PAIR_BATCH)
        batches = [(a[at : at + PAIR_BATCH], b[at : at + PAIR_BATCH]) for at in starts]
        return np.concatenate(
            [self.compare(first[rows], second[others])["distance"] for rows, others in batches]
        )


def network_digest(model: str | Path) -> str:
    """SHA-256 of all of a model but its decision, as 64 hex digits; the model itself says it, too.

    Models of one digest embed alike and find the same distances.

    Raises:
      ValueError: It has no variables.
    """
    digest = hashlib.sha256(Path(model, SAVED_MODEL).read_bytes())
    values = read_variables(model)
    others = {*DECISION_KEYS.values(), *FMR_TABLE_KEYS.values(), NETWORK_KEY}
    for name in sorted(values.keys() - others):
        digest.update(f"{name}\0".encode() + np.asarray(values[name]).tobytes())
    return digest.hexdigest()


def read_record(model: str | Path, name: str) -> dict[str, Any] | None:
    """A JSON record beside a model's graph; None where there is none.

    Raises:
      ValueError: It is not JSON.
    """
    path = Path(model, EXTRA, name)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(
            f"{path} is not JSON ({error}); take the model from where it was"
        ) from None


def network_of(model: str | Path) -> dict[str, Any]:
    """A model's ``network.json``.

    Raises:
      ValueError: There is none.
    """
    return _record_of(model, NETWORK_FILE, "Trainer")


def decision_of(model: str | Path) -> dict[str, Any]:
    """A model's ``decision.json``.

    Raises:
      ValueError: There is none.
    """
    return _record_of(model, DECISION_FILE, "Decision")


def _record_of(model: str | Path, name: str, writer: str) -> dict[str, Any]:
    record = read_record(model, name)
    if record is None:
        raise ValueError(
            f"{model} holds no {EXTRA}/{name}; it is not a model that {writer} wrote, or an older "
            "one: train it again"
        )
    return record


def record_text(content: dict[str, Any]) -> str:
    """A record as its file has it."""
    return json.dumps(content, indent=2, sort_keys=True) + "\n"
