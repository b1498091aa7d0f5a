"""The Beam pipeline with a toy model: an image is a number, and two are as far apart as theirs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts

from components.local_beam import in_process_pipeline
from components.models_at_workers import Models
from components.pair_scorer import embedding, join_by_key
from components.pair_scorer import pairs as pair_module
from components.pair_scorer.config import ScoringConfig
from components.pair_scorer.embedding import COUNTERS
from components.pair_scorer.executor import PairScorerExecutor
from components.pair_scorer.kept_embeddings import KeptEmbeddings
from components.pair_scorer.scoring import score_split

# "e" and "f" are in no pair.
IMAGES = {"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0, "e": 16.0, "f": 32.0}
PAIRS = [("a", "b", 1), ("a", "c", 0), ("d", "a", 0), ("b", "b", 1)]


def write(path: Path, rows: list[dict[str, str | int]], compression: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for row in rows:
            example = tf.train.Example()
            for name, value in row.items():
                if isinstance(value, str):
                    example.features.feature[name].bytes_list.value.append(value.encode())
                else:
                    example.features.feature[name].int64_list.value.append(value)
            writer.write(example.SerializeToString())
    return str(path)


def write_images(folder: Path, names: str = "abcdef") -> list[str]:
    half = len(names) // 2
    return [
        write(
            folder / f"images-{number}",
            [{"image_id": name, "image_encoded": str(IMAGES[name])} for name in part],
        )
        for number, part in enumerate((names[:half], names[half:]))
    ]


def write_pairs(folder: Path) -> list[str]:
    rows = [
        {"image_id_a": a, "image_id_b": b, "label": label, "note": f"{a}{b}"}
        for a, b, label in PAIRS
    ]
    return [write(folder / "pairs-0", rows[:3]), write(folder / "pairs-1.gz", rows[3:], "GZIP")]


def read(folder: Path) -> list[dict[str, list]]:
    rows = []
    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            rows.append(
                {
                    name: list(getattr(feature, feature.WhichOneof("kind")).value)
                    for name, feature in features.items()
                }
            )
    return rows


def score(
    tmp_path: Path,
    images: list[str],
    pairs: list[str],
    *models: Path,
    kept: str = "",
    max_bytes: int = 2**20,
) -> dict[str, int]:
    """Runs the pipeline; returns its counters."""
    pipeline = in_process_pipeline()
    paths = tuple(str(model / "Format-Serving") for model in models)
    keeps = KeptEmbeddings(kept)
    uri, count = str(tmp_path / "scored"), len(IMAGES)
    score_split(pipeline, "test", images, pairs, paths, uri, count, max_bytes, keeps)
    result = pipeline.run()
    result.wait_until_finish()
    return {
        counter.key.metric.name: counter.committed
        for counter in result.metrics().query()["counters"]
        if counter.key.metric.namespace == COUNTERS
    }


# Six images of two numbers of two models are 96 bytes: beyond 95 in parts, and with 8 in 24.
WAYS = [96, 95, 8]


@pytest.mark.parametrize("max_bytes", WAYS)
def test_each_image_is_embedded_once_and_every_pair_keeps_its_columns(
    tmp_path, models, monkeypatch, max_bytes
):
    # Batches and chunks of one, so that their borders are crossed.
    monkeypatch.setattr(embedding, "EMBED_BATCH", 1)
    monkeypatch.setattr(embedding, "IMAGES_A_CHUNK", 1)
    monkeypatch.setattr(pair_module, "PAIR_BATCH", 2)
    images, pairs = write_images(tmp_path / "images"), write_pairs(tmp_path / "pairs")
    counters = score(tmp_path, images, pairs, *models, max_bytes=max_bytes)
    # Four pairs name eight images, of which four are distinct: a, b, c and d.
    assert counters == {"images_embedded": 4, "pairs_scored": 4}
    rows = read(tmp_path / "scored" / "Split-test")
    assert [(row["note"], row["label"]) for row in rows] == [
        ([b"ab"], [1]),
        ([b"ac"], [0]),
        ([b"da"], [0]),
        ([b"bb"], [1]),
    ]
    distances = np.array([1.0, 3.0, 7.0, 0.0], np.float32)
    for name, factor in (("candidate", 1), ("baseline", 10)):
        found = [row[f"{name}_distance"][0] for row in rows]
        assert found == (distances * factor).tolist()
        scores = [row[f"{name}_score"][0] for row in rows]
        assert scores == pytest.approx((1 / (1 + distances * factor)).tolist(), abs=1e-7)


def test_what_was_embedded_before_is_taken_from_there(tmp_path, models):
    images, pairs = write_images(tmp_path / "images"), write_pairs(tmp_path / "pairs")
    kept = str(tmp_path / "kept")
    candidate, baseline = models
    assert score(tmp_path, images, pairs, candidate, kept=kept)["images_embedded"] == 4
    first = read(tmp_path / "scored" / "Split-test")
    # Nothing is embedded; then the images go through the baseline alone.
    assert score(tmp_path, images, pairs, candidate, kept=kept) == {"pairs_scored": 4}
    assert read(tmp_path / "scored" / "Split-test") == first
    score(tmp_path, images, pairs, candidate, baseline, kept=kept)
    rows = read(tmp_path / "scored" / "Split-test")
    assert [row["candidate_distance"] for row in rows] == [[1], [3], [7], [0]]
    assert [row["baseline_distance"] for row in rows] == [[10], [30], [70], [0]]
    assert score(tmp_path, images, pairs, baseline, kept=kept) == {"pairs_scored": 4}
    # Shards are told apart by what they hold.
    (tmp_path / "more").mkdir()
    more = [shutil.copy(images[0], tmp_path / "more"), write_images(tmp_path / "new", "abcdfe")[1]]
    assert score(tmp_path, more, pairs, baseline, kept=kept)["images_embedded"] == 1


def test_kept_embeddings(tmp_path):
    kept = KeptEmbeddings(str(tmp_path / "kept"))
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    kept.put("network", "key", values)
    np.testing.assert_array_equal(kept.get("network", "key"), values)
    assert kept.get("network", "other") is None
    assert kept.get("other", "key") is None
    [entry] = [path for path in tmp_path.rglob("*") if path.is_file()]
    whole = entry.read_bytes()
    for damaged in (whole[:-3], b"", b"x" * len(whole), whole.replace(b"\0\0\x80?", b"\0\0\x81?")):
        assert damaged != whole
        entry.write_bytes(damaged)
        assert kept.get("network", "key") is None
    kept.put("network", "key", values)
    kept.clean({"network"})
    assert kept.get("network", "key") is not None
    kept.clean({"other"})
    assert kept.get("network", "key") is None


@pytest.mark.parametrize("max_bytes", WAYS)
def test_a_pair_of_an_unknown_image_stops_the_run(tmp_path, models, max_bytes):
    images, pairs = write_images(tmp_path / "images", "abd"), write_pairs(tmp_path / "pairs")
    with pytest.raises(ValueError, match="names image 'c', which is not among the images"):
        score(tmp_path, images, pairs, *models, max_bytes=max_bytes)


@pytest.mark.parametrize("max_bytes", WAYS)
def test_no_pairs_stop_the_run(tmp_path, models, max_bytes):
    images, pairs = write_images(tmp_path / "images"), [write(tmp_path / "pairs" / "pairs-0", [])]
    with pytest.raises(ValueError, match="split 'test' holds no pair to score"):
        score(tmp_path, images, pairs, *models, max_bytes=max_bytes)


def test_many_pairs_in_parts_are_written_as_from_memory(tmp_path, models, monkeypatch):
    # 500 pairs of 40 images, in shards of 100 that are read 16 at a time.
    monkeypatch.setattr(pair_module, "PAIR_BATCH", 16)
    monkeypatch.setattr(join_by_key, "PAIR_BATCH", 16)
    names = [f"person/{number}.jpg" for number in range(40)]
    rows = [{"image_id": name, "image_encoded": str(at)} for at, name in enumerate(names)]
    images = [
        write(tmp_path / "images" / f"images-{start}", rows[start : start + 10])
        for start in range(0, 40, 10)
    ]
    drawn = np.random.default_rng(0).integers(0, 40, (500, 2)).tolist()
    pairs = [
        write(
            tmp_path / "pairs" / f"pairs-{start}",
            [
                {"image_id_a": names[a], "image_id_b": names[b], "label": int(a == b)}
                for a, b in drawn[start : start + 100]
            ],
        )
        for start in range(0, 500, 100)
    ]
    whole, joined = tmp_path / "whole", tmp_path / "joined"
    first = score(whole, images, pairs, *models)
    # Of 6 x 4 numbers, a part has 10 bytes at the most: 20 parts.
    assert score(joined, images, pairs, *models, max_bytes=10) == first
    assert first == {"images_embedded": len(np.unique(drawn)), "pairs_scored": 500}
    one, other = (sorted((each / "scored" / "Split-test").iterdir()) for each in (whole, joined))
    assert [path.name for path in one] == [path.name for path in other]
    rows = [read(each / "scored" / "Split-test") for each in (whole, joined)]
    for name in ("candidate_score", "baseline_score"):
        # TensorFlow divides the last few of a batch another way, and a batch here holds others.
        ours, theirs = ([row.pop(name)[0] for row in each] for each in rows)
        np.testing.assert_array_max_ulp(np.float32(ours), np.float32(theirs), maxulp=2)
    assert rows[0] == rows[1]
    distances = [row["candidate_distance"][0] for row in rows[1]]
    assert distances == [abs(a - b) for a, b in drawn]


def test_how_many_parts_a_table_is_split_into():
    # 1,000 images of 128 float32 are 512,000 bytes; a worker holds two parts.
    assert join_by_key.parts_of_table(1_000, 128, 512_000) == 1
    assert join_by_key.parts_of_table(1_000, 128, 511_999) == 3
    assert join_by_key.parts_of_table(1_000, 128, 256_000) == 4


def test_a_model_says_the_length_of_its_embeddings(models):
    one, two = (str(model / "Format-Serving") for model in models)
    assert embedding.numbers_an_image((one,)) == 2
    assert embedding.numbers_an_image((one, two)) == 4


def run_executor(tmp_path: Path, models: dict[str, Path]) -> Path:
    def artifact(kind, uri: Path):
        found = kind()
        found.uri = str(uri)
        if kind is standard_artifacts.Examples:
            found.split_names = artifact_utils.encode_split_names(["val", "test"])
        return [found]

    context = BaseBeamExecutor.Context(
        beam_pipeline_args=["--sdk_container_image=local"],
        tmp_dir=str(tmp_path / "tmp"),
        unique_id="1",
    )
    inputs = {name: artifact(standard_artifacts.Model, uri) for name, uri in models.items()}
    for name in ("images", "pairs"):
        inputs[name] = artifact(standard_artifacts.Examples, tmp_path / name)
    outputs = {"scored_pairs": artifact(standard_artifacts.Examples, tmp_path / "scored")}
    PairScorerExecutor(context).Do(
        inputs,
        outputs,
        {
            "splits": json.dumps(["test"]),
            "scoring": ScoringConfig().model_dump_json(),
        },
    )
    assert outputs["scored_pairs"][0].split_names == '["test"]'
    return tmp_path / "scored"


def test_without_a_baseline_there_are_no_columns_of_it_and_nothing_is_left_behind(
    tmp_path, models, capfd
):
    write_images(tmp_path / "images" / "Split-test")
    write_pairs(tmp_path / "pairs" / "Split-test")
    scored = run_executor(tmp_path, {"model": models[0]})
    assert [path.name for path in scored.iterdir()] == ["Split-test"]
    rows = read(scored / "Split-test")
    assert [row["candidate_distance"] for row in rows] == [[1], [3], [7], [0]]
    assert all("baseline_score" not in row for row in rows)
    said = capfd.readouterr().err
    assert "4 of 4 images embedded" in said
    assert "4 of 4 pairs scored" in said


def test_a_split_without_files_is_named(tmp_path, models):
    write_images(tmp_path / "images" / "Split-test")
    (tmp_path / "pairs" / "Split-test").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"pairs/Split-test holds no TFRecord file"):
        run_executor(tmp_path, {"model": models[0]})


def test_a_network_that_was_decided_twice_embeds_once(tmp_path, models):
    again = tmp_path / "again" / "Format-Serving"
    shutil.copytree(models[0] / "Format-Serving", again)
    paths = tuple(str(path) for path in (models[0] / "Format-Serving", again))
    loaded = Models((*paths, str(models[1] / "Format-Serving")))
    network, again, another = loaded.networks
    assert again == network
    first, other = (loaded.embed(each, tf.constant(["3", "4"])) for each in (network, another))
    # The second toy's numbers are ten times as large.
    assert first[:, 0].tolist() == [3, 4]
    assert other[:, 0].tolist() == [30, 40]
