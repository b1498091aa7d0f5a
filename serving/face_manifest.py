"""Which faces were made of which photos, and how: so that only what has changed is made again."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, TextIO

from serving.whole_file import whole_file

FILE: Final = ".faces.jsonl"


class Entry(NamedTuple):
    """What was made of a photo.

    Attributes:
        sha256: Of the photo's file.
        faces: The digest of each file of a face, by its path below the folder of faces.
    """

    sha256: str
    faces: dict[str, str]


class Manifest:
    """A file of one line a photo, in the folder of faces.

    Lines are added as faces are made, so that nothing is lost when a run is interrupted, and the
    file is written anew at the end.

    Args:
        folder: Of the faces.
        settings: What else a face depends on. Under others, every photo counts as changed.

    Raises:
        ValueError: The file is something else.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._path = folder / FILE
        self._settings = settings
        self._entries: dict[str, Entry] = {}
        self._current: set[str] = set()
        self._file: TextIO | None = None

    def entry(self, photo: str) -> Entry | None:
        """What was made of a photo, with these settings; with others, its digest is empty."""
        entry = self._entries.get(photo)
        if entry is None or photo in self._current:
            return entry
        return Entry("", entry.faces)

    def owners(self) -> dict[str, str]:
        """The photo that each face was made of."""
        return {face: photo for photo, entry in self._entries.items() for face in entry.faces}

    def add(self, photo: str, entry: Entry) -> None:
        """Writes down what is about to be made of a photo."""
        self._entries[photo] = entry
        self._current.add(photo)
        self._append({"photo": photo, "sha256": entry.sha256, "faces": entry.faces})

    def forget(self, photo: str) -> None:
        """Nothing is made of a photo any more."""
        if self._entries.pop(photo, None) is not None:
            self._append({"photo": photo})

    def keep(self, photos: Iterable[str]) -> None:
        """Forgets all others, of which nothing is left."""
        kept = set(photos)
        self._entries = {name: one for name, one in self._entries.items() if name in kept}

    def __enter__(self) -> "Manifest":
        self._read()
        self._write()
        self._file = self._path.open("a", encoding="ascii")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if kind is None:
            self._write()

    def _append(self, line: dict[str, Any]) -> None:
        if self._file is None:
            raise RuntimeError("the manifest is not open; use it in a with block")
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _read(self) -> None:
        if not self._path.exists():
            return
        current = False
        for number, text in enumerate(self._path.read_text(encoding="ascii").splitlines(), 1):
            try:
                line = json.loads(text)
                if "settings" in line:
                    current = line["settings"] == self._settings
                elif "faces" in line:
                    self._entries[line["photo"]] = Entry(line["sha256"], dict(line["faces"]))
                    (self._current.add if current else self._current.discard)(line["photo"])
                else:
                    self._entries.pop(line["photo"], None)
            except (ValueError, KeyError, TypeError) as error:
                if number == 1:
                    raise ValueError(
                        f"{self._path} is not what faceauth frame writes; name another folder for "
                        "the faces"
                    ) from error
                # The line that was being written when a run was interrupted.

    def _write(self) -> None:
        with whole_file(self._path) as partial, partial.open("w", encoding="ascii") as file:
            # What was made with other settings first, under none.
            for settings, current in (({}, False), (self._settings, True)):
                file.write(json.dumps({"settings": settings}) + "\n")
                for photo, entry in self._entries.items():
                    if (photo in self._current) == current:
                        line = {"photo": photo, "sha256": entry.sha256, "faces": entry.faces}
                        file.write(json.dumps(line) + "\n")
