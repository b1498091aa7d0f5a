"""The work of each component that works in one place, on made-up data: see ``held``."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.held import Meter, Probe
from benchmarks.made_up import (
    DIMENSIONS,
    PHOTOS_A_PERSON,
    made_pairs,
    names,
    pair_columns,
    people,
    write_rows,
)
from components import features
from components.decision.config import DecisionConfig
from components.decision.decide import decide
from components.decision.reference import reference_sweep
from components.exported_model import ExportedModel
from components.metrics.calibration import reliability
from components.metrics.table import METRICS
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.executor import Executor
from components.pair_example_gen.many_images import ManyImages
from components.pair_example_gen.pair_rows import leave_pairs
from components.pair_example_gen.pairs_in_beam import Drawing
from components.pair_example_gen.planning import sample_at_once
from components.pair_example_gen.sources import Image
from components.pair_example_gen.sources import read_images as list_images
from components.pair_example_gen.write_images import WriteImages
from components.report import charts
from components.report.config import ReportConfig
from components.report.content import RunContent
from components.report.face_pairs import worst_rows
from components.report.report_page import slider_steps
from components.report.scored_pairs import read_scored_pairs
from components.report.summary import summarize
from components.report.tensorboard_run import choose_images
from components.stored_arrays import write_arrays
from components.val_scorer.ageing import STRENGTHS
from components.val_scorer.calibration_pairs import PLAIN, CalibrationPairs
from components.val_scorer.embedded_shards import EmbeddedShards
from components.val_scorer.executor import read_asked

_SHARD: Final = 1_000
_IN_TABLE: Final = "up to images_in_memory"
_DECISION: Final = {
    "threshold": 1.0,
    "objective": {"objective": "max_far", "max_far": 0.001},
    "objective_value": 0.9,
    "calibrated_on": {"people": 100, "couples": 1_000, "pairs": 2_000},
    "basis": "val_pairs",
    "granted_fmr": 0.003,
    "strictest": PLAIN,
    "warnings": [],
}
_RULE: Final = DecisionConfig(objective="max_far", max_far=0.001, when_unreachable="strictest")


def _distances(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(count, np.float32) * 2


def _trainer(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    from components.trainer.comparison.plda import fit_plda
    from components.trainer.inputs.arrays import read_images, read_pairs

    for split in (features.TRAIN, features.VAL):
        photos = counts[f"{split} photo"]
        images = {
            features.IMAGE_ID: names(photos),
            features.IDENTITY: people(photos),
            features.IMAGE_RAW: [b"\0"] * photos,
        }
        write_rows(folder / "images" / split / "rows", images)
        rows = pair_columns(photos, counts[f"{split} pair"])
        write_rows(folder / "pairs" / split / "rows", rows)
    meter = Meter()
    with meter.phase("reading"):
        # Of more pixels than none, they are mapped.
        train, val = (
            read_images(folder / "images" / split, (1, 1, 1), 0, folder)
            for split in (features.TRAIN, features.VAL)
        )
        pairs = [
            read_pairs(folder / "pairs" / split, images)
            for split, images in ((features.TRAIN, train), (features.VAL, val))
        ]
    with meter.phase("fitting PLDA"):
        random = np.random.default_rng(0)
        embeddings = random.standard_normal((len(train.ids), DIMENSIONS), np.float32)
        fit_plda(embeddings, train.classes, 0.6)
    del pairs
    return meter.stop()


class _Compares(ExportedModel):
    """A model without a graph: the cosine distance."""

    def __init__(self) -> None:
        pass

    def compare(self, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
        return {"distance": 1 - np.einsum("pd,pd->p", a, b)}


def _val_scorer(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    photos = counts["val photo"]
    write_rows(folder / "pairs", pair_columns(photos, counts["val pair"]))
    kinds = (PLAIN, *_RULE.aged)
    random = np.random.default_rng(0)
    shards = []
    for start in range(0, photos, _SHARD):
        here = slice(start, start + _SHARD)
        columns = {
            "ids": np.array([name.decode() for name in names(photos)[here]]),
            "identities": np.array([name.decode() for name in people(photos)[here]]),
        }
        for kind in kinds:
            columns[kind] = random.standard_normal((len(columns["ids"]), DIMENSIONS), np.float32)
        shards.append(f"images-{start}")
        write_arrays(f"{folder}/embeddings/{shards[-1]}.npz", columns)
    meter = Meter()
    with meter.phase("reading pairs"):
        asked = read_asked([str(folder / "pairs")], 0)
    with meter.phase("comparing"):
        found = EmbeddedShards(str(folder), shards, asked.ids)
        asked.check(found.seen)
        scored = asked.compared(_Compares(), found.identities, kinds, found.table)
        scored.save(folder)
    return meter.stop()


def _decision(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    photos, count = counts["val photo"], counts["val pair"]
    a, b, labels = made_pairs(photos, count)
    CalibrationPairs(
        np.char.decode(names(photos)),
        np.char.decode(people(photos)),
        *(a, b, labels, np.zeros(count, bool)),
        {kind: _distances(count, seed) for seed, kind in enumerate((PLAIN, *STRENGTHS))},
    ).save(folder)
    meter = Meter()
    with meter.phase("deciding"):
        pairs = CalibrationPairs.load(folder)
        decide(pairs, _RULE, "cosine")
        reference_sweep(pairs.distances[PLAIN], pairs.labels)
    return meter.stop()


def _report(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    columns = pair_columns(counts["test photo"], counts["test pair"])
    count = counts["test pair"]
    for seed, name in enumerate((features.CANDIDATE_DISTANCE, features.BASELINE_DISTANCE)):
        columns[name] = _distances(count, seed).tolist()
    for name in (features.CANDIDATE_SCORE, features.BASELINE_SCORE):
        columns[name] = _distances(count, 0).clip(0, 1).tolist()
    columns[features.PAIR_SET] = [features.SAMPLED.encode()] * count
    split = folder / f"Split-{features.TEST}"
    write_rows(split / "rows", columns)
    del columns
    meter = Meter()
    with meter.phase("computing the summary"):
        pairs = read_scored_pairs(split, [features.PAIR_SET])
        summary = summarize(pairs, _DECISION, True, [])
    with meter.phase("writing the pages"):
        given = {"scored_pairs": folder}
        content = RunContent(given, "", "", summary, _DECISION, pairs, [], {}, ReportConfig())
        curve, rates = content.curve, (0.1, 0.1)
        charts.histograms(pairs.scores, pairs.labels)
        charts.calibration(reliability(pairs.scores, pairs.labels))
        charts.roc(curve, content.baseline_curve, rates, 0.9)
        charts.det(curve, content.baseline_curve, rates)
        charts.threshold_sweep(curve, 1.0)
        slider_steps(curve, 1.0, 1)
        reference_sweep(pairs.distances, pairs.labels)
        worst_rows(pairs.distances, pairs.scores, pairs.labels, content.config.worst_pairs)
        choose_images(content.ids.identities(pairs), content.config.projector_images, 0)
    return meter.stop()


class _Driver(Executor):
    """PairExampleGen, but that no photo is opened and no row written."""

    def make(self, config: DataConfig, uri: str) -> None:
        """Lists, splits, looks for photos that are alike, and draws pairs."""
        self._make(list_images(config), config, WriteImages(config, [], uri), uri)

    def _write_images(self, splits: Any, write: Any) -> list[dict[str, Any]]:
        random = np.random.default_rng(0)
        reports = []
        for images in splits.values():
            for start in range(0, len(images), _SHARD):
                rows = [
                    (image.image_id, random.bytes(32).hex())
                    for image in images[start : start + _SHARD]
                ]
                line = json.dumps({"quarantined": [], "rotated": 0, "hashes": rows})
                reports.append(json.loads(line))
        return reports

    def _write_pairs(self, uri: str, attribute_names: Any, splits: Any, pairs: Any) -> None:
        leave_pairs(uri, attribute_names, splits, pairs)


def _config(folder: Path, pairs: int) -> DataConfig:
    return DataConfig.model_validate(
        {
            "images": str(folder),
            "image_list": str(folder / "images.csv"),
            "shares": {"train": 0.1, "val": 0.1, "test": 0.8},
            "pairs": {"train": 2, "val": 2, "test": pairs},
        }
    )


def _table(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    photos = counts["photo"]
    with (folder / "images.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "identity"))
        rows = zip(names(photos), people(photos), strict=True)
        writer.writerows((name.decode(), who.decode()) for name, who in rows)
    meter = Meter()
    with meter.phase(_IN_TABLE):
        _Driver().make(_config(folder, 2), str(folder))
    return meter.stop()


def _drawn(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    # Photos enough for all pairs, and few beside them.
    who = np.arange(6_000) // 100
    images = [Image(f"{at:040d}", f"{person:020d}") for at, person in enumerate(who)]
    meter = Meter()
    with meter.phase(_IN_TABLE):
        pairs = sample_at_once(features.TEST, np.arange(len(who)), who, counts["pair"], [0])
        leave_pairs(str(folder), [], {features.TEST: images}, {features.TEST: [pairs]})
    return meter.stop()


def _sizes(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    config = _config(folder, 2)
    people_a_shard = _SHARD // PHOTOS_A_PERSON
    told = json.dumps({"sizes": [PHOTOS_A_PERSON] * people_a_shard})
    left = counts["person"] // people_a_shard
    meter = Meter()
    with meter.phase("beyond images_in_memory"):
        reports = [
            {"shard": [features.TEST, f"images-{shard:05d}"], **json.loads(told)}
            for shard in range(left)
        ]
        driver = ManyImages(
            Executor()._make_beam_pipeline,
            config,
            WriteImages(config, [], str(folder)),
            str(folder),
        )
        driver._drawing(features.TEST, 2, reports).leave(str(folder))
    return meter.stop()


def _drawing(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    sizes = np.full(counts["person of a split"], PHOTOS_A_PERSON)
    starts, names_of_shards = np.zeros(1, np.int64), np.array([b"images-00000"])
    nothing = np.zeros((2, 0), np.int64)
    Drawing(features.TEST, 2, (0,), sizes, starts, names_of_shards, nothing).leave(str(folder))
    del sizes
    meter = Meter()
    with meter.phase("drawing pairs, a worker"):
        Drawing.left(str(folder), features.TEST).rows(0, 2)
    return meter.stop()


def _metrics(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
    from components.metrics.tfma_metrics import ScoredPairs

    count = counts["pair of a slice"]
    _, _, labels = made_pairs(count, count)
    scores = _distances(count, 0).clip(0, 1)
    meter = Meter()
    with meter.phase("up to exact_pairs"):
        held = ScoredPairs()
        held.add(labels, scores)
        sample = held.sample()
        for metric in METRICS.values():
            metric(sample)
    return meter.stop()


# A component, its work, and how many of each unit there are at least.
PROBES: Final[Sequence[tuple[str, Probe, Mapping[str, int]]]] = (
    ("PairExampleGen", _table, {"photo": 20_000}),
    ("PairExampleGen", _drawn, {"pair": 100_000}),
    ("PairExampleGen", _sizes, {"person": 100_000}),
    ("PairExampleGen", _drawing, {"person of a split": 100_000}),
    (
        "Trainer",
        _trainer,
        {"train photo": 20_000, "val photo": 20_000, "train pair": 20_000, "val pair": 20_000},
    ),
    ("ValScorer", _val_scorer, {"val photo": 6_000, "val pair": 20_000}),
    ("Decision", _decision, {"val photo": 6_000, "val pair": 20_000}),
    ("Evaluator", _metrics, {"pair of a slice": 100_000}),
    ("Report", _report, {"test photo": 6_000, "test pair": 20_000}),
)
