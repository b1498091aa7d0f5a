"""A model whose answers follow from colours, as a SavedModel of the contract, and pairs of images.

An image is one colour, its embedding is the colour, and the distance is that of the colours.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tfx.types import artifact_utils, standard_artifacts

from components import features
from components.pair_example_gen.records import write_shard
from components.trainer.export.verifier import Verifier, save_verifier

SIDE = 4
THRESHOLD, SLOPE = 0.5, 8.0
COLOURS = {
    "black.png": (0, 0, 0),
    "grey.png": (51, 51, 51),
    "red.png": (255, 0, 0),
    "dim.png": (102, 0, 0),
    "white.png": (255, 255, 255),
}
# Not in the order of their distances.
PAIRS = [
    ("black.png", "white.png"),
    ("black.png", "dim.png"),
    ("black.png", "grey.png"),
    ("red.png", "dim.png"),
    ("black.png", "red.png"),
    ("red.png", "red.png"),
]


class Euclidean(tf.Module):
    def distance(self, a, b):
        return tf.norm(a - b, axis=1)


def png(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def distances():
    a, b = (np.array([COLOURS[pair[at]] for pair in PAIRS]) / 255 for at in (0, 1))
    return np.linalg.norm(a - b, axis=1)


def scores(distance):
    return 1 / (1 + np.exp(SLOPE * (distance - THRESHOLD)))


def example(**values):
    record = tf.train.Example()
    for name, value in values.items():
        if isinstance(value, bytes):
            record.features.feature[name].bytes_list.value.append(value)
        else:
            record.features.feature[name].float_list.value.append(value)
    return record.SerializeToString()


@dataclass
class Chain:
    """What comes before the check, as artifacts."""

    folder: Path
    model: standard_artifacts.Model
    images: standard_artifacts.Examples
    scored_pairs: standard_artifacts.Examples

    def files(self, kind):
        folder = Path(getattr(self, kind).uri) / "Split-test"
        return sorted(str(path) for path in folder.iterdir())

    @property
    def saved_model(self):
        return Path(self.model.uri) / "Format-Serving"


@pytest.fixture(scope="session")
def chain(tmp_path_factory):
    """Not to be changed."""
    folder = tmp_path_factory.mktemp("chain")

    def prepare(images):
        def pixels(image):
            decoded = tf.io.decode_image(image, channels=3, expand_animations=False)
            decoded.set_shape([None, None, 3])
            return tf.cast(tf.image.resize(decoded, (SIDE, SIDE)), tf.uint8)

        return tf.map_fn(
            pixels, images, fn_output_signature=tf.TensorSpec((SIDE, SIDE, 3), tf.uint8)
        )

    verifier = Verifier(
        prepare,
        lambda pixels: tf.reduce_mean(tf.cast(pixels, tf.float32), axis=(1, 2)) / 255,
        Euclidean(),
        3,
        tracked=[],
        threshold=THRESHOLD,
        slope=SLOPE,
    )
    save_verifier(verifier, folder / "model" / "Format-Serving", {})
    write_shard(
        str(folder / "images"),
        "test",
        "images-00000",
        [
            example(image_id=name.encode(), image_encoded=png(colour))
            for name, colour in COLOURS.items()
        ],
    )
    write_shard(
        str(folder / "scored"),
        "test",
        "scored-00000",
        [
            example(
                image_id_a=a.encode(),
                image_id_b=b.encode(),
                candidate_distance=float(distance),
                candidate_score=float(score),
            )
            for (a, b), distance, score in zip(PAIRS, distances(), scores(distances()), strict=True)
        ],
    )
    artifacts = {
        "model": standard_artifacts.Model(),
        "images": standard_artifacts.Examples(),
        "scored_pairs": standard_artifacts.Examples(),
    }
    for name, artifact in artifacts.items():
        artifact.uri = str(folder / name.removesuffix("_pairs"))
        if name != "model":
            artifact.split_names = artifact_utils.encode_split_names([features.TEST])
    return Chain(folder, **artifacts)
