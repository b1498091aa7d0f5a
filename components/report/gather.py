"""Reads what the report is made from out of the folders of a run's artifacts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components import features
from components.artifacts import image_files, split_files, split_folder
from components.report import data_facts, face_pairs
from components.report.config import ReportConfig
from components.report.face_pairs import PairIds
from components.report.page import RunContent
from components.report.scored_pairs import ScoredPairs


@dataclass(frozen=True)
class Folders:
    """Where the artifacts of one run lie.

    Attributes:
      images: Examples of images, from PairExampleGen.
      pairs: Examples of pairs, from PairExampleGen.
      scored_pairs: Examples of scored pairs, from PairScorer.
      model_run: From Trainer.
      image_statistics: From StatisticsGen.
      image_verdict: From AnomalyGate.
      pair_verdict: From AnomalyGate.
    """

    images: Path
    pairs: Path
    scored_pairs: Path
    model_run: Path
    image_statistics: Path
    image_verdict: Path
    pair_verdict: Path


def gather(
    folders: Folders,
    name: str,
    created: str,
    summary: dict[str, Any],
    decision: dict[str, Any],
    pairs: ScoredPairs,
    ids: PairIds,
    attributes: list[str],
    lineage: dict[str, Any],
    config: ReportConfig,
) -> RunContent:
    """All that the pages are made from.

    Args:
      folders: Of the artifacts.
      name: The pipeline's.
      created: When, for people.
      summary: ``summary.json``.
      decision: The model's ``decision.json``.
      pairs: The scored test pairs.
      ids: Their images, in the same order.
      attributes: Columns of the data set.
      lineage: From ``lineage.describe``.
      config: What to show.
    """
    accepts, rejects = face_pairs.worst_rows(
        pairs.distances, pairs.scores, pairs.labels, config.worst_pairs
    )
    thumbnails = None
    if config.faces:
        shown = np.concatenate([accepts, rejects])
        wanted = {*ids.a[shown].tolist(), *ids.b[shown].tolist()}
        files = image_files(split_files(split_folder(folders.images, features.TEST)), wanted)
        thumbnails = {
            image_id: face_pairs.data_uri(file, config.thumbnail_size)
            for image_id, file in files.items()
        }

    def worst(rows: np.ndarray) -> list[face_pairs.WorstPair]:
        return face_pairs.worst_pairs(rows, ids, pairs.scores, pairs.distances, thumbnails)

    verdicts: dict[str, str | Path] = {
        "images": folders.image_verdict,
        "pairs": folders.pair_verdict,
    }
    return RunContent(
        name=name,
        created=created,
        summary=summary,
        decision=decision,
        pairs=pairs,
        training=json.loads((folders.model_run / "training.json").read_text(encoding="utf-8")),
        data={
            "counts": data_facts.read_counts(folders.images, folders.pairs),
            "findings": data_facts.read_findings(verdicts),
            "statistics": data_facts.read_statistics(folders.image_statistics, attributes),
        },
        false_accepts=worst(accepts),
        false_rejects=worst(rejects),
        faces=config.faces,
        lineage=lineage,
    )
