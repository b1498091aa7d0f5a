"""The executor on small synthetic data sets, read back from its TFRecords.

What holds of a data set holds of one of which no process has a table, too.
"""

import csv
import io
import json
from collections import Counter

import apache_beam as beam
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from executor_runs import files, read, run_with_table, run_without_table, summary
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

from components import features
from components.pair_example_gen import executor, listing_in_beam, many_images, pair_rows
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from data.synthetic import draw_face

# By their hashes with seed 0, 13 are in train, c and k in val, b, e, n and q in test.
IDENTITIES = {name: 1 + number % 3 for number, name in enumerate("abcdefghijklmnopqrs")}


@pytest.fixture(params=["with a table", "without"])
def run(request):
    """Runs the executor, which has a table of the images or not."""
    return run_with_table if request.param == "with a table" else run_without_table


@pytest.fixture
def root(tmp_path, write_faces):
    write_faces(tmp_path / "faces", IDENTITIES)
    return tmp_path / "faces"


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(executor, "_IMAGES_A_SHARD", 4)
    monkeypatch.setattr(listing_in_beam, "IMAGES_A_SHARD", 4)
    monkeypatch.setattr(many_images, "_SHARDS_COMPARED", 2)
    monkeypatch.setattr(pair_rows, "PAIRS_A_SHARD", 5)


@pytest.mark.usefixtures("small_shards")
def test_images_and_sampled_pairs(tmp_path, root, run):
    config = DataConfig(align="none", images=str(root), pairs={"train": 12, "val": 2, "test": 4})
    images, pairs = run(config, tmp_path / "out")
    identities = {}
    for split in features.SPLITS:
        rows = read(images, split)
        identities[split] = {row["identity"].decode() for row in rows}
        by_id = {row["image_id"]: row["identity"] for row in rows}
        assert len(by_id) == len(rows) == sum(IDENTITIES[who] for who in identities[split])
        for row in rows:
            assert set(row) == set(features.IMAGE_FEATURES)
            assert row["image_encoded"] == (root / row["image_id"].decode()).read_bytes()
            assert (row["width"], row["height"], row["channels"]) == (12, 12, 3)
        found = read(pairs, split)
        assert Counter(row["label"] for row in found) == {
            0: getattr(config.pairs, split) // 2,
            1: getattr(config.pairs, split) // 2,
        }
        for row in found:
            assert set(row) == set(features.PAIR_FEATURES)
            assert row["identity_a"] == by_id[row["image_id_a"]]
            assert row["identity_b"] == by_id[row["image_id_b"]]
            assert row["label"] == (row["identity_a"] == row["identity_b"])
            assert row["pair_set"] == b"sampled"
    assert sorted(name for names in identities.values() for name in names) == sorted(IDENTITIES)
    # 12 pairs in shards of 5.
    assert sorted(name for name in files(pairs) if "train" in name) == [
        f"/Split-train/pairs-0000{shard}" for shard in range(3)
    ]
    # Nothing unfinished is left behind.
    assert {name.split("/")[1] for name in files(images)} == {
        *("Split-train", "Split-val", "Split-test"),
        *("duplicates.csv", "quarantine.csv", "summary.json"),
    }


def test_the_artifacts_say_what_they_hold(tmp_path, root, run):
    for artifact in run(DataConfig(align="none", images=str(root)), tmp_path / "out"):
        assert json.loads(artifact.split_names) == ["train", "val", "test"]
        assert (artifact.span, artifact.version) == (0, 0)
        assert examples_utils.get_payload_format_string(artifact) == "FORMAT_TF_EXAMPLE"


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("in_memory", [1000, 0], ids=["drawn at once", "drawn by workers"])
def test_workers_do_not_change_a_byte(tmp_path, root, in_memory, run):
    pairs = {"train": 20, "val": 4, "test": 4}
    config = DataConfig(align="none", images=str(root), pairs=pairs, pairs_in_memory=in_memory)
    one = run(config, tmp_path / "one")
    options = PipelineOptions(["--direct_running_mode=multi_threading", "--direct_num_workers=3"])
    context = BaseBeamExecutor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline(options=options))
    three = run(config, tmp_path / "three", context)
    other_seed = run(config.model_copy(update={"seed": 1}), tmp_path / "seed")
    for before, after, other in zip(one, three, other_seed, strict=True):
        assert files(before) == files(after)
        assert files(before) != files(other)


