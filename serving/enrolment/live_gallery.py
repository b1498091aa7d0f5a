"""A gallery that follows a store."""

import logging
import threading
import time
from typing import Final

import numpy as np

from serving.client.search_space import SearchSpace
from serving.enrolment.gallery import EXACT_UP_TO, Gallery, Match
from serving.enrolment.store import ModelVersion, TemplateStore

_LOG = logging.getLogger(__name__)
# Templates that may have come or gone before the large gallery is built anew.
_FEW: Final = 1000
# The same, as a share of the large gallery.
_SHARE: Final = 0.02


class LiveGallery:
    """The templates of one model version in memory, as they are in the store at each search.

    Opening and arranging a million templates takes some ten seconds. So what has changed since is
    read from the store's journal: what is gone is struck from the large gallery, and what is new is
    searched in a small one beside it. Searches may come from several threads; one goes on at a
    time, over all cores.

    Args:
        store: What is followed.
        made_by: Whose templates.
        exact_up_to: As for ``Gallery``.
        space: How the model ranks; by default, by the Euclidean distance of templates.

    Raises:
        TemplateKeyError: The store's key does not open them.
    """

    def __init__(
        self,
        store: TemplateStore,
        made_by: ModelVersion,
        exact_up_to: int | None = EXACT_UP_TO,
        space: SearchSpace | None = None,
    ) -> None:
        self.made_by = made_by
        self.ranks_as_the_model = space is not None
        self._space = space
        self._exact_up_to = exact_up_to
        self._store = store
        self._lock = threading.Lock()
        self._revision: int
        self._ids: np.ndarray  # of the large gallery's rows, in order
        self._large: Gallery
        self._new: dict[int, tuple[str, np.ndarray]]  # embeddings
        self._small: Gallery
        self._read_all()

    def search(self, probe: np.ndarray, count: int) -> tuple[list[tuple[Match, np.ndarray]], int]:
        """Returns the nearest identities, nearest first, and how many templates were searched.

        Args:
            probe: float [D].
            count: How many identities, at most.

        Returns:
            Each match with all templates of its identity, float32 [T, D]; and the number.

        Raises:
            ValueError: The probe has another size than the templates.
            TemplateKeyError: The store's key does not open what is new.
        """
        with self._lock:
            self._follow()
            placed, _ = self._placed(np.array(probe, np.float32, ndmin=2))
            found = [
                match
                for gallery in (self._large, self._small)
                if len(gallery)
                for match in gallery.nearest(placed[0], count)
            ]
            searched = len(self._large) + len(self._small)
        # No identity is in both: enrolling replaces all templates of one.
        found.sort(key=lambda match: -match.closeness)
        found = found[:count]
        templates = self._store.templates([match.identity for match in found], self.made_by)
        # Who was forgotten in between is not there any more.
        return [
            (match, templates[match.identity]) for match in found if match.identity in templates
        ], searched

    def people(self) -> int:
        """Returns how many identities there are now."""
        with self._lock:
            self._follow()
            return self._large.people + self._small.people

    def _follow(self) -> None:
        if self._store.revision() == self._revision:
            return
        changes = self._store.changes(self.made_by, self._revision)
        for number in changes.gone:
            self._new.pop(number, None)
        came = changes.new.ids.tolist()
        # A change that was there already when all were read comes a second time here.
        self._strike([*changes.gone, *came])
        people = zip(changes.new.identities, changes.new.vectors, strict=True)
        self._new.update(zip(came, people, strict=True))
        self._revision = changes.revision
        struck = len(self._ids) - len(self._large)
        if len(self._new) + struck > max(_FEW, _SHARE * len(self._ids)):
            self._read_all()
        else:
            self._arrange_new()

    def _read_all(self) -> None:
        begin = time.monotonic()
        everyone = self._store.everyone(self.made_by)
        self._revision = everyone.revision
        self._ids = everyone.new.ids
        _LOG.info("arranging %d templates of %s", len(self._ids), self.made_by)
        vectors, offsets = self._placed(everyone.new.vectors)
        self._large = Gallery(everyone.new.identities, vectors, offsets, self._exact_up_to)
        self._new = {}
        self._arrange_new()
        seconds = time.monotonic() - begin
        _LOG.info("%d templates can be searched, after %.1f s", len(self._ids), seconds)
        if not self._large.is_exact:
            _LOG.warning(
                "more than %d templates: the search is approximate and can miss the nearest",
                self._exact_up_to,
            )

    def _strike(self, numbers: list[int]) -> None:
        wanted = np.unique(np.array(numbers, np.int64))
        rows = np.searchsorted(self._ids, wanted)
        there = rows < len(self._ids)
        rows, wanted = rows[there], wanted[there]
        self._large.remove(rows[self._ids[rows] == wanted])

    def _arrange_new(self) -> None:
        identities = [identity for identity, _ in self._new.values()]
        embeddings = [vector for _, vector in self._new.values()] or np.zeros((0, 0))
        vectors, offsets = self._placed(np.array(embeddings, np.float32))
        self._small = Gallery(identities, vectors, offsets, self._exact_up_to)

    def _placed(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not len(embeddings):
            return embeddings, np.zeros(0, np.float32)
        space = self._space or SearchSpace.euclidean(embeddings.shape[1])
        if embeddings.shape[1] != len(space.weight):
            raise ValueError(
                f"a template or a probe of {embeddings.shape[1]} numbers, and {self.made_by} makes "
                f"{len(space.weight)}"
            )
        return space.place(embeddings)
