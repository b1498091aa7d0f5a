"""The run in TensorBoard: test scalars, and which test images its embedding projector shows."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from components.exported_model import ExportedModel
from components.projector import MOST_SPRITES, SPRITE, write_projector
from components.report.content import RunContent, headlines
from components.report.face_pairs import small_image


def choose_images(identities: Mapping[bytes, bytes], limit: int, seed: int) -> list[bytes]:
    """Picks whole people, at random, until their images reach a number.

    Args:
      identities: By image id.
      limit: At most so many images, at most as many as a sprite sheet has room for.
      seed: Of the order.

    Returns:
      Image ids, those of one person together.
    """
    limit = min(limit, MOST_SPRITES)
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


def write_tensorboard_run(folder: Path, content: RunContent, model: Path) -> None:
    """Writes a TensorBoard run: test measures, and test images in the embedding projector.

    Args:
      folder: Of the run.
      content: Of the report.
      model: The candidate's SavedModel.
    """
    values = {row.metric.name: row.value for row in headlines(content) if row.value is not None}
    verdict = {key: content.summary[key] for key in ("blessed", "reasons", "threshold")}
    write_scalars(folder, values, verdict)
    identities = content.ids.identities(content.pairs)
    chosen = choose_images(identities, content.config.projector_images, content.config.seed)
    if not chosen:
        return
    files = content.image_files(chosen)
    ordered = [files[image_id] for image_id in chosen]
    write_projector(
        folder,
        "test images",
        ExportedModel(model).embed(ordered),
        {
            "identity": [identities[image_id].decode() for image_id in chosen],
            "image": [image_id.decode() for image_id in chosen],
        },
        [small_image(file, SPRITE) for file in ordered] if content.config.faces else None,
    )
