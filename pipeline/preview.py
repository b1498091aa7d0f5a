"""``faceauth preview``: what augmentation does to the images of a config, in one picture."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from components import features
from components.pair_example_gen.errors import DataError
from pipeline.config import PipelineConfig, ensure_data, load_config
from pipeline.run_folder import PREVIEW
from serving.whole_file import whole_file

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

PAIRS = 4  # rows of same pairs, and as many of different pairs
VERSIONS = 5  # augmented versions of an image
SIDE = 96  # of a picture, pixels
GAP = 2
BREAK = 16  # between the two images of a pair, and between same and different pairs
LABELS = 84  # width of the first column
TITLE = 20
_LOOKED_AT = 10_000  # pairs, for some whose photos can be used


def train_pairs(config: PipelineConfig, count: int) -> list[tuple[int, str, str]]:
    """Some of the train pairs that a run would have, whose images can be used.

    Args:
      config: Names the data set.
      count: Same pairs, and as many different ones; fewer where there are fewer.

    Returns:
      Labels and the files of both images, same pairs first.

    Raises:
      DataError: The data set is not as its config says.
    """
    from components.pair_example_gen.images import ImageFacts, read_as
    from components.pair_example_gen.planning import (
        SampledByWorkers,
        final_pairs,
        read_listed_pairs,
    )
    from components.pair_example_gen.sources import read_images
    from components.pair_example_gen.splitting import split_images

    table = read_images(config.data)
    images = split_images(table, config.data)[features.TRAIN]
    identity_of = {image.image_id: image.identity for image in table.images}
    splits = {features.TRAIN: images}
    listed = read_listed_pairs(splits, identity_of, config.data)
    drawn = final_pairs(splits, listed, {}, config.data)[features.TRAIN]
    chosen: dict[int, list[tuple[int, str, str]]] = {1: [], 0: []}
    if isinstance(drawn, SampledByWorkers):
        columns = [drawn.rows(0, min(drawn.count, _LOOKED_AT))]
    else:
        columns = [(pairs.first, pairs.second, pairs.label) for pairs in drawn]
    for rows_of in columns:
        for first, second, label in zip(*rows_of, strict=True):
            rows = chosen[int(label)]
            if len(rows) == count:
                continue
            files = [f"{config.data.images}/{images[at].image_id}" for at in (first, second)]
            facts = [read_as(config.data, file)[1] for file in files]
            if all(isinstance(each, ImageFacts) for each in facts):
                rows.append((int(label), files[0], files[1]))
            if all(len(rows) == count for rows in chosen.values()):
                break
    return chosen[1] + chosen[0]


def augmented(config: PipelineConfig, files: list[str]) -> "np.ndarray":
    """Images as they are prepared, and as training sees them.

    Args:
      config: The image section and the training section.
      files: First images of pairs, then the second ones.

    Returns:
      uint8 ``[1 + VERSIONS, N, S, S, C]``; the first is the image as evaluation sees it. A version
      is one draw of a batch: with ``augmentation.same_for_pair`` both of a pair change alike.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    from components.pair_example_gen.images import read_as
    from components.trainer.fitting.siamese import centre_crop, resize
    from components.trainer.inputs.augmentation import Augmenter
    from components.transform.preprocessing import prepare_images

    training = config.training
    contents = tf.constant([read_as(config.data, file)[0] for file in files])
    # As a graph, which is what it is in Transform; TensorFlow warns otherwise.
    prepared = tf.function(lambda batch: prepare_images(batch, config.image))(contents)
    pixels = resize(prepared, training.resize or config.image.size)
    size = training.input_size or int(pixels.shape[1])
    seeds = keras.random.SeedGenerator(training.seed)
    augment = Augmenter(training.augmentation, size, seeds.next)
    pairs = training.sampler != "identities"
    versions = [augment(pixels, pairs=pairs) for _ in range(VERSIONS)]
    shown = [tf.cast(centre_crop(pixels, size), tf.float32), *versions]
    return np.stack([np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in shown])


def contact_sheet(labels: list[int], pictures: "np.ndarray") -> "Image":
    """The versions of pairs as one picture: a row a pair, its two images side by side.

    Args:
      labels: 1 for one person, 0 for two; the ones come first.
      pictures: uint8 ``[V, 2 * len(labels), S, S, C]``: first images, then second ones.
    """
    from PIL import Image, ImageDraw

    versions, step = len(pictures), SIDE + GAP
    half = versions * step
    width = LABELS + 2 * half + BREAK
    height = TITLE + len(labels) * step + BREAK
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for side in range(2):
        left = LABELS + side * (half + BREAK)
        draw.text((left, 4), "prepared", fill="black")
        draw.text((left + step, 4), "as seen in training", fill="black")
    for row, label in enumerate(labels):
        top = TITLE + row * step + (0 if label else BREAK)
        draw.text((4, top + SIDE // 2 - 6), "same" if label else "different", fill="black")
        for side in range(2):
            for version in range(versions):
                pixels = pictures[version, row + side * len(labels)]
                tile = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
                tile = tile.resize((SIDE, SIDE), Image.Resampling.BILINEAR).convert("RGB")
                sheet.paste(tile, (LABELS + side * (half + BREAK) + version * step, top))
    return sheet


def write_preview(config: PipelineConfig) -> Path:
    """Writes the contact sheet of a config.

    Returns:
      ``<runs_dir>/<name>/preview.png``.

    Raises:
      DataError: The data set is not as its config says, or has no usable train pair.
    """
    ensure_data(config)
    pairs = train_pairs(config, PAIRS)
    if not pairs:
        raise DataError(
            f"no train pair of {config.data.images} has two images that can be decoded; "
            "look at the files"
        )
    files = [first for _, first, _ in pairs] + [second for _, _, second in pairs]
    sheet = contact_sheet([label for label, _, _ in pairs], augmented(config, files))
    path = config.root / PREVIEW
    with whole_file(path) as partial:
        sheet.save(partial, "PNG")
    return path


def run(given: argparse.Namespace) -> int:
    """Writes the preview and says where it is."""
    print(write_preview(load_config(given.config)))
    return 0
