"""A whole run in small: artifact folders with drawn faces, and pairs with made-up distances."""

import csv
import json
from dataclasses import dataclass
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_metadata.proto.v0 import statistics_pb2

from components import features
from components.report.config import ReportConfig
from components.report.content import RunContent
from components.report.scored_pairs import ScoredPairs, read_scored_pairs
from components.report.summary import summarize
from data.synthetic import draw_face

PEOPLE, IMAGES = 10, 4
# What a data set could hold to attack who opens the report.
EVIL = "<script>alert(1)</script>|*"
THRESHOLD = 1.0
DECISION = {
    "threshold": THRESHOLD,
    "slope": 8.0,
    "comparer": "euclidean",
    "objective": {"objective": "accuracy"},
    "objective_value": 0.875,
    "calibrated_on": {"split": "val", "people": 60, "couples": 140, "pairs": 300, "same": 150},
    "basis": "val_pairs",
    "granted_fmr": None,
    "strictest": "plain",
    "threshold_interval_95": [0.9, 1.1],
    "on": {
        "plain": {"what": "as they are", "threshold": 1.0, "fmr": 0.125, "fnmr": 0.125},
        "blur": {"what": "blurred", "threshold": 0.9, "fmr": 0.25, "fnmr": 0.5},
    },
    "warnings": [],
    "confusion": {"tp": 130, "fp": 20, "fn": 20, "tn": 130},
}


def bytes_feature(value: str | bytes) -> tf.train.Feature:
    value = value if isinstance(value, bytes) else value.encode()
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def number_feature(value: float | int) -> tf.train.Feature:
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))


