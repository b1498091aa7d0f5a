"""``faceauth forget-subject``: takes a person out of every kept run, and proves it."""

import argparse
import os
import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from components import features
from components.local_copies import local_folder
from components.storage import is_address, is_empty, read_content
from pipeline.config import PipelineConfig, load_config
from pipeline.errors import CommandError
from pipeline.kept_runs.forgotten import FORGOTTEN, mark
from pipeline.kept_runs.history import History
from pipeline.kept_runs.search import files_with, pattern
from pipeline.kept_runs.stored import delete
from pipeline.launcher.lock import only_run
from pipeline.run_folder import (
    ARTIFACTS,
    CHECKPOINTS,
    DAMAGED,
    KEPT_EMBEDDINGS,
    KEPT_FACES,
    LOGS,
    METADATA,
    PREVIEW,
    REPORT,
    SCRATCH,
)
from serving.names import one_name, spellings
from serving.whole_file import whole_file

_MODELS: Final = ("Model", "PushedModel", "ModelBlessing", "InfraBlessing", "Schema")
_CACHES: Final = (SCRATCH, KEPT_FACES, KEPT_EMBEDDINGS, DAMAGED, REPORT, PREVIEW)


@dataclass
class Part:
    """A person's part in the runs of one pipeline.

    Attributes:
        photos: How many of theirs its artifacts hold.
        digests: SHA-256 of those photos.
        artifacts: Folders of artifacts of the runs that read them, without models.
        addresses: Of such artifacts that lie at addresses.
        models: Folders of the models that were made in those runs.
        pushed: Pushed versions of those models.
    """

    photos: int = 0
    digests: set[str] = field(default_factory=set)
    artifacts: set[Path] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    pushed: set[str] = field(default_factory=set)


def run(given: argparse.Namespace) -> int:
    """Forgets a person.

    Raises:
        CommandError: A run is going on, or something of the person is left.
    """
    config = load_config(given.config)
    _forget_templates(given.id, given.store)
    runs = Path(config.runs_dir)
    roots = sorted(path.parent for path in runs.glob(f"*/{METADATA}"))
    with ExitStack() as locks:
        for root in roots:
            locks.enter_context(only_run(root.name, root))
        digests = set()
        for root in roots:
            digests |= forget(root, given.id, print)
        wanted = pattern(given.id, digests)
        left: list[Path | str] = list(files_with(runs, wanted)) if runs.is_dir() else []
        stored, others = [], list[str]()
        for root in roots:
            ours, of_others = History(root).stored()
            stored += ours
            others += of_others
        for there in stored:
            left += there.with_(wanted)
    count = sum(1 for path in runs.rglob("*") if path.is_file())
    count += sum(len(there.files) for there in stored)
    places = " and ".join([str(runs), *(there.root for there in stored)])
    print(f"searched {count:,} files below {places} for the name and {len(digests)} digests")
    _say_of_data(config, given.id)
    if left:
        shown = "\n  ".join(map(str, left))
        raise CommandError(f"something is left of {given.id}; delete it by hand:\n  {shown}")
    if others:
        raise CommandError(
            f"artifacts of these runs lay in {', '.join(others)}, and what lies there now is not "
            "of them (owner.txt); it was not searched: do that where those runs are kept"
        )
    print("nothing is left")
    return 0


def forget(root: Path, identity: str, say: Callable[[str], object]) -> set[str]:
    """Takes a person out of a pipeline's runs; can be repeated, also when it was stopped.

    Every artifact of a run that read a photo of theirs goes, except models, which are marked in
    ``forgotten.json``, and every other artifact that names them. So do the kept faces and
    embeddings, what killed trainings left and the report; their name goes from the logs.

    Args:
        root: The pipeline's folder; its lock is held.
        identity: The person's name in the data.
        say: Is told what went.

    Returns:
        The SHA-256 of the photos that were found.
    """
    history = History(root)
    part = part_in(history, identity)
    # First, as it cannot be found out again once the artifacts are gone.
    if part.models:
        mark(root / FORGOTTEN, part.models | part.pushed)
        for version in part.pushed:
            if Path(version).is_dir():
                mark(Path(version).parent / FORGOTTEN, {version})
    wanted = pattern(identity, part.digests)
    named = {place for path in files_with(root, wanted) if (place := _artifact_of(root, path))}
    entries = history.artifacts()
    models = {each.folder for each in entries if each.type_name in _MODELS}
    folders = {
        folder
        for folder in {each.resolve() for each in part.artifacts | named}
        if folder.is_dir() and folder not in models
    }
    for folder in folders:
        shutil.rmtree(folder)
    addresses = _forget_stored(history, part, wanted)
    history.mark_deleted(
        each for each in entries if each.folder in folders or each.uri.rstrip("/") in addresses
    )
    if folders or addresses or part.photos:
        for path in (root / name for name in _CACHES):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for path in root.glob(f"{ARTIFACTS}/*/{CHECKPOINTS}/*"):
            shutil.rmtree(path)
    redacted = sum(_redact(path, wanted) for path in (root / LOGS).glob("*"))
    say(
        f"{root}: {part.photos} photos found; {len(folders) + len(addresses)} artifacts deleted, "
        f"{redacted} logs without the name, {len(part.models)} models marked"
    )
    return part.digests


