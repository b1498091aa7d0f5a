"""What the report's pages are made from, read out of the folders of a run's artifacts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from components import features
from components.metrics import roc
from components.metrics.table import METRICS, Metric
from components.report import data_facts, face_pairs
from components.report.config import ReportConfig
from components.report.face_pairs import PairIds, WorstPair
from components.report.scored_pairs import ScoredPairs


@dataclass(frozen=True)
class RunContent:
    """All that the pages of one run are made from.

    Attributes:
      name: The pipeline's.
      created: When, for people.
      summary: ``summary.json``.
      decision: The model's ``decision.json``.
      pairs: The scored test pairs.
      ids: Their images, in the same order.
      training: Trainer's ``training.json``.
      data: From ``data_facts``: ``counts``, ``findings`` and ``statistics``.
      false_accepts: The worst ones.
      false_rejects: Likewise.
      lineage: From ``lineage.describe``.
      config: What is shown, and the owner's words.
    """

    name: str
    created: str
    summary: dict[str, Any]
    decision: dict[str, Any]
    pairs: ScoredPairs
    ids: PairIds
    training: dict[str, Any]
    data: dict[str, Any]
    false_accepts: list[WorstPair]
    false_rejects: list[WorstPair]
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


def split_folder(artifact: Path, split: str) -> Path:
    """Where an Examples artifact keeps a split."""
    return artifact / f"Split-{split}"


def read_content(
    folders: Mapping[str, Path],
    name: str,
    created: str,
    summary: dict[str, Any],
    decision: dict[str, Any],
    pairs: ScoredPairs,
    attributes: list[str],
    lineage: dict[str, Any],
    config: ReportConfig,
) -> RunContent:
    """Reads what the pages show beside the summary.

    Args:
      folders: Of the artifacts, by the name of Report's input.
      name: The pipeline's.
      created: When, for people.
      summary: ``summary.json``.
      decision: The model's ``decision.json``.
      pairs: The scored test pairs.
      attributes: Columns of the data set.
      lineage: From ``lineage.describe``.
      config: What to show.
    """
    ids = face_pairs.read_pair_ids(split_folder(folders["scored_pairs"], features.TEST))
    accepts, rejects = face_pairs.worst_rows(
        pairs.distances, pairs.scores, pairs.labels, config.worst_pairs
    )
    thumbnails = None
    if config.faces:
        shown = np.concatenate([accepts, rejects])
        wanted = {*ids.a[shown].tolist(), *ids.b[shown].tolist()}
        files = face_pairs.read_image_files(split_folder(folders["images"], features.TEST), wanted)
        thumbnails = {
            image_id: face_pairs.data_uri(file, config.thumbnail_size)
            for image_id, file in files.items()
        }

    def worst(rows: np.ndarray) -> list[WorstPair]:
        return face_pairs.worst_pairs(rows, ids, pairs.scores, pairs.distances, thumbnails)

    return RunContent(
        name=name,
        created=created,
        summary=summary,
        decision=decision,
        pairs=pairs,
        ids=ids,
        training=json.loads((folders["model_run"] / "training.json").read_text(encoding="utf-8")),
        data={
            "counts": data_facts.read_counts(folders["images"], folders["pairs"]),
            "findings": data_facts.read_findings(
                {"images": folders["image_verdict"], "pairs": folders["pair_verdict"]}
            ),
            "statistics": data_facts.read_statistics(folders["image_statistics"], attributes),
        },
        false_accepts=worst(accepts),
        false_rejects=worst(rejects),
        lineage=lineage,
        config=config,
    )
