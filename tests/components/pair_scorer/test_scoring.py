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
from components.pair_scorer import scoring
from components.pair_scorer.config import ScoringConfig
from components.pair_scorer.executor import PairScorerExecutor
from components.pair_scorer.kept_embeddings import KeptEmbeddings
from components.pair_scorer.scoring import _Models, score_split

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
    tmp_path: Path, images: list[str], pairs: list[str], *models: Path, kept: str = ""
) -> dict[str, int]:
    """Runs the pipeline; returns its counters."""
    pipeline = in_process_pipeline()
    paths = tuple(str(model / "Format-Serving") for model in models)
    keeps = KeptEmbeddings(kept)
    score_split(pipeline, "test", images, pairs, paths, str(tmp_path / "scored"), 2**20, keeps)
    result = pipeline.run()
    result.wait_until_finish()
    return {
        counter.key.metric.name: counter.committed
        for counter in result.metrics().query()["counters"]
        if counter.key.metric.namespace == scoring.COUNTERS
    }


def test_each_image_is_embedded_once_and_every_pair_keeps_its_columns(
    tmp_path, models, monkeypatch
):
    # Batches and chunks of one, so that their borders are crossed.
    monkeypatch.setattr(scoring, "EMBED_BATCH", 1)
    monkeypatch.setattr(scoring, "IMAGES_A_CHUNK", 1)
    monkeypatch.setattr(scoring, "PAIR_BATCH", 2)
    images, pairs = write_images(tmp_path / "images"), write_pairs(tmp_path / "pairs")
    counters = score(tmp_path, images, pairs, *models)
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


def test_a_pair_of_an_unknown_image_stops_the_run(tmp_path, models):
    images = write_images(tmp_path / "images", "abd")
    with pytest.raises(ValueError, match="names image 'c', which is not among the images"):
        score(tmp_path, images, write_pairs(tmp_path / "pairs"), models[0])


def test_no_pairs_stop_the_run(tmp_path, models):
    images, pairs = write_images(tmp_path / "images"), [write(tmp_path / "pairs" / "pairs-0", [])]
    with pytest.raises(ValueError, match="split 'test' holds no pair to score"):
        score(tmp_path, images, pairs, models[0])


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
            # Every embedding is beyond 0 MB, hence in a mapped file.
            "scoring": ScoringConfig(embedding_memory_mb=0).model_dump_json(),
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
    loaded = _Models((*paths, str(models[1] / "Format-Serving")))
    network, again, another = loaded.networks
    assert again == network
    first, other = (loaded.embed(each, tf.constant(["3", "4"])) for each in (network, another))
    # The second toy's numbers are ten times as large.
    assert first[:, 0].tolist() == [3, 4]
    assert other[:, 0].tolist() == [30, 40]