def _forget_stored(history: History, part: Part, wanted: re.Pattern[bytes]) -> set[str]:
    """Takes a person out of what lies at addresses; returns those of the artifacts that went."""
    stored, _ = history.stored()
    ours = tuple(f"{there.root}/" for there in stored)
    gone = {each for each in part.addresses if each.startswith(ours)}
    for there in stored:
        gone |= {place for each in there.with_(wanted) if (place := there.artifact_of(each))}
    gone -= {each.uri.rstrip("/") for each in history.artifacts() if each.type_name in _MODELS}
    beside = [each for there in stored for each in there.beside()] if gone or part.photos else []
    for address in (*gone, *beside):
        delete(address)
    return gone


def part_in(history: History, identity: str) -> Part:
    """A person's part in the runs of a pipeline."""
    found = Part()
    read: set[int] = set()
    for entry in history.artifacts():
        if PurePosixPath(entry.uri).parent.name == "images" and _is_there(entry.uri):
            with local_folder(entry.uri) as folder:
                digests = _photos_of(Path(folder), {each.encode() for each in spellings(identity)})
            if digests:
                read.add(entry.id)
                found.photos += len(digests)
                found.digests |= set(digests)
    for run_ in history.runs():
        if not read & {artifact.id for artifact in run_.artifacts}:
            continue
        for artifact in run_.artifacts:
            if artifact.type_name == "Model":
                found.models.add(artifact.uri)
            elif artifact.type_name == "PushedModel":
                if place := artifact.properties.get("pushed_destination"):
                    found.pushed.add(str(place))
            elif artifact.type_name in _MODELS:
                continue
            elif is_address(artifact.uri):
                found.addresses.add(artifact.uri.rstrip("/"))
            else:
                found.artifacts.add(Path(artifact.uri))
    return found


def _photos_of(folder: Path, names: set[bytes]) -> list[str]:
    from components.artifacts import IMAGE_ROWS, read_rows

    digests = []
    for split in sorted(folder.glob("Split-*")):
        files = sorted(str(path) for path in split.iterdir())
        columns: dict[str, type] = {features.IDENTITY: bytes, features.IMAGE_ENCODED: bytes}
        for rows in read_rows(files, columns, IMAGE_ROWS):
            digests += [
                sha256(photo).hexdigest()
                for name, photo in zip(*rows.values(), strict=True)
                if name in names
            ]
    return digests


def _artifact_of(root: Path, path: Path) -> Path | None:
    # artifacts/<component>/<output>/<number>/...
    parts = path.relative_to(root).parts
    return root.joinpath(*parts[:4]) if parts[0] == ARTIFACTS and len(parts) > 4 else None


def _redact(log: Path, wanted: re.Pattern[bytes]) -> int:
    content = log.read_bytes()
    lines = content.splitlines(keepends=True)
    kept = [b"(forgotten)\n" if wanted.search(line) else line for line in lines]
    if kept == lines:
        return 0
    with whole_file(log) as path:
        path.write_bytes(b"".join(kept))
    return 1


def _forget_templates(identity: str, url: str) -> None:
    import sqlalchemy as sa

    from serving.enrolment.cipher import TemplateCipher
    from serving.enrolment.store import TemplateStore

    place = sa.make_url(url)
    if place.drivername.startswith("sqlite") and not Path(place.database or "").is_file():
        print(f"there is no template store at {place.database}")
        return
    store = TemplateStore(url, TemplateCipher.from_environment())
    try:
        print(f"{store.forget(one_name(identity))} templates deleted")
    finally:
        store.close()


def _say_of_data(config: PipelineConfig, identity: str) -> None:
    for name in sorted(spellings(identity)):
        for span in config.data.span_folders or ("",):
            folder = os.path.join(config.data.images, span, name)
            if _is_there(folder):
                print(
                    f"note: their photos are still in {folder}; the next run reads them: delete "
                    "them"
                )
    lists = [config.data.image_list] if config.data.image_list else []
    lists += [path for _, paths in config.data.pair_lists for path in paths]
    wanted = pattern(identity)
    for path in lists:
        if wanted.search(_content(path)):
            print(f"note: {path} still names them")


def _is_there(folder: str) -> bool:
    return not is_empty(folder) if is_address(folder) else os.path.isdir(folder)


def _content(path: str) -> bytes:
    try:
        return read_content(path)
    except (FileNotFoundError, IsADirectoryError):
        return b""
