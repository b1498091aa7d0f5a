"""A gallery that follows a store."""

import logging
import threading
import time
from typing import Final

import numpy as np

from serving.client.search_space import SearchSpace
from serving.enrolment.gallery import EXACT_NUMBERS, Gallery, Match
from serving.enrolment.store import ModelVersion, TemplateStore

_LOG = logging.getLogger(__name__)
# Templates that may have come or gone before all are arranged anew.
_FEW: Final = 1000
# The same, as a share of all.
_SHARE: Final = 0.02
# In the place of a template's ID.
_GONE: Final = -1


class LiveGallery:
    """The templates of one model version in memory, as they are in the store at each search.

    Opening and arranging a million templates takes some ten seconds. So what has changed since is
    read from the store's journal and changed here. Searches may come from several threads; one goes
    on at a time, over all cores.

    Args:
        store: What is followed.
        made_by: Whose templates.
        exact_numbers: As for ``Gallery``.
        space: How the model ranks; by default, by the Euclidean distance of templates.

    Raises:
        TemplateKeyError: The store's key does not open them.
    """

    def __init__(
        self,
        store: TemplateStore,
        made_by: ModelVersion,
        exact_numbers: int | None = EXACT_NUMBERS,
        space: SearchSpace | None = None,
    ) -> None:
        self.made_by = made_by
        self.ranks_as_the_model = space is not None
        self._space = space
        self._exact_numbers = exact_numbers
        self._store = store
        self._lock = threading.Lock()
        self._revision: int
        self._ids: np.ndarray  # of the gallery's rows
        self._arranged: int  # rows that were read at once
        self._gallery: Gallery
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
            searched = len(self._gallery)
            found = self._gallery.nearest(placed[0], count) if searched else []
        templates = self._store.templates([match.identity for match in found], self.made_by)
        # Who was forgotten in between is not there any more.
        return [
            (match, templates[match.identity]) for match in found if match.identity in templates
        ], searched

    def people(self) -> int:
        """Returns how many identities there are now."""
        with self._lock:
            self._follow()
            return self._gallery.people

    def _follow(self) -> None:
        if self._store.revision() == self._revision:
            return
        changes = self._store.changes(self.made_by, self._revision)
        new = changes.new
        # A change that was there already when all were read comes a second time here.
        struck = np.isin(self._ids, np.append(new.ids, changes.gone).astype(np.int64))
        gone = np.count_nonzero(self._ids == _GONE) + np.count_nonzero(struck)
        changed = gone + len(self._ids) - self._arranged + len(new)
        # Before there is any template, nobody knows how many numbers one has.
        if not self._arranged or changed > max(_FEW, _SHARE * self._arranged):
            self._read_all()
            return
        self._gallery.remove(np.flatnonzero(struck))
        self._ids[struck] = _GONE
        if len(new):
            self._gallery.add(new.identities, *self._placed(new.vectors))
            self._ids = np.append(self._ids, new.ids)
        self._revision = changes.revision

    def _read_all(self) -> None:
        begin = time.monotonic()
        everyone = self._store.everyone(self.made_by)
        self._revision = everyone.revision
        self._ids = everyone.new.ids
        self._arranged = len(self._ids)
        _LOG.info("arranging %d templates of %s", self._arranged, self.made_by)
        vectors, offsets = self._placed(everyone.new.vectors)
        self._gallery = Gallery(everyone.new.identities, vectors, offsets, self._exact_numbers)
        seconds = time.monotonic() - begin
        _LOG.info("%d templates can be searched, after %.1f s", self._arranged, seconds)
        if not self._gallery.is_exact:
            _LOG.warning(
                "%d templates of %d numbers, more than %d together: the search is approximate and "
                "can miss the nearest",
                *vectors.shape,
                self._exact_numbers,
            )

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
