"""``faceauth clean-runs``: takes old runs away, and what killed ones left behind."""

import argparse
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.config import load_config
from pipeline.errors import CommandError
from pipeline.kept_runs.history import History
from pipeline.kept_runs.stored import delete
from pipeline.launcher.lock import only_run
from pipeline.run_folder import (
    ARTIFACTS,
    CHECKPOINTS,
    CHECKSUMS,
    DAMAGED,
    KEPT_EMBEDDINGS,
    KEPT_FACES,
    LOGS,
    METADATA,
    SCRATCH,
)


def run(given: argparse.Namespace) -> int:
    """Cleans the runs of a config.

    Raises:
        CommandError: There are none, or one is going on.
    """
    config = load_config(given.config)
    keep = given.keep if given.keep is not None else config.keep_runs
    if keep is None:
        raise CommandError("how many runs to keep? Give --keep N, or keep_runs in the config")
    with only_run(config.name, config.root):
        clean(config.root, keep, print, dry_run=given.dry_run)
    return 0


def clean(root: Path, keep: int, say: Callable[[str], object], dry_run: bool = False) -> None:
    """Deletes what no run that is kept uses.

    What stays, besides what the newest runs made or took from the cache: the newest run that came
    to its end, if it is none of them, and every model that was blessed, with its blessing and its
    push. Pushed versions lie elsewhere and are not touched.

    Args:
        root: The pipeline's folder; its lock is held.
        keep: How many runs stay, at least 1.
        say: Is told what went.
        dry_run: Only say what would go.

    Raises:
        CommandError: No run was made there.
    """
    if not (root / METADATA).is_file():
        raise CommandError(f"there is no run in {root}; nothing to clean")
    history = History(root)
    runs = history.runs()
    whole = next((run for run in runs if not run.unfinished), None)
    kept = [run for at, run in enumerate(runs) if at < keep or run is whole]
    gone = [run for run in runs if run not in kept]
    used = {artifact.id for run in kept for artifact in run.artifacts}
    entries = history.artifacts()
    blessed = {each.blessed for each in entries if each.blessed is not None}
    in_use = {
        artifact.id
        for run in gone
        if any(artifact.id in blessed for artifact in run.artifacts)
        for artifact in run.artifacts
        if artifact.type_name in ("ModelBlessing", "PushedModel")
    }
    stay = used | blessed | in_use
    places = {each.folder for each in entries if each.id in stay}
    addresses = {each.uri.rstrip("/") for each in entries if each.id in stay}
    old = [each for each in entries if each.id not in stay]
    folders = [folder for folder in _artifact_folders(root) if folder.resolve() not in places]
    began = min((run.started for run in kept), default=float("inf"))
    left = [*_left_behind(root, began, stay)]
    size = sum(map(_size, [*folders, *left]))
    stored: dict[str, int] = {}
    stored_left: dict[str, int] = {}
    ours, others = history.stored()
    for address in others:
        say(f"{address}: left alone, since what lies there now is not of these runs (owner.txt)")
    for there in ours:
        stored |= {k: v for k, v in there.folders().items() if k not in addresses}
        stored_left |= there.left_behind(began)
    size += sum(stored.values()) + sum(stored_left.values())
    if not dry_run:
        for path in [*folders, *left]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for place in (*stored, *stored_left):
            delete(place)
        history.mark_deleted(old)
        for node in history.cancel_running():
            say(f"{node}: was still said to be running, and is canceled")
    done = "would delete" if dry_run else "deleted"
    say(
        f"{root}: {done} {len(folders) + len(stored)} folders of artifacts and "
        f"{len(left) + len(stored_left)} logs and left-overs, "
        f"{size / 2**20:.1f} MiB; kept {len(kept)} of {len(runs)} runs and {len(blessed)} blessed "
        "models"
    )


def _artifact_folders(root: Path) -> Iterator[Path]:
    for folder in (root / ARTIFACTS).glob("*/*/*"):
        if folder.parent.name not in (".system", CHECKPOINTS):
            yield folder


def _left_behind(root: Path, began: float, stay: set[int]) -> Iterator[Path]:
    """Logs, checkpoints and temporary files of no run that is kept."""
    yield from (root / DAMAGED).glob("*")
    yield from (root / SCRATCH).glob("*")
    yield from (root / ARTIFACTS).glob("*/.system/*/*")
    for pattern in (f"{LOGS}/*", f"{ARTIFACTS}/*/{CHECKPOINTS}/*"):
        for path in root.glob(pattern):
            if path.stat().st_mtime < began:
                yield path
    for path in (root / CHECKSUMS).glob("*.json"):
        if int(path.stem) not in stay:
            yield path
    for pattern in (".*.part", f"{KEPT_FACES}/**/*.part", f"{KEPT_EMBEDDINGS}/**/*.part"):
        yield from root.glob(pattern)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())
    return path.lstat().st_size
