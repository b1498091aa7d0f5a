"""Whether the artifacts of earlier runs are still as they were finished.

TFX takes an artifact from its cache when its folder exists, whatever became of what is in it. So
the digests of a finished artifact's files are kept beside the runs, in ``checksums/<id>.json``, and
compared before the next run. What changed is moved to ``damaged/``; to the cache it is gone then,
and the run makes it again.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pipeline.launcher.records import Artifact, RunRecord
from pipeline.run_folder import CHECKSUMS, DAMAGED
from serving.file_digests import differences, file_digests
from serving.whole_file import whole_file

_NAMED_FILES: Final = 3


def keep_checksums(run: RunRecord, root: Path) -> None:
    """Writes down the digests of what a run finished, where that was not done before.

    Args:
        run: The run.
        root: The pipeline's folder.

    Raises:
        OSError: A file cannot be read or written.
    """
    for artifact in _local(run):
        record = _path(root, artifact)
        if not record.exists():
            content = {"artifact": artifact.uri, "sha256": file_digests(Path(artifact.uri))}
            with whole_file(record) as path:
                path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def set_aside_newest(root: Path) -> list[str]:
    """Sets aside what changed among the newest artifact of each output of each component.

    Args:
        root: The pipeline's folder.

    Returns:
        A sentence for each artifact that was set aside.

    Raises:
        OSError: A file cannot be read or moved.
    """
    newest: dict[Path, Path] = {}
    # In the order of the artifacts' numbers, so that the last of an output is its newest.
    for path in sorted((root / CHECKSUMS).glob("*.json"), key=lambda path: int(path.stem)):
        if (record := _read(path)) is None or not Path(record["artifact"]).is_dir():
            path.unlink()
        else:
            newest[Path(record["artifact"]).parent] = path
    return _set_aside(newest.values(), root)


def set_aside_used(run: RunRecord, root: Path) -> list[str]:
    """Sets aside what changed among the artifacts that a run made or took from the cache."""
    return _set_aside((_path(root, artifact) for artifact in _local(run)), root)


def _set_aside(paths: Iterable[Path], root: Path) -> list[str]:
    said = []
    for path in sorted(paths, key=lambda path: int(path.stem)):
        if not path.exists() or (record := _read(path)) is None:
            continue
        folder = Path(record["artifact"])
        if not folder.is_dir():
            continue
        if wrong := differences(record["sha256"], file_digests(folder)):
            named = ", ".join(wrong[:_NAMED_FILES]) + (" …" if len(wrong) > _NAMED_FILES else "")
            name = "/".join(folder.parts[-3:])
            place = root / DAMAGED / ".".join(folder.parts[-3:])
            place.parent.mkdir(exist_ok=True)
            folder.replace(place)
            path.unlink()
            said.append(
                f"{name} is not as it was finished ({named}). It lies in {place} now and is made "
                "again"
            )
    return said


def _local(run: RunRecord) -> list[Artifact]:
    finished = {
        artifact.id: artifact
        for each in run.executions
        if each.state in ("COMPLETE", "CACHED")
        for artifact in each.outputs
    }
    return [each for each in finished.values() if each.uri and Path(each.uri).is_dir()]


def _path(root: Path, artifact: Artifact) -> Path:
    return root / CHECKSUMS / f"{artifact.id}.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None  # Damaged itself: written anew at the end of the run.
    whole = (
        isinstance(record, dict)
        and isinstance(record.get("artifact"), str)
        and isinstance(record.get("sha256"), dict)
    )
    return record if whole else None
