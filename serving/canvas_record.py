"""How a model wants its faces, as it says so itself: beside its graph, and over the serving API."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from faces.canvas import FaceCanvas

# In an exported model: {"canvas": {...}}, or {"canvas": null} where photos are taken as they are.
FILE: Final = Path("assets.extra", "faces.json")
# Said where no face is looked for although nobody asked for that.
AS_THEY_ARE: Final = "the model takes photos as they are: no face is looked for"


def canvas_from_text(text: str) -> "FaceCanvas | None":
    """Reads a model's record.

    Args:
        text: JSON; nothing at all from a model that was exported before there was a record.

    Returns:
        None for a model that takes photos as they are.

    Raises:
        ValueError: It is no such record.
    """
    from faces.canvas import FaceCanvas

    if not text.strip():
        return None
    record = json.loads(text)
    if not isinstance(record, dict) or "canvas" not in record:
        raise ValueError(f"{text[:100]!r} has no key 'canvas'")
    return None if record["canvas"] is None else FaceCanvas.model_validate(record["canvas"])


def canvas_of(model: Path) -> "FaceCanvas | None":
    """Reads the record of an exported model, from its folder.

    Raises:
        ValueError: It is no such record; the message names the file.
    """
    path = model / FILE
    if not path.is_file():
        return None
    try:
        return canvas_from_text(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} does not say how the model wants its faces: {error}") from error


def named_canvas(name: str) -> "FaceCanvas":
    """``dlib_150`` or ``lfw``.

    Raises:
        ValueError: It is neither.
    """
    from faces.canvas import DLIB_150, LFW

    known = {canvas.name: canvas for canvas in (DLIB_150, LFW)}
    if name not in known:
        raise ValueError(f"there is no canvas {name!r}; there are {', '.join(known)}")
    return known[name]
