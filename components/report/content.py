"""What the report's pages are made from, read out of the folders of a run's artifacts."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from components import features
from components.artifacts import image_files, split_files, split_folder
from components.metrics import roc
from components.metrics.table import METRICS, Metric
from components.report import data_facts, face_pairs
from components.report.config import ReportConfig
from components.report.face_pairs import PairIds, WorstPair
from components.report.scored_pairs import ScoredPairs


@dataclass(frozen=True)
class RunContent:
    """All that the pages of one run are made from; what lies in artifacts is read when asked for.

    Attributes:
      folders: Of the artifacts, by the name of Report's input.
      name: The pipeline's.
      created: When, for people.
      summary: ``summary.json``.
      decision: The model's ``decision.json``.
      pairs: The scored test pairs.
      attributes: Columns of the data set.
      lineage: From ``lineage.describe``.
      config: What is shown, and the owner's words.
    """

    folders: Mapping[str, Path]
    name: str
    created: str
    summary: dict[str, Any]
    decision: dict[str, Any]
    pairs: ScoredPairs
    attributes: list[str]
    lineage: dict[str, Any]
    config: ReportConfig

    @property
    def overall(self) -> dict[str, Any]:
        """The summary of all test pairs."""
        return self.summary["pair_sets"][features.OVERALL]

    @cached_property
    def curve(self) -> roc.Sweep:
        """The candidate over the test pairs."""
        return roc.sweep(self.pairs.distances, self.pairs.labels)

    @cached_property
    def baseline_curve(self) -> roc.Sweep | None:
        """The baseline over the test pairs."""
        distances = self.pairs.baseline_distances
        return None if distances is None else roc.sweep(distances, self.pairs.labels)

    @cached_property
    def training(self) -> dict[str, Any]:
        """Trainer's ``training.json``."""
        return json.loads((self.folders["model_run"] / "training.json").read_text(encoding="utf-8"))

    @cached_property
    def data(self) -> dict[str, Any]:
        """From ``data_facts``: ``counts``, ``findings`` and ``statistics``."""
        place = self.folders
        return {
            "counts": data_facts.read_counts(place["images"], place["pairs"]),
            "findings": data_facts.read_findings(
                {"images": place["image_verdict"], "pairs": place["pair_verdict"]}
            ),
            "statistics": data_facts.read_statistics(place["image_statistics"], self.attributes),
        }

    @cached_property
    def ids(self) -> PairIds:
        """The images of the pairs, in their order."""
        return face_pairs.read_pair_ids(split_folder(self.folders["scored_pairs"], features.TEST))

    def image_files(self, wanted: Collection[bytes]) -> dict[bytes, bytes]:
        """Some of the test images, by id."""
        folder = split_folder(self.folders["images"], features.TEST)
        return image_files(split_files(folder), wanted)

    @cached_property
    def worst(self) -> tuple[list[WorstPair], list[WorstPair]]:
        """The worst false accepts and false rejects."""
        pairs, ids, config = self.pairs, self.ids, self.config
        both = face_pairs.worst_rows(
            pairs.distances, pairs.scores, pairs.labels, config.worst_pairs
        )
        thumbnails = None
        if config.faces:
            shown = np.concatenate(both)
            files = self.image_files({*ids.a[shown].tolist(), *ids.b[shown].tolist()})
            thumbnails = {
                image_id: face_pairs.data_uri(file, config.thumbnail_size)
                for image_id, file in files.items()
            }
        accepts, rejects = (
            face_pairs.worst_pairs(rows, ids, pairs.scores, pairs.distances, thumbnails)
            for rows in both
        )
        return accepts, rejects


@dataclass(frozen=True)
class Headline:
    """One number of the run.

    Attributes:
      metric: What it is.
      value: Of the candidate, or None.
      low: Of the 95 % interval, or None.
      high: Likewise.
      baseline: Of the baseline, or None.
      note: What limits the number; may be empty.
    """

    metric: Metric
    value: float | None
    low: float | None
    high: float | None
    baseline: float | None
    note: str = ""

    @property
    def change(self) -> float | None:
        """Candidate minus baseline."""
        if self.value is None or self.baseline is None:
            return None
        return self.value - self.baseline

    @property
    def better(self) -> bool | None:
        """Whether the change is for the better; None where there is none."""
        if not self.change:
            return None
        return (self.change > 0) == self.metric.higher_is_better


def headlines(content: RunContent) -> list[Headline]:
    """Every metric of all test pairs, each with interval and baseline."""
    overall, baseline = content.overall, content.summary["baseline"]
    rows = []
    for name, metric in METRICS.items():
        low, high = overall["intervals"].get(name) or (None, None)
        note = ""
        if name in overall["unresolved"]:
            note = f"not resolved: {content.curve.impostors} different pairs are too few to show it"
        before = baseline[name] if baseline else None
        rows.append(Headline(metric, overall[name], low, high, before, note))
    return rows


def group_rows(groups: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups of the summary as rows of a table."""
    return [{"name": name, **group} for name, group in groups.items()]
