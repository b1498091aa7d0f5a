"""Aligns every face below a folder, into the same folders below another, and can be repeated."""

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from faces import FaceCanvas, PhotoError, face_file, find_faces
from faces.photo import LARGEST_FILE
from serving.face_manifest import Entry, Manifest
from serving.folder_walk import UNREADABLE, Walked, walk
from serving.sent_photos import png, shown
from serving.whole_file import whole_file

NOT_USED: Final = "not_used.csv"
NAME_TAKEN: Final = "name_taken"
_JPEG_SUFFIXES: Final = (".jpg", ".jpeg")


@dataclass(frozen=True)
class NotUsed:
    """A file that was not used.

    Attributes:
        name: Its path below the folder of photos.
        reason: One word, to count by: of ``PhotoError``, or ``name_taken``, ``unreadable``,
            ``not_a_file``, ``seen_before``.
        message: For people.
    """

    name: str
    reason: str
    message: str


@dataclass
class Outcome:
    """What came of a folder.

    Attributes:
        not_used_list: Where every file that was not used is listed.
        faces: How many there are now.
        used: Of how many photos.
        made: How many of these were made now, and not before.
        not_used: The other files.
        gone: Photos that a face is still there of.
    """

    not_used_list: Path
    faces: int = 0
    used: int = 0
    made: int = 0
    not_used: list[NotUsed] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many files were not used for each reason, most first."""
        return dict(Counter(one.reason for one in self.not_used).most_common())


def align_folder(
    source: Path,
    target: Path,
    canvas: FaceCanvas,
    which: str | int = "only",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Aligns the faces of every photo below a folder.

    ``Ada/1.jpg`` becomes ``Ada/1.jpg``, ``Ada/2.png`` becomes ``Ada/2.png`` and ``Ada/3.heic``
    becomes ``Ada/3.heic.png``; of a photo with several faces, the second becomes ``Ada/1-2.jpg``.
    Files are written under another name and renamed, and no file is overwritten that was not made
    from the same photo before. What was made, and of which content, is kept in ``.faces.jsonl``:
    what has not changed since is not made again.

    Args:
        source: Photos; what a file holds is decided by its content.
        target: Where the faces go.
        canvas: Their size and place.
        which: The faces that are meant; see ``faces.choice.choose``.
        progress: Is called now and then with how many files are done, and of how many.

    Raises:
        ValueError: There is no file below ``source``, or one folder lies in the other.
        OSError: A face cannot be written.
    """
    source, target = source.resolve(), target.resolve()
    if source == target or source in target.parents or target in source.parents:
        raise ValueError(f"{target} and {source} must not lie in each other; name another folder")
    if not source.is_dir():
        raise ValueError(f"there is no folder {source}")
    found = list(walk(source))
    if not found:
        raise ValueError(f"there is no file below {source}")
    target.mkdir(parents=True, exist_ok=True)
    outcome = Outcome(target / NOT_USED)
    settings = {"canvas": canvas.model_dump(mode="json"), "face": which}
    with Manifest(target, settings) as manifest:
        job = _Job(source, target, canvas, which, manifest, outcome)
        job.run(found, progress)
        manifest.keep([one.name for one in found] + outcome.gone)
    _write_list(outcome)
    return outcome


@dataclass
class _Looked:
    """A file, its digest, and its faces, or why there are none; neither if it is as it was."""

    name: str
    sha256: str = ""
    faces: list[np.ndarray] | None = None
    not_used: NotUsed | None = None


