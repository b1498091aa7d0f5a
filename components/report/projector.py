"""The run in TensorBoard: test scalars, and which test images its embedding projector shows."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from components.projector import MOST_SPRITES


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
