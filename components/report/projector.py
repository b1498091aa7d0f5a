"""The run in TensorBoard: test scalars, and test images in the embedding projector.

See TensorBoard's projector plugin: ``projector_config.pbtxt`` beside an event file names a table of
vectors, one of labels, and a sprite sheet: all images in one, row by row.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from PIL import Image

from components.report.face_pairs import small_image
from components.report.templates import write_text

_SPRITE = 48
# The projector refuses a sprite sheet that is larger.
_SHEET = 8192
_BATCH = 256


def choose_images(identities: Mapping[bytes, bytes], limit: int, seed: int) -> list[bytes]:
    """Picks whole people, at random, until their images reach a number.

    Args:
      identities: By image id.
      limit: At most so many images, at most as many as a sprite sheet has room for.
      seed: Of the order.

    Returns:
      Image ids, those of one person together.
    """
    limit = min(limit, (_SHEET // _SPRITE) ** 2)
    by_person: dict[bytes, list[bytes]] = {}
    for image_id in sorted(identities):
        by_person.setdefault(identities[image_id], []).append(image_id)
    people = sorted(by_person)
    chosen: list[bytes] = []
    for at in np.random.default_rng(seed).permutation(len(people)):
        images = by_person[people[at]]
        if len(chosen) + len(images) <= limit:
            chosen += images
    return chosen


def embed(model: str | Path, files: Sequence[bytes]) -> np.ndarray:
    """Embeds image files with an exported model.

    Args:
      model: SavedModel folder.
      files: JPEG or PNG.

    Returns:
      float32 ``[N, D]``.
    """
    import tensorflow as tf

    signature = tf.saved_model.load(str(model)).signatures["embed"]
    return np.concatenate(
        [
            signature(image=tf.constant(list(files[start : start + _BATCH])))["embedding"].numpy()
            for start in range(0, len(files), _BATCH)
        ]
    )


def sprite_sheet(files: Sequence[bytes]) -> Image.Image:
    """All images in one, in rows of equal length, each 48 pixels wide and high."""
    across = int(np.ceil(np.sqrt(len(files))))
    down = -(-len(files) // across)
    sheet = Image.new("RGB", (across * _SPRITE, down * _SPRITE))
    for at, file in enumerate(files):
        image = small_image(file, _SPRITE)
        left = (at % across) * _SPRITE + (_SPRITE - image.width) // 2
        top = (at // across) * _SPRITE + (_SPRITE - image.height) // 2
        sheet.paste(image, (left, top))
    return sheet


def write_projector(
    folder: Path,
    image_ids: Sequence[bytes],
    identities: Mapping[bytes, bytes],
    embeddings: np.ndarray,
    files: Sequence[bytes] | None,
) -> None:
    """Writes what the projector reads.

    Args:
      folder: A TensorBoard run.
      image_ids: Of the embeddings.
      identities: By image id.
      embeddings: float ``[N, D]``.
      files: The images for the sprites, or None for points without faces.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = ("\t".join(f"{value:.6g}" for value in row) for row in embeddings)
    write_text(folder / "embeddings.tsv", "\n".join(lines) + "\n")
    labels = StringIO()
    writer = csv.writer(labels, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE,
                        escapechar="\\")  # fmt: skip
    writer.writerow(("identity", "image"))
    writer.writerows((identities[each].decode(), each.decode()) for each in image_ids)
    write_text(folder / "metadata.tsv", labels.getvalue())
    config = [
        "embeddings {",
        '  tensor_name: "test images"',
        f"  tensor_shape: {embeddings.shape[0]}",
        f"  tensor_shape: {embeddings.shape[1]}",
        '  tensor_path: "embeddings.tsv"',
        '  metadata_path: "metadata.tsv"',
    ]
    if files is not None:
        partial = folder / "sprites.png.partial"
        sprite_sheet(files).save(partial, "PNG")
        partial.replace(folder / "sprites.png")
        config += [
            "  sprite {",
            '    image_path: "sprites.png"',
            f"    single_image_dim: {_SPRITE}",
            f"    single_image_dim: {_SPRITE}",
            "  }",
        ]
    write_text(folder / "projector_config.pbtxt", "\n".join([*config, "}"]) + "\n")


def write_scalars(folder: Path, values: Mapping[str, float], text: Mapping[str, object]) -> None:
    """Writes an event file: without one, TensorBoard takes a folder for no run.

    Args:
      folder: A TensorBoard run.
      values: Test measures by name.
      text: Shown as JSON under the tab for text.
    """
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=0):
        for name, value in values.items():
            tf.summary.scalar(f"test/{name}", value)
        tf.summary.text("test/verdict", f"```\n{json.dumps(text, indent=2)}\n```")
    writer.close()