def test_workers_draw_where_pairs_are_many_and_people_enough(tmp_path, root):
    pairs = {"train": 20, "val": 4, "test": 4}
    config = DataConfig(align="none", images=str(root), pairs=pairs)
    _, at_once = run_with_table(config, tmp_path / "at once")
    _, by_workers = run_with_table(
        config.model_copy(update={"pairs_in_memory": 4}), tmp_path / "by workers"
    )
    assert summary(by_workers) == summary(at_once)
    assert summary(by_workers)["splits"]["train"]["sampled"]["same"] == 10
    rows = [read(artifact, "train") for artifact in (at_once, by_workers)]
    assert rows[0] != rows[1]
    assert len(rows[1]) == 20
    for row in rows[1]:
        assert (row["identity_a"] == row["identity_b"]) == row["label"]
        assert row["image_id_a"].startswith(row["identity_a"] + b"/")
    assert read(at_once, "test") == read(by_workers, "test")


def test_listed_splits_pairs_and_attributes(tmp_path, write_faces, run):
    root = tmp_path / "faces"
    image_ids = write_faces(root, {"a": 2, "b": 2, "v": 2, "w": 1, "x": 2, "y": 1})
    split_of = {"a": "train", "b": "train", "v": "val", "w": "val", "x": "test", "y": "test"}
    light = {"x/0.jpg": "day", "x/1.jpg": "", "y/0.jpg": "day"}
    rows = ["image,identity,split,light"]
    rows += [f"{i},{i[0]},{split_of[i[0]]},{light.get(i, 'night')}" for i in image_ids]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    (tmp_path / "hard.csv").write_text("x/0.jpg,x/1.jpg,1\nx/1.jpg,y/0.jpg,0\n")
    (tmp_path / "easy.csv").write_text("a,b,match\ny/0.jpg,x/0.jpg,0\ny/0.jpg,x/0.jpg,0\n")
    config = DataConfig(
        align="none",
        images=str(root),
        image_list=str(tmp_path / "list.csv"),
        split="given",
        pair_lists={"test": [str(tmp_path / "hard.csv"), str(tmp_path / "easy.csv")]},
    )
    images, pairs = run(config, tmp_path / "out")
    assert {row["image_id"]: row["light"] for row in read(images, "test")} == {
        b"x/0.jpg": b"day",
        b"x/1.jpg": b"unknown",
        b"y/0.jpg": b"day",
    }
    keys = ("image_id_a", "image_id_b", "identity_b", "label", "pair_set", "light")
    assert [tuple(row[key] for key in keys) for row in read(pairs, "test")] == [
        (b"x/0.jpg", b"x/1.jpg", b"x", 1, b"hard", b"mixed"),
        (b"x/1.jpg", b"y/0.jpg", b"y", 0, b"hard", b"mixed"),
        (b"y/0.jpg", b"x/0.jpg", b"x", 0, b"easy", b"day"),
        (b"y/0.jpg", b"x/0.jpg", b"x", 0, b"easy", b"day"),
    ]
    assert {row["pair_set"] for row in read(pairs, "train")} == {b"sampled"}


def break_images(root):
    (root / "h" / "0.jpg").write_bytes(b"")
    (root / "f" / "1.jpg").write_text("not an image")
    data = (root / "f" / "0.jpg").read_bytes()
    (root / "f" / "0.jpg").write_bytes(data[:-20])


def test_broken_images_are_quarantined(tmp_path, root, run):
    break_images(root)
    config = DataConfig(align="none", images=str(root), max_quarantined=0.1)
    images, pairs = run(config, tmp_path / "out")
    with open(f"{images.uri}/quarantine.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["image_id", "identity", "reason"],
            ["f/0.jpg", "f", "corrupt"],
            ["f/1.jpg", "f", "neither JPEG nor PNG"],
            ["h/0.jpg", "h", "empty"],
        ]
    counts = summary(images)
    assert counts["quarantined"] == {"corrupt": 1, "empty": 1, "neither JPEG nor PNG": 1}
    assert sum(split["images"] for split in counts["splits"].values()) == 37 - 3
    assert sum(split["quarantined"] for split in counts["splits"].values()) == 3
    kept = {row["image_id"] for split in features.SPLITS for row in read(images, split)}
    paired = {
        row[key]
        for split in features.SPLITS
        for row in read(pairs, split)
        for key in ("image_id_a", "image_id_b")
    }
    gone = {b"f/0.jpg", b"f/1.jpg", b"h/0.jpg"}
    assert len(kept) == 37 - 3
    assert not gone & (kept | paired)
    assert summary(pairs)["splits"]["train"]["sampled"]["wanted"] == 40_000


def test_too_many_broken_images_end_the_run(tmp_path, root, run):
    break_images(root)
    message = (
        r"3 of 37 images are quarantined \(corrupt 1, empty 1, neither JPEG nor PNG 1\), the first"
        r": f/0.jpg, f/1.jpg, h/0.jpg; that is more than data.max_quarantined, 0.08"
    )
    with pytest.raises(DataError, match=message):
        run(DataConfig(align="none", images=str(root), max_quarantined=0.08), tmp_path / "out")


