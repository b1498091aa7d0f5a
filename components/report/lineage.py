"""Where a run's numbers come from: artifacts, config, code and versions."""

import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = (
    "tensorflow",
    "keras",
    "tfx",
    "tensorflow-model-analysis",
    "apache-beam",
    "numpy",
    "scikit-learn",
)


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out, marked where files differ from it; None outside Git."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*arguments: str) -> str | None:
        answer = subprocess.run(
            [git, "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip() if answer.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if commit is None:
        return None
    changed = ask("status", "--porcelain", "--untracked-files=no")
    return f"{commit} (with uncommitted changes)" if changed else commit


def versions() -> dict[str, str]:
    """The releases that the report was made with."""
    found = {"python": platform.python_version()}
    return found | {name: metadata.version(name) for name in _PACKAGES}


def artifact_rows(inputs: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The artifacts that the report was made from.

    Args:
      inputs: TFX artifacts by the input's name.

    Returns:
      ``input``, ``id`` (in ML Metadata), ``type`` and ``uri`` of each, by id.
    """
    rows = [
        {"input": name, "id": each.id, "type": each.type_name, "uri": each.uri}
        for name, artifacts in inputs.items()
        for each in artifacts
    ]
    return sorted(rows, key=lambda row: row["id"])


def describe(
    config: str, rows: list[dict[str, Any]], folder: Path, training: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole lineage, for the page.

    Args:
      config: The run's config as JSON.
      rows: From ``artifact_rows``.
      folder: Of the source code.
      training: Trainer's ``training.json``.
    """
    import yaml

    tree = json.loads(config)
    return {
        "artifacts": rows,
        "config_digest": hashlib.sha256(config.encode()).hexdigest()[:16],
        "config": yaml.safe_dump(tree, sort_keys=False, allow_unicode=True),
        "seeds": {
            f"{section}.seed": values["seed"]
            for section, values in tree.items()
            if isinstance(values, dict) and "seed" in values
        },
        "commit": git_commit(folder),
        "versions": versions(),
        "trained_with": dict(training.get("versions", {})),
    }
