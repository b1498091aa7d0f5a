"""TensorBoard's embedding projector: embeddings as points, with labels and small pictures.

The plugin reads ``projector_config.pbtxt`` beside an event file; it names a table of vectors, one
of labels, and a sprite sheet: all pictures in one, row by row.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SPRITE = 48  # side of a small picture, pixels
# The projector refuses a sheet whose side is larger.
SHEET = 8192


def sprite_sheet(pixels: np.ndarray) -> Image.Image:
    """All images in one, in rows of equal length.

    Args:
      pixels: uint8 ``[N, H, W, 1 or 3]``.

    Returns:
      A square of the fewest rows and columns that hold them, each ``SPRITE`` pixels.

    Raises:
      ValueError: More images than a sheet has room for.
    """
    across = int(np.ceil(np.sqrt(len(pixels))))
    if across * SPRITE > SHEET:
        raise ValueError(
            f"{len(pixels)} images are more than a sprite sheet holds, {(SHEET // SPRITE) ** 2}"
        )
    sheet = Image.new("RGB", (across * SPRITE, across * SPRITE))
    for place, image in enumerate(pixels):
        small = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        small = small.resize((SPRITE, SPRITE), Image.Resampling.BILINEAR).convert("RGB")
        sheet.paste(small, (place % across * SPRITE, place // across * SPRITE))
    return sheet


def write_projector(
    folder: str | Path,
    name: str,
    embeddings: np.ndarray,
    labels: Mapping[str, Sequence[str] | np.ndarray],
    pixels: np.ndarray | None = None,
) -> None:
    """Writes what the projector reads.

    Args:
      folder: A TensorBoard run, with an event file.
      name: What the projector calls these points.
      embeddings: float ``[N, D]``.
      labels: Columns of text by name, N values each.
      pixels: uint8 ``[N, H, W, 1 or 3]`` for the pictures; None for points alone.
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
    if pixels is not None:
        partial = folder / ".sprites.png.partial"
        sprite_sheet(pixels).save(partial, "PNG")
        os.replace(partial, folder / "sprites.png")
        points.sprite.image_path = "sprites.png"
        points.sprite.single_image_dim.extend([SPRITE, SPRITE])
    projector.visualize_embeddings(str(folder), config)


def _cell(value: str) -> str:
    return value.replace("\t", " ").replace("\n", " ")


def _write(path: Path, lines: Iterable[str]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    os.replace(partial, path)
