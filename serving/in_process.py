"""Verification without a server: a model, two photos, an answer.

>>> from serving.in_process import verify
>>> verify("serving/models/faceauth", "a.jpg", "b.jpg").same  # doctest: +SKIP
True
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from faces.record import canvas_of
from serving.manifest import verify_manifest
from serving.sent_photos import ImageSource, send_photo
from serving.served_photos import note_photos
from serving.versions import newest_version

if TYPE_CHECKING:
    import numpy as np

    from faces import Face

_DECISION: Final = Path("assets.extra", "decision.json")
# The contract: one person from this score on.
SAME_FROM: Final = 0.5
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Verification:
    """Whether two photos show one person.

    Attributes:
        same: The calibrated decision: one person.
        score: 0 to 1; higher is more alike.
        threshold: The score from which on it is one person.
        distance: 0 or more; smaller is more alike.
        boxes: Left, top, right and bottom of the face in either photo, in its pixels; None for a
            photo that was taken as it is.
        faces: What was found in either, likewise.
    """

    same: bool
    score: float
    threshold: float
    distance: float
    boxes: tuple[Box | None, Box | None]
    faces: tuple["Face | None", "Face | None"]


class LocalModel:
    """An exported model in this process. Calls may come from several threads.

    Args:
        folder: A version's folder, or the folder of versions, of which the newest is taken.

    Raises:
        ValueError: There is no such model, or it is none of this project.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = newest_version(Path(folder))
        verify_manifest(self.folder)
        self.canvas = canvas_of(self.folder)
        self.decision = decision_of(self.folder)
        import tensorflow as tf

        try:
            self._model: Any = tf.saved_model.load(str(self.folder))
            signatures = self._model.signatures
            self._embed, self._compare = signatures["embed"], signatures["compare"]
        except (KeyError, OSError, ValueError, AttributeError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ValueError(
                f"{self.folder} is not a model of this project ({reason}); give one that its "
                "pipeline pushed"
            ) from error

    def embed(self, files: Sequence[bytes]) -> "np.ndarray":
        """Embeddings, float32 [N, D], of JPEG or PNG files as they are.

        Raises:
            ValueError: The model cannot decode one of them.
        """
        import tensorflow as tf

        note_photos(files)
        try:
            return self._embed(image=tf.constant(list(files)))["embedding"].numpy()
        except tf.errors.OpError as error:
            raise ValueError(
                f"the model cannot decode a photo ({str(error.message).splitlines()[0][:200]}); "
                "give whole JPEG or PNG files"
            ) from error

    def compare(self, a: "np.ndarray", b: "np.ndarray") -> dict[str, "np.ndarray"]:
        """``distance`` and ``score``, float32 [N], and ``same``, bool [N].

        Args:
            a: Embeddings, float32 [N, D].
            b: As many, each for the one in its place in ``a``.
        """
        import tensorflow as tf

        answer = self._compare(embedding_a=tf.constant(a), embedding_b=tf.constant(b))
        return {name: values.numpy() for name, values in answer.items()}

    def verify(
        self,
        a: ImageSource,
        b: ImageSource,
        which: str | int = "only",
        as_is: bool = False,
    ) -> Verification:
        """Returns whether two photos show one person.

        Args:
            a: A photo's path, or its content.
            b: Another's.
            which: ``only`` refuses a photo of several people; ``largest`` takes the largest face.
            as_is: The photos are aligned already.

        Raises:
            PhotoError: A photo cannot be used.
            OSError: There is no such file.
        """
        canvas = None if as_is else self.canvas
        sent = [send_photo(photo, canvas, which)[0] for photo in (a, b)]
        embeddings = self.embed([one.content for one in sent])
        answer = self.compare(embeddings[:1], embeddings[1:])
        return Verification(
            same=answer["same"][0].item(),
            score=answer["score"][0].item(),
            threshold=SAME_FROM,
            distance=answer["distance"][0].item(),
            boxes=(sent[0].box, sent[1].box),
            faces=(sent[0].face, sent[1].face),
        )


def verify(
    model: LocalModel | str | os.PathLike[str], a: ImageSource, b: ImageSource
) -> Verification:
    """Returns whether two photos show one person.

    Args:
        model: One that is loaded, which takes seconds, or its folder.
        a: A photo's path, or its content.
        b: Another's.

    Raises:
        PhotoError: A photo cannot be used; the message says why.
        OSError: There is no such file.
        ValueError: There is no such model.
    """
    loaded = model if isinstance(model, LocalModel) else LocalModel(model)
    return loaded.verify(a, b)


def decision_of(model: Path) -> dict[str, Any] | None:
    """A model's ``decision.json``: where its threshold comes from; None if it has none.

    Raises:
        ValueError: It is not JSON.
    """
    path = model / _DECISION
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    return record if isinstance(record, dict) else None