@dataclass
class _Job:
    source: Path
    target: Path
    canvas: FaceCanvas
    which: str | int
    manifest: Manifest
    outcome: Outcome

    def run(self, found: list[Walked], progress: Callable[[int, int], None]) -> None:
        names = {one.name for one in found}
        owners = self.manifest.owners()
        self.outcome.gone = sorted(
            {owner for face, owner in owners.items() if owner not in names and self._is_there(face)}
        )
        workers = os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            queue, done = iter(found), 0
            # A few at a time, so that no more of them is held than is looked at.
            while part := list(islice(queue, 8 * workers)):
                for looked in pool.map(self._look, part):
                    self._write(looked, owners)
                    done += 1
                    progress(done, len(found))

    def _look(self, walked: Walked) -> _Looked:
        name = walked.name
        if walked.fault is not None:
            return _Looked(name, not_used=NotUsed(name, walked.reason, walked.fault))
        path = self.source / name
        try:
            if path.stat().st_size > LARGEST_FILE:
                # Says so itself.
                find_faces(path, self.canvas, self.which)
            content = path.read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            entry = self.manifest.entry(name)
            if entry is not None and entry.sha256 == sha256 and self._is_made(entry):
                return _Looked(name, sha256)
            faces = find_faces(content, self.canvas, self.which)
        except PhotoError as error:
            return _Looked(name, not_used=NotUsed(name, error.reason, str(error)))
        except OSError as error:
            message = f"The file cannot be read ({error.strerror or error})."
            return _Looked(name, not_used=NotUsed(name, UNREADABLE, message))
        return _Looked(name, sha256, [face.pixels for face in faces])

    def _is_made(self, entry: Entry) -> bool:
        return all(
            self._is_there(name) and _digest(self.target / name) == digest
            for name, digest in entry.faces.items()
        )

    def _is_there(self, name: str) -> bool:
        return os.path.lexists(self.target / name)

    def _write(self, looked: _Looked, owners: dict[str, str]) -> None:
        outcome = self.outcome
        entry = self.manifest.entry(looked.name)
        if looked.not_used is not None:
            outcome.not_used.append(looked.not_used)
            if looked.not_used.reason != UNREADABLE:
                # What was made of the file that it was before is not its face any more.
                self._remove(entry.faces if entry else {}, looked.name, owners)
                self.manifest.forget(looked.name)
            return
        if looked.faces is None:
            outcome.used += 1
            outcome.faces += len(entry.faces) if entry else 0
            return
        files = {
            face_name(looked.name, number): face for number, face in enumerate(looked.faces, 1)
        }
        for name in files:
            if owners.get(name, looked.name) != looked.name or (
                name not in owners and self._is_there(name)
            ):
                owner = owners.get(name)
                by = f"made of {shown(owner)}" if owner else "another file"
                message = f"Its face would be {shown(name)}, which is {by}. Rename the photo."
                outcome.not_used.append(NotUsed(looked.name, NAME_TAKEN, message))
                return
        contents = {name: _encoded(name, pixels) for name, pixels in files.items()}
        digests = {name: hashlib.sha256(one).hexdigest() for name, one in contents.items()}
        # Before the files: what is there without an entry is somebody else's.
        self.manifest.add(looked.name, Entry(looked.sha256, digests))
        owners.update(dict.fromkeys(contents, looked.name))
        for name, content in contents.items():
            with whole_file(self.target / name) as partial:
                partial.write_bytes(content)
        stale = {name: "" for name in (entry.faces if entry else {}) if name not in contents}
        self._remove(stale, looked.name, owners)
        outcome.used += 1
        outcome.made += 1
        outcome.faces += len(contents)

    def _remove(self, faces: dict[str, str], photo: str, owners: dict[str, str]) -> None:
        for name in faces:
            if owners.get(name) == photo:
                (self.target / name).unlink(missing_ok=True)
                del owners[name]


def face_name(photo: str, number: int) -> str:
    """The name of a photo's face: its own, with a number from the second on."""
    path = PurePosixPath(photo)
    suffix = path.suffix if path.suffix.lower() in (*_JPEG_SUFFIXES, ".png") else ""
    stem = path.name.removesuffix(suffix) if suffix else path.name
    numbered = stem if number == 1 else f"{stem}-{number}"
    return str(path.with_name(f"{numbered}{suffix or '.png'}"))


def _encoded(name: str, pixels: np.ndarray) -> bytes:
    return face_file(pixels) if name.lower().endswith(_JPEG_SUFFIXES) else png(pixels)


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _write_list(outcome: Outcome) -> None:
    def rows() -> Iterator[tuple[str, str, str]]:
        yield "file", "reason", "message"
        for one in sorted(outcome.not_used, key=lambda one: one.name):
            yield one.name, one.reason, one.message

    with (
        whole_file(outcome.not_used_list) as partial,
        # A name need not be UTF-8.
        partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        csv.writer(file).writerows(rows())