def write_records(path: Path, rows: list[dict[str, tf.train.Feature]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            example = tf.train.Example(features=tf.train.Features(feature=row))
            writer.write(example.SerializeToString())


def jpeg(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def image_id(person: int, index: int) -> str:
    return f"p{person}/{index}.jpg"


@dataclass(frozen=True)
class SmallRun:
    """The folders of a run and what is in them."""

    folders: dict[str, Path]
    pairs: ScoredPairs

    def content(self, config: ReportConfig | None = None, **changed: object) -> RunContent:
        """Its content, as Report has it."""
        summary = summarize(self.pairs, DECISION, True, []) | changed
        return RunContent(
            self.folders,
            "small",
            "2030-01-02 03:04 UTC",
            summary,
            DECISION,
            self.pairs,
            ["hair"],
            {
                "artifacts": [{"input": "model", "id": 7, "type": "Model", "uri": "/runs/model/7"}],
                "config_digest": "0123456789abcdef",
                "config": "name: small\ndata: {images: /secret/place/faces/here}\n",
                "seeds": {"data.seed": 5},
                "commit": "c0ffee",
                "versions": {"python": "3.10"},
                "trained_with": {"keras": "3"},
            },
            config or ReportConfig(worst_pairs=5, thumbnail_size=32),
        )


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    root = tmp_path_factory.mktemp("small_run")
    names = ["images", "pairs", "scored_pairs", "model_run"]
    names += ["image_statistics", "image_verdict", "pair_verdict"]
    folders = {name: root / name for name in names}
    write_records(
        folders["images"] / "Split-test" / "images-00000",
        [
            {
                features.IMAGE_ID: bytes_feature(image_id(person, index)),
                features.IDENTITY: bytes_feature(f"p{person}"),
                features.IMAGE_ENCODED: bytes_feature(jpeg(draw_face(0, person, index, 48))),
            }
            for person in range(PEOPLE)
            for index in range(IMAGES)
        ],
    )
    random = np.random.default_rng(0)
    everyone = [(person, index) for person in range(PEOPLE) for index in range(IMAGES)]
    rows = []
    for (person_a, index_a), (person_b, index_b) in combinations(everyone, 2):
        same = person_a == person_b
        if not same and random.random() > 0.3:
            continue
        distance = np.float32(random.normal(0.85 if same else 1.25, 0.2))
        before = np.float32(random.normal(0.95 if same else 1.25, 0.25))
        score = np.float32(1 / (1 + np.exp(8 * (distance - THRESHOLD))))
        hair = ("dark", EVIL)[person_a % 2] if person_a % 2 == person_b % 2 else features.MIXED
        rows.append(
            {
                features.IMAGE_ID_A: bytes_feature(image_id(person_a, index_a)),
                features.IMAGE_ID_B: bytes_feature(image_id(person_b, index_b)),
                features.IDENTITY_A: bytes_feature(f"p{person_a}"),
                features.IDENTITY_B: bytes_feature(f"p{person_b}"),
                features.LABEL: number_feature(int(same)),
                features.PAIR_SET: bytes_feature("sampled"),
                "hair": bytes_feature(hair),
                features.CANDIDATE_DISTANCE: number_feature(float(distance)),
                features.CANDIDATE_SCORE: number_feature(float(score)),
                features.BASELINE_DISTANCE: number_feature(float(before)),
                features.BASELINE_SCORE: number_feature(
                    float(1 / (1 + np.exp(8 * (before - THRESHOLD))))
                ),
            }
        )
    scored = folders["scored_pairs"] / "Split-test"
    write_records(scored / "scored_pairs-00000-of-00001", rows)

    counts = {"images": 40, "identities": 10, "quarantined": 1}
    content = {
        "splits": {"train": counts, "test": counts},
        "quarantined": {"not an image": 1},
        "exif_rotated": 3,
        "other_files_ignored": 2,
    }
    (folders["images"] / "summary.json").write_text(json.dumps(content))
    with (folders["images"] / "quarantine.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("image_id", "identity", "reason"), ("p1/broken.jpg", "p1", "not an image")]
        )
    folders["pairs"].mkdir()
    sets = {"sampled": {"same": 60, "different": 200, "wanted": 400}}
    content = {"splits": {"train": sets, "test": sets}}
    (folders["pairs"] / "summary.json").write_text(json.dumps(content))

    for folder, findings in ((folders["image_verdict"], []), (folders["pair_verdict"], [FINDING])):
        folder.mkdir()
        (folder / "verdict.json").write_text(json.dumps({"passed": True, "findings": findings}))

    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=40)
    brightness = dataset.features.add()
    brightness.path.step.append("brightness")
    brightness.num_stats.min, brightness.num_stats.max = 0.125, 0.875
    brightness.num_stats.mean, brightness.num_stats.median = 0.5, 0.4375
    hair = dataset.features.add()
    hair.path.step.append("hair")
    hair.string_stats.common_stats.num_non_missing = 40
    for value, frequency in (("dark", 30), (EVIL, 10)):
        hair.string_stats.top_values.add(value=value, frequency=frequency)
    path = folders["image_statistics"] / "Split-test" / "FeatureStats.pb"
    path.parent.mkdir(parents=True)
    path.write_bytes(statistics.SerializeToString())

    folders["model_run"].mkdir()
    training = {
        "history": {
            "loss": [0.5, 0.25, 0.2],
            "val_eer": [0.4, 0.3, 0.35],
            "val_auc": [0.6, 0.7, 0.7],
            "val_accuracy": [0.55, 0.65, 0.66],
        },
        "best_epoch": 2,
        "embedding_size": 8,
        "training": {"loss": {"name": "contrastive"}, "network": {"name": "cnn"}},
        "versions": {"keras": "3"},
    }
    (folders["model_run"] / "training.json").write_text(json.dumps(training))
    return SmallRun(folders, read_scored_pairs(scored, ["pair_set", "hair"]))


FINDING = {
    "split": "val",
    "feature": "label",
    "kind": "SCHEMA_NEW_COLUMN",
    "summary": "New column",
    "detail": "A column that the schema does not have.",
    "remedy": "remove it",
    "stops": False,
}
