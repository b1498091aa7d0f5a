"""TensorBoard's embedding projector: embeddings as points, with labels and small pictures.

The plugin reads ``projector_config.pbtxt`` beside an event file; it names a table of vectors, one
of labels, and a sprite sheet: all pictures in one, row by row.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SPRITE = 48  # side of a small picture, pixels
# The projector refuses a sheet whose side is larger.
MOST_SPRITES = (8192 // SPRITE) ** 2


def sprite_sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """All pictures in one, row by row, each whole within ``SPRITE`` pixels, the rest black.

    Raises:
      ValueError: More pictures than a sheet has room for.
    """
    if len(pictures) > MOST_SPRITES:
        raise ValueError(f"{len(pictures)} pictures; a sprite sheet has room for {MOST_SPRITES}")
    across = math.ceil(math.sqrt(len(pictures)))
    sheet = Image.new("RGB", (across * SPRITE, math.ceil(len(pictures) / across) * SPRITE))
    for place, picture in enumerate(pictures):
        sprite = ImageOps.pad(picture.convert("RGB"), (SPRITE, SPRITE))
        sheet.paste(sprite, (place % across * SPRITE, place // across * SPRITE))
    return sheet


def write_projector(
    folder: str | Path,
    name: str,
    embeddings: np.ndarray,
    labels: Mapping[str, Sequence[str] | np.ndarray],
    pictures: Sequence[Image.Image] | None = None,
) -> None:
    """Writes what the projector reads.

    Args:
      folder: A TensorBoard run, with an event file.
      name: What the projector calls these points.
      embeddings: float ``[N, D]``.
      labels: Columns of text by name, N values each.
      pictures: N of them; None for points alone.
    """
    from tensorboard.plugins import projector

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    vectors = ("\t".join(f"{value:.6g}" for value in row) for row in embeddings)
    _write(folder / "embeddings.tsv", vectors)
    rows = zip(*labels.values(), strict=True)
    # The header is wanted only above several columns; with one it would be taken for a label.
    header = [tuple(labels)] if len(labels) > 1 else []
    lines = ("\t".join(_cell(str(value)) for value in row) for row in [*header, *rows])
    _write(folder / "metadata.tsv", lines)
    config = projector.ProjectorConfig()
    points = config.embeddings.add()
    points.tensor_name = name
    points.tensor_shape.extend(embeddings.shape)
    points.tensor_path = "embeddings.tsv"
    points.metadata_path = "metadata.tsv"
    if pictures is not None:
        sprite_sheet(pictures).save(folder / "sprites.png")
        points.sprite.image_path = "sprites.png"
        points.sprite.single_image_dim.extend([SPRITE, SPRITE])
    projector.visualize_embeddings(str(folder), config)


def _cell(value: str) -> str:
    return value.replace("\t", " ").replace("\n", " ")


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
