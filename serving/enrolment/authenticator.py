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
from serving.enrolment.gallery import EXACT_NUMBERS
from serving.enrolment.live_gallery import LiveGallery
from serving.enrolment.open_set import SAME_FROM, Acceptance, acceptance
from serving.enrolment.store import ModelVersion, TemplateStore
from serving.names import one_name

_LOG = logging.getLogger(__name__)
# How many of the nearest identities the model itself compares, nearest first: to begin with, at
# most, and where the search does not rank as the model does.
_SHORTLIST: Final = 8
_LONGEST: Final = 512
_UNRANKED: Final = 64
_MAX_ID: Final = 200
_MAX_PHOTOS: Final = 16
_MOST_CANDIDATES: Final = 100

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
class Candidate:
    """Somebody enrolled, as a photo was compared with them.

    Args:
        identity: The enrolled ID.
        score: The mean of the scores against each template, 0 to 1.
        distance: The mean of the distances.
        accepted: Whether that is enough in a search.
    """

    identity: str
    score: float
    distance: float
    accepted: bool


@dataclass(frozen=True)
class Identification:
    """Whom a photo shows.

    Args:
        identity: The enrolled ID, or None when it is nobody enrolled.
        score: Of the most alike identity, as in ``Decision``.
        searched: How many templates were searched.
        people: Of how many people.
        candidates: The most alike ones, most alike first, as many as were asked for.
        acceptance: What it took to be accepted, and how often a stranger is.
    """

    identity: str | None
    score: float
    searched: int
    people: int
    candidates: tuple[Candidate, ...]
    acceptance: Acceptance


class Authenticator:
    """Makes decisions with a model server and a template store.

    Templates are the embeddings as the model returns them, whatever their length: comparing them
    is then the same as verifying the photos, for every model. A person's score is the mean over the
    templates: the best of them would accept more strangers with every photo enrolled (on LFW, with
    three photos, 20 % where one photo gives 12 % and the mean 10 %; ``docs/experiments.md``).

    Args:
        client: Calls the model.
        store: Keeps the templates.
        exact_numbers: Up to which number of templates times their dimensions ``identify`` is exact;
            None for any.
    """

    def __init__(
        self, client: Client, store: TemplateStore, exact_numbers: int | None = EXACT_NUMBERS
    ) -> None:
        self._client = client
        self._exact_numbers = exact_numbers
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
            TemplateKeyError: The store has another key. Nothing is changed.
            ServingError: The server does not answer, or refuses a photo.
        """
        identity = _id(identity)
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
            ModelChangedError: The templates are another model's.
            ServingError: The server does not answer, or refuses the photo.
        """
        identity = _id(identity)
        with self._client.pinned() as client:
            made_by = _answering(client)
            self._check(identity, made_by)
            templates = self._store.get(identity, made_by)
            [score] = _scores(client, client.embed([photo]), [templates])
        accepted = score >= SAME_FROM
        self._log("authenticate", identity, made_by, ACCEPTED if accepted else REJECTED)
        return Decision(identity, accepted, score, len(templates))

    def identify(
        self,
        photo: ImageSource,
        top: int = 1,
        min_score: float | None = None,
        max_fpir: float | None = None,
    ) -> Identification:
        """Finds whom a photo shows among everyone enrolled with the model that answers now.

        People are ranked by their scores, as ``authenticate`` has them. The search proposes whom
        the model compares, by the model's own order where it tells how to (``SearchSpace``): nobody
        who would rank among the first is missed then, up to ``exact_numbers``.
        Else, those with the nearest templates by Euclidean distance are compared.

        Args:
            photo: Of one person.
            top: How many candidates to return, 1 to 100.
            min_score: Leaves out those with a lower score.
            max_fpir: How often a stranger may get a name; see ``acceptance``.

        Raises:
            NotEnrolledError: Nobody is enrolled.
            ModelChangedError: All who are were enrolled with another model version.
            EnrolmentError: An argument is out of its range, or the model knows no rates.
            ServingError: The server does not answer, or refuses the photo.
        """
        if not 1 <= top <= _MOST_CANDIDATES:
            raise EnrolmentError(f"top is {top}; ask for 1 to {_MOST_CANDIDATES} candidates")
        if min_score is not None and not 0 <= min_score <= 1:
            raise EnrolmentError(f"min_score is {min_score}; give a score, 0 to 1")
        with self._client.pinned() as client:
            made_by = _answering(client)
            probe = client.embed([photo])
            gallery = self._gallery_of(client, made_by, probe.shape[1])
            people = gallery.people()
            if not people:
                raise self._nobody(made_by)
            needed = acceptance(client, people, max_fpir, min_score)
            ranked, searched = _ranked(client, gallery, probe, top)
        candidates = tuple(
            Candidate(who, score, distance, needed.accepts(score, distance))
            for who, score, distance in ranked[:top]
            if score >= (min_score or 0.0)
        )
        identity = candidates[0].identity if candidates and candidates[0].accepted else None
        self._log("identify", identity, made_by, ACCEPTED if identity else REJECTED)
        best = ranked[0][1] if ranked else 0.0
        return Identification(identity, best, searched, people, candidates, needed)

    def forget(self, identity: str) -> int:
        """Deletes a person's templates and takes the ID out of the log; returns how many there
        were.

        Raises:
            NotEnrolledError: There were none.
        """
        gone = self._store.forget(_id(identity))
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
        if not enrolled_by.embeds_as(made_by):
            self._log("authenticate", identity, made_by, "model changed")
            raise ModelChangedError(
                f"the model changed: {identity!r} was enrolled with {enrolled_by}, and {made_by} "
                "answers now; enroll "
                f"again: faceauth enroll {identity} PHOTOS"
            )

    def _nobody(self, made_by: ModelVersion) -> EnrolmentError:
        """Why nobody can be found."""
        others = self._store.enrolled()
        if not others:
            return NotEnrolledError("nobody is enrolled; first: faceauth enroll ID PHOTOS")
        self._log("identify", None, made_by, "model changed")
        said = ", ".join(f"{people:,} with {version}" for version, people in others.items())
        return ModelChangedError(
            f"the model changed: nobody is enrolled with {made_by}, which answers now, but {said}; "
            "enroll them again: "
            "faceauth enroll ID PHOTOS"
        )

    def _gallery_of(self, client: Client, made_by: ModelVersion, size: int) -> LiveGallery:
        with self._gallery_lock:
            if self._gallery is None or self._gallery.made_by != made_by:
                space = client.search_space(size)
                self._gallery = LiveGallery(self._store, made_by, self._exact_numbers, space)
            return self._gallery

    def _log(self, action: str, identity: str | None, made_by: ModelVersion, outcome: str) -> None:
        self._store.log(action, identity, made_by, outcome)
        _LOG.info("%s: id=%s model=%s outcome=%s", action, identity, made_by, outcome)


