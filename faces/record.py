"""How a model wants its faces, as it says so itself: beside its graph, and over the serving API."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from faces.canvas import FaceCanvas

# In an exported model: {"canvas": {...}}, or {"canvas": null} where photos are taken as they are.
NAME: Final = "faces.json"
FILE: Final = Path("assets.extra", NAME)
# Said where no face is looked for although nobody asked for that.
AS_THEY_ARE: Final = "the model takes photos as they are: no face is looked for"


def canvas_from_text(text: str) -> "FaceCanvas | None":
    """Reads what a model says.

    Args:
        text: JSON of a ``FaceCanvas``, as the signature ``canvas`` gives it, or of the record that
            holds one; nothing at all from a model that takes photos as they are.

    Returns:
        None for a model that takes photos as they are.

    Raises:
        ValueError: It is neither.
    """
    from faces.canvas import FaceCanvas

    if not text.strip():
        return None
    said = json.loads(text)
    if isinstance(said, dict) and "canvas" in said:
        said = said["canvas"]
    return None if said is None else FaceCanvas.model_validate(said)


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
    from faces.canvas import CANVASES

    if name not in CANVASES:
        raise ValueError(f"there is no canvas {name!r}; there are {', '.join(sorted(CANVASES))}")
    return CANVASES[name]
