"""The Beam component on a toy model, which embeds by the mean grey of half an image and of all."""

import io
import json
import uuid
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from apache_beam.utils import shared
from PIL import Image
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts
from toy_models import Toy

from components.exported_model import ExportedModel
from components.local_copies import local_folder
from components.pair_example_gen.records import example_of
from components.val_scorer import calibration_pairs
from components.val_scorer.artifact import CalibrationPairs as Artifact
from components.val_scorer.calibration_pairs import CalibrationPairs, score_copies
from components.val_scorer.embedded_shards import EmbeddedShards, EmbedShard, leave_wanted
from components.val_scorer.executor import ValScorerExecutor

SIDE = 8
AGED = ["noise", "gamma", "small"]
# No pair names an image of the second shard, nor "dan/1".
SHARDS = [["ada/1", "bob/1", "ada/2"], ["eve/1"], ["bob/2", "dan/1", "cat/é"]]
PAIRS = [("ada/2", "ada/1"), ("ada/1", "bob/1"), ("cat/é", "bob/2"), ("bob/2", "bob/1")]
LABELS = [1, 0, 0, 1]


class Greys(Toy):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
    def embed(self, image):
        def halves(file):
            pixels = tf.io.decode_image(file, channels=1, expand_animations=False)
            pixels = tf.cast(tf.ensure_shape(pixels, [None, None, 1]), tf.float32)
            middle = tf.shape(pixels)[1] // 2
            return tf.stack([tf.reduce_mean(pixels[:, :middle]), tf.reduce_mean(pixels)])

        return {"embedding": tf.map_fn(halves, image, fn_output_signature=tf.float32)}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    Greys().save(folder)
    return folder


def image_file(name: str) -> bytes:
    if name in ("eve/1", "dan/1"):
        return b"what nobody asks for is not decoded"
    seed = [ord(each) for each in name]
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write(path: str, rows: list[dict[str, bytes | int]]) -> str:
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.TFRecordWriter(path) as writer:
        for row in rows:
            writer.write(example_of(row))
    return path


def write_images(root: str, shards: list[list[str]] = SHARDS) -> list[str]:
    return [
        write(
            f"{root}/images/Split-val/images-{number:05d}",
            [
                {
                    "image_id": name.encode(),
                    "identity": name[:3].encode(),
                    "image_encoded": image_file(name),
                }
                for name in names
            ],
        )
        for number, names in enumerate(shards)
    ]


def write_pairs(root: str) -> None:
    rows = [
        {"image_id_a": a.encode(), "image_id_b": b.encode(), "label": label}
        for (a, b), label in zip(PAIRS, LABELS, strict=True)
    ]
    for number, at in enumerate((0, 2)):
        write(f"{root}/pairs/Split-val/pairs-{number:05d}", rows[at : at + 2])


def run(root: str, model: str, tmp_path: Path) -> str:
    """Runs the executor in ``root``; returns the address of its output."""

    def artifact(kind, uri: str):
        found = kind()
        found.uri = uri
        if kind is standard_artifacts.Examples:
            found.split_names = artifact_utils.encode_split_names(["val"])
        return [found]

    output = f"{root}/calibration_pairs"
    tf.io.gfile.makedirs(output)
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=["--sdk_container_image=local"],
        tmp_dir=str(tmp_path / "tmp"),
        unique_id="1",
    )
    ValScorerExecutor(context).Do(
        {
            "images": artifact(standard_artifacts.Examples, f"{root}/images"),
            "pairs": artifact(standard_artifacts.Examples, f"{root}/pairs"),
            "model": artifact(standard_artifacts.Model, model),
        },
        {"calibration_pairs": artifact(Artifact, output)},
        {"aged": json.dumps(AGED), "strangers": 100},
    )
    return output


def check_same(found: CalibrationPairs, model: Path) -> None:
    """Compares with the same images scored one after the other in this process."""
    expected = score_copies(
        ExportedModel(model / "Format-Serving"),
        [(name, image_file(name)) for names in SHARDS for name in names],
        PAIRS,
        np.array(LABELS),
        lambda name: name[:3],
        AGED,
        strangers=100,
    )
    for name in ("ids", "identities", "a", "b", "labels", "added"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype
    assert found.distances.keys() == {"plain", *AGED}
    for kind, distances in expected.distances.items():
        np.testing.assert_array_equal(found.distances[kind], distances)
    # Of the eight pairs of two people, two are asked for.
    assert found.added.tolist() == [False] * 4 + [True] * 6


@pytest.fixture(params=[64, 2])
def batch(request, monkeypatch) -> int:
    monkeypatch.setattr(calibration_pairs, "EMBED_BATCH", request.param)
    return request.param


def test_shards_are_scored_as_all_images_in_one_process(tmp_path, model, batch, capfd):
    write_images(str(tmp_path))
    write_pairs(str(tmp_path))
    output = run(str(tmp_path), str(model), tmp_path)
    assert "5 of 5 val images, with their aged copies" in capfd.readouterr().err
    assert [path.name for path in Path(output).iterdir()] == ["pairs.npz"]
    found = CalibrationPairs.load(output)
    check_same(found, model)
    # The first pair by hand: images as they are, each of its left half and of all.
    a, b = (np.asarray(Image.open(io.BytesIO(image_file(name))), float) for name in PAIRS[0])
    by_hand = np.hypot((a - b)[:, : SIDE // 2].mean(), (a - b).mean())
    assert found.distances["plain"][0] == pytest.approx(by_hand, rel=1e-5)


def test_everything_may_lie_at_addresses(tmp_path, model):
    root = f"ram://{uuid.uuid4().hex}"
    write_images(root)
    write_pairs(root)
    output = run(root, str(model), tmp_path)
    assert tf.io.gfile.listdir(output) == ["pairs.npz"]
    with local_folder(output) as folder:
        check_same(CalibrationPairs.load(folder), model)


def test_an_image_that_is_missing_is_named(tmp_path, model):
    # As one that was quarantined after its pairs were made.
    write_images(str(tmp_path), [["ada/1", "ada/2"], ["bob/2", "cat/é"]])
    write_pairs(str(tmp_path))
    with pytest.raises(ValueError, match="names image 'bob/1', which is not among the images"):
        run(str(tmp_path), str(model), tmp_path)


def test_a_shard_that_is_embedded_twice_is_one_file(tmp_path, model):
    shards = write_images(str(tmp_path))
    ids = np.unique(PAIRS)
    folder = str(tmp_path / "unfinished")
    leave_wanted(folder, ids)
    embed = EmbedShard(str(model / "Format-Serving"), ["small"], folder, shared.Shared())
    embed.setup()
    # A runner that tries a bundle again.
    assert [list(embed.process(shard)) for shard in (*shards, shards[0])] == [[3], [0], [2], [3]]
    names = sorted(path.name for path in (tmp_path / "unfinished" / "embeddings").iterdir())
    assert names == ["images-00000.npz", "images-00001.npz", "images-00002.npz"]
    found = EmbeddedShards(folder, shards, ids)
    assert found.seen.all()
    assert found.identities.tolist() == [name[:3] for name in ids]
    model_here = ExportedModel(model / "Format-Serving")
    expected = model_here.embed([image_file(name) for name in ids])
    np.testing.assert_array_equal(found.table("plain"), expected)