def _ranked(
    client: Client, gallery: LiveGallery, probe: np.ndarray, top: int
) -> tuple[list[tuple[str, float, float]], int]:
    """Whom a probe ``[1, D]`` is most like, by the mean score: ID, score and distance of each.

    A person's mean score is at most that of their best template, and the gallery has the people in
    the order of these. So whoever it did not propose scores at most what the best template of the
    last one proposed does; once the people asked for score as much, they are the right ones. (The
    threshold algorithm: Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware",
    2003.)
    """
    count = max(2 * top, _SHORTLIST if gallery.ranks_as_the_model else _UNRANKED)
    while True:
        found, searched = gallery.search(probe[0], count)
        if not found:
            return [], searched
        people = _compared(client, probe, [templates for _, templates in found])
        ranked = sorted(
            (
                (match.identity, float(scores.mean()), float(distances.mean()))
                for (match, _), (scores, distances) in zip(found, people, strict=True)
            ),
            key=lambda one: (-one[1], one[2]),
        )
        unseen = people[-1][0].max()
        enough = len(ranked) >= top and ranked[top - 1][1] >= unseen
        if enough or len(found) < count or count >= _LONGEST or not gallery.ranks_as_the_model:
            return ranked, searched
        count *= 4


def _scores(client: Client, probe: np.ndarray, people: Sequence[np.ndarray]) -> list[float]:
    """Each person's mean score against a probe ``[1, D]``, for templates ``[T, D]`` of each."""
    return [float(scores.mean()) for scores, _ in _compared(client, probe, people)]


def _compared(
    client: Client, probe: np.ndarray, people: Sequence[np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores and distances of each person's templates ``[T, D]`` to a probe ``[1, D]``."""
    templates = np.concatenate(people)
    compared = client.compare(templates, np.repeat(probe, len(templates), axis=0))
    both = np.array([(one.score, one.distance) for one in compared], np.float64)
    ends = np.cumsum([len(each) for each in people])
    return [(each[:, 0], each[:, 1]) for each in np.split(both, ends[:-1])]


def _id(identity: str) -> str:
    """An ID in its one spelling.

    Raises:
        EnrolmentError: It is none.
    """
    found = one_name(identity)
    if not found.strip() or len(found) > _MAX_ID or not found.isprintable():
        raise EnrolmentError(
            f"{identity[:_MAX_ID]!a} is no ID, which has 1 to {_MAX_ID} printable characters"
        )
    return found


def _answering(client: Client) -> ModelVersion:
    version = client.endpoint.version
    if version is None:
        raise ValueError("the client names no version; use Client.pinned()")
    return ModelVersion(client.endpoint.model, version, client.network() or "")
