"""Enrols, authenticates, identifies and forgets people."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from serving.client.calls import ImageSource
from serving.client.client import Client
from serving.enrolment.errors import EnrolmentError, ModelChangedError, NotEnrolledError
from serving.enrolment.gallery import EXACT_UP_TO
from serving.enrolment.live_gallery import LiveGallery
from serving.enrolment.store import ModelVersion, TemplateStore

_LOG = logging.getLogger(__name__)
# How many of the nearest identities the model itself compares, nearest first.
_SHORTLIST: Final = 8
_MAX_ID: Final = 200
_MAX_PHOTOS: Final = 16

# The model's own decision, by its contract; also that of a mean of scores.
SAME_FROM: Final = 0.5

ACCEPTED: Final = "accepted"
REJECTED: Final = "rejected"


@dataclass(frozen=True)
class Decision:
    """Whether a photo shows the enrolled person.

    Args:
        identity: The ID that was claimed.
        accepted: Whether the score is at least 0.5.
        score: The mean of the scores against each template, 0 to 1.
        templates: How many templates were compared.
    """

    identity: str
    accepted: bool
    score: float
    templates: int


@dataclass(frozen=True)
class Identification:
    """Whom a photo shows.

    Args:
        identity: The enrolled ID, or None when it is nobody enrolled.
        score: Of the most alike identity, as in ``Decision``; 0 when nobody is enrolled.
        searched: How many templates were searched.
    """

    identity: str | None
    score: float
    searched: int


class Authenticator:
    """Makes decisions with a model server and a template store.

    Templates are the embeddings as the model returns them, whatever their length: comparing them
    is then the same as verifying the photos, for every model. A person's score is the mean over the
    templates: the best of them would accept more strangers with every photo enrolled (on LFW, with
    three photos, 20 % where one photo gives 12 % and the mean 10 %; ``docs/experiments.md``).

    Args:
        client: Calls the model.
        store: Keeps the templates.
        exact_up_to: With how many templates of a model ``identify`` is exact; None for any number.
    """

    def __init__(
        self, client: Client, store: TemplateStore, exact_up_to: int | None = EXACT_UP_TO
    ) -> None:
        self._client = client
        self._exact_up_to = exact_up_to
        self._store = store
        self._gallery: LiveGallery | None = None
        self._gallery_lock = threading.Lock()

    def enroll(self, identity: str, photos: Sequence[ImageSource]) -> int:
        """Makes templates of a person's photos, in place of any earlier ones; returns how many.

        Args:
            identity: The person's ID.
            photos: Two or three, taken differently, serve best; 16 at most.

        Raises:
            EnrolmentError: The ID or the number of photos is not usable.
            ServingError: The server does not answer, or refuses a photo.
        """
        if not identity or len(identity) > _MAX_ID or not identity.isprintable():
            raise EnrolmentError(f"an ID has 1 to {_MAX_ID} printable characters")
        if not 1 <= len(photos) <= _MAX_PHOTOS:
            raise EnrolmentError(f"{len(photos)} photos; give 1 to {_MAX_PHOTOS}")
        with self._client.pinned() as client:
            made_by = _answering(client)
            self._store.put(identity, made_by, client.embed(photos))
        self._log("enroll", identity, made_by, "enrolled")
        return len(photos)

    def authenticate(self, identity: str, photo: ImageSource) -> Decision:
        """Decides whether a photo shows the person enrolled as ``identity``.

        Raises:
            NotEnrolledError: Nobody is.
            ModelChangedError: The templates are another model version's.
            ServingError: The server does not answer, or refuses the photo.
        """
        with self._client.pinned() as client:
            made_by = _answering(client)
            self._check(identity, made_by)
            templates = self._store.get(identity, made_by)
            [score] = _scores(client, client.embed([photo]), [templates])
        accepted = score >= SAME_FROM
        self._log("authenticate", identity, made_by, ACCEPTED if accepted else REJECTED)
        return Decision(identity, accepted, score, len(templates))

    def identify(self, photo: ImageSource) -> Identification:
        """Finds whom a photo shows among everyone enrolled with the model that answers now.

        Searches by Euclidean distance, exactly up to ``exact_up_to`` templates; the model then
        compares the identities with the nearest templates and decides. A search among many makes
        more false matches than one comparison: with N people, about N times as many.

        Raises:
            ServingError: The server does not answer, or refuses the photo.
        """
        with self._client.pinned() as client:
            made_by = _answering(client)
            probe = client.embed([photo])
            found, searched = self._gallery_of(made_by).search(probe[0], _SHORTLIST)
            if not found:
                self._log("identify", None, made_by, REJECTED)
                return Identification(None, 0.0, 0)
            scores = _scores(client, probe, [templates for _, templates in found])
        score, match = max(
            ((score, match) for score, (match, _) in zip(scores, found, strict=True)),
            key=lambda one: (one[0], -one[1].distance),
        )
        identity = match.identity if score >= SAME_FROM else None
        self._log("identify", identity, made_by, ACCEPTED if identity else REJECTED)
        return Identification(identity, score, searched)

    def forget(self, identity: str) -> int:
        """Deletes a person's templates and takes the ID out of the log; returns how many there
        were.

        Raises:
            NotEnrolledError: There were none.
        """
        gone = self._store.forget(identity)
        if not gone:
            raise NotEnrolledError(f"nobody is enrolled as {identity!r}; nothing to forget")
        _LOG.info("forget: %d templates deleted", gone)
        return gone

    def _check(self, identity: str, made_by: ModelVersion) -> None:
        enrolled_by = self._store.made_by(identity)
        if enrolled_by is None:
            raise NotEnrolledError(
                f"nobody is enrolled as {identity!r}; first: faceauth enroll {identity} PHOTOS"
            )
        if enrolled_by != made_by:
            self._log("authenticate", identity, made_by, "model changed")
            raise ModelChangedError(
                f"{identity!r} was enrolled with {enrolled_by}, and {made_by} answers now; enroll "
                f"again: faceauth enroll {identity} PHOTOS"
            )

    def _gallery_of(self, made_by: ModelVersion) -> LiveGallery:
        with self._gallery_lock:
            if self._gallery is None or self._gallery.made_by != made_by:
                self._gallery = LiveGallery(self._store, made_by, self._exact_up_to)
            return self._gallery

    def _log(self, action: str, identity: str | None, made_by: ModelVersion, outcome: str) -> None:
        self._store.log(action, identity, made_by, outcome)
        _LOG.info("%s: id=%s model=%s outcome=%s", action, identity, made_by, outcome)


def _scores(client: Client, probe: np.ndarray, people: Sequence[np.ndarray]) -> list[float]:
    """Each person's mean score against a probe ``[1, D]``, for templates ``[T, D]`` of each."""
    templates = np.concatenate(people)
    compared = client.compare(templates, np.repeat(probe, len(templates), axis=0))
    scores = np.array([one.score for one in compared], np.float64)
    ends = np.cumsum([len(each) for each in people])
    return [float(each.mean()) for each in np.split(scores, ends[:-1])]


def _answering(client: Client) -> ModelVersion:
    version = client.endpoint.version
    if version is None:
        raise ValueError("the client names no version; use Client.pinned()")
    return ModelVersion(client.endpoint.model, version)
