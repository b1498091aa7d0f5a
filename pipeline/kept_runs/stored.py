"""What runs keep at an address: found by listing, looked into by copies, one folder at a time."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

from components.local_copies import local_folder
from components.storage import StoredFile, files_below, is_address
from pipeline.kept_runs.search import files_with
from pipeline.run_folder import CHECKPOINTS, KEPT_EMBEDDINGS, KEPT_FACES

# <root>/<component>/<output>/<number of the execution>
_ARTIFACT: Final = re.compile(r"(.+)/[^/]+/[^/]+/\d+/?")
_SYSTEM: Final = ".system"


class StoredRuns:
    """The artifacts of a pipeline at an address, and what lies beside them.

    Args:
      root: The address.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[StoredFile]:
        """What lies there, listed once."""
        return list(files_below(self.root))

    def folders(self) -> dict[str, int]:
        """The bytes of each folder of an artifact, by its address."""
        found: dict[str, int] = {}
        for file in self.files:
            if (place := self._artifact(file.name)) is not None:
                found[place] = found.get(place, 0) + file.size
        return found

    def left_behind(self, began: float) -> dict[str, int]:
        """The bytes of temporary files, and of what trainings left that were stopped.

        Args:
          began: Only trainings count that were stopped before, in seconds since the epoch.
        """
        found: dict[str, int] = {}
        newest: dict[str, float] = {}
        for file in self.files:
            parts = file.name.split("/")
            if parts[0] in (KEPT_FACES, KEPT_EMBEDDINGS):
                depth = len(parts) if file.name.endswith(".part") else 0
            elif len(parts) > 3 and parts[1] in (_SYSTEM, CHECKPOINTS):
                depth = 4 if parts[1] == _SYSTEM else 3
            else:
                depth = 0
            if depth:
                place = "/".join([self.root, *parts[:depth]])
                found[place] = found.get(place, 0) + file.size
                if parts[1] == CHECKPOINTS:
                    newest[place] = max(newest.get(place, 0.0), file.updated)
        return {place: size for place, size in found.items() if newest.get(place, 0.0) < began}

    def with_(self, wanted: re.Pattern[bytes]) -> Iterator[str]:
        """Yields the addresses of the files whose content or name has what is wanted.

        Raises:
          OSError: A file cannot be read.
        """
        tops = {file.name.rpartition("/")[0] for file in self.files}
        for folder in sorted({"/".join(each.split("/")[:3]) for each in tops if each}):
            with local_folder(f"{self.root}/{folder}") as copy:
                for path in files_with(Path(copy), wanted):
                    yield f"{self.root}/{folder}/{path.relative_to(copy).as_posix()}"

    def artifact_of(self, address: str) -> str | None:
        """The folder of the artifact that a file belongs to; None of anything else."""
        return self._artifact(address.removeprefix(f"{self.root}/"))

    def beside(self) -> list[str]:
        """Where kept faces and embeddings, and the states of stopped trainings lie."""
        names = {tuple(file.name.split("/")) for file in self.files}
        kept = {name[:1] for name in names if name[0] in (KEPT_FACES, KEPT_EMBEDDINGS)}
        states = {name[:3] for name in names if len(name) > 3 and name[1] == CHECKPOINTS}
        return sorted("/".join([self.root, *name]) for name in kept | states)

    def _artifact(self, name: str) -> str | None:
        parts = name.split("/")
        if len(parts) > 3 and parts[2].isdigit() and parts[1] not in (_SYSTEM, CHECKPOINTS):
            return "/".join([self.root, *parts[:3]])
        return None


def stored_runs(name: str, uris: Iterable[str]) -> list[StoredRuns]:
    """Where a pipeline's artifacts lie that are at addresses.

    Args:
      name: Of the pipeline; its folder at an address is called so. What was imported from another
        one's is not its own.
      uris: Of artifacts, anywhere.
    """
    found = (_ARTIFACT.fullmatch(uri) for uri in uris if is_address(uri))
    return [
        StoredRuns(root)
        for root in sorted({match[1] for match in found if match})
        if root.endswith(f"/{name}")
    ]


def delete(address: str) -> None:
    """Deletes a file, or a folder with all that is in it."""
    from tfx.dsl.io import fileio

    if fileio.isdir(address):
        fileio.rmtree(address)
    elif fileio.exists(address):
        fileio.remove(address)
