"""``forgotten.json``: in which models somebody who was forgotten since had a part; not who."""

import json
from collections.abc import Collection
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from pipeline.errors import CommandError
from serving.whole_file import whole_file

FORGOTTEN: Final = "forgotten.json"


def mark(path: Path, models: Collection[str]) -> None:
    """Adds models, with today's date, to those that are marked already.

    Args:
        path: The file.
        models: Folders of models.

    Raises:
        CommandError: The file is not JSON.
    """
    today = datetime.now(timezone.utc).date().isoformat()
    marked = {**dict.fromkeys(sorted(models), today), **_marked(path)}
    with whole_file(path) as file:
        file.write_text(json.dumps(marked, indent=2) + "\n", encoding="utf-8")


def is_marked(root: Path, model: str) -> bool:
    """Whether a forgotten person had a part in a model of a pipeline.

    Args:
        root: The pipeline's folder.
        model: The model's folder.
    """
    return model in _marked(root / FORGOTTEN)


def _marked(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CommandError(f"{path} is not JSON: {error}; mend or delete it") from error
    return found if isinstance(found, dict) else {}