def test_a_broken_list_ends_the_run_before_an_image_is_read(tmp_path, root, run):
    (tmp_path / "p.csv").write_text("a/0.jpg,nobody/0.jpg,0\n")
    config = DataConfig(
        align="none", images=str(root), pair_lists={"train": [str(tmp_path / "p.csv")]}
    )
    with pytest.raises(DataError, match=r"p.csv, line 1: 'nobody/0.jpg' is not among the images"):
        run(config, tmp_path / "out")
    assert list((tmp_path / "out" / "images").glob("Split-*")) == []


def photo_of(face, turn=0):
    """A JPEG of a smooth room in which a drawn face hangs, stored turned by some quarters."""
    light = np.random.default_rng(1).integers(60, 200, (4, 6, 3), dtype=np.uint8)
    room = np.array(PIL.Image.fromarray(light).resize((640, 480), PIL.Image.Resampling.BICUBIC))
    room[150:390, 300:540] = face
    exif = PIL.Image.Exif()
    if turn:
        exif[0x0112] = 6  # shown turned by 90 degrees to the right
    buffer = io.BytesIO()
    pixels = PIL.Image.fromarray(np.rot90(room, turn))
    pixels.save(buffer, "JPEG", quality=100, subsampling=0, exif=exif)
    return buffer.getvalue()


def test_faces_are_found_and_aligned(tmp_path, run):
    """Photos of rooms become the face alone, however the camera was held; the rest is named."""
    drawn = [draw_face(seed=0, identity=identity, index=0, size=240) for identity in range(9, 17)]
    for identity, face in zip("abcdefgh", drawn, strict=True):
        folder = tmp_path / "photos" / identity
        folder.mkdir(parents=True)
        (folder / "upright.jpg").write_bytes(photo_of(face))
        (folder / "sideways.jpg").write_bytes(photo_of(face, turn=1))
    flat = io.BytesIO()
    PIL.Image.new("RGB", (300, 300), (120, 140, 160)).save(flat, "WEBP")
    (tmp_path / "photos" / "a" / "wall.webp").write_bytes(flat.getvalue())

    config = DataConfig(
        images=str(tmp_path / "photos"),
        align="dlib_150",
        max_quarantined=0.1,
        shares={"train": 0.4, "val": 0.3, "test": 0.3},
    )
    images, pairs = run(config, tmp_path / "out")
    assert summary(images)["quarantined"] == {"no_face": 1}
    rows = [row for split in features.SPLITS for row in read(images, split)]
    assert len(rows) == 16
    upright, sideways = (
        np.stack(
            [
                tf.io.decode_image(row["image_encoded"]).numpy().astype(int)
                for row in rows
                if row["image_id"].decode().endswith(f"/{name}.jpg")
            ]
        )
        for name in ("upright", "sideways")
    )
    assert upright.shape == (8, 150, 150, 3)
    # The same picture but for what JPEG makes of it the other way round.
    assert np.abs(upright - sideways).mean() < 2
    # The eyes are dark and where they belong; the cheek between eye and mouth is not.
    eye = upright[0, 40:52, 41:53].mean(axis=2)
    cheek = upright[0, 70:80, 44:54].mean()
    assert eye.min() < cheek - 40
    assert {row["width"] for row in rows} == {150}
    assert len(read(pairs, "train")) > 0


def test_a_photo_in_two_splits_ends_the_run_and_is_listed_where_it_may_be(tmp_path, run):
    root, rows = tmp_path / "faces", ["image,identity,split"]
    random = np.random.default_rng(0)
    for identity, split in zip("abcdef", ("train", "val", "test") * 2, strict=True):
        (root / identity).mkdir(parents=True)
        for name in ("1.png", "2.png"):
            noise = random.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            photo = PIL.Image.fromarray(noise).resize((96, 96), PIL.Image.Resampling.BICUBIC)
            photo.save(root / identity / name)
            rows.append(f"{identity}/{name},{identity},{split}")
    # A photo of a, who is in train, becomes one of f, who is in test.
    PIL.Image.open(root / "a" / "1.png").save(root / "f" / "2.png", "JPEG", quality=50)
    (tmp_path / "list.csv").write_text("\n".join(rows))
    options = {
        "align": "none",
        "images": str(root),
        "image_list": str(tmp_path / "list.csv"),
        "split": "given",
    }
    with pytest.raises(DataError, match=r"a/1.png \(a, train\) and f/2.png \(f, test\)"):
        run(DataConfig(**options), tmp_path / "refused")
    run(DataConfig(**options, max_duplicates_between_splits=1), tmp_path / "taken")
    [header, row] = (tmp_path / "taken/images/duplicates.csv").read_text().splitlines()
    assert header == "image_a,identity_a,split_a,image_b,identity_b,split_b,bits"
    assert row.startswith("a/1.png,a,train,f/2.png,f,test,")
