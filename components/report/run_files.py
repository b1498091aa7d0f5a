"""Writes all that Report leaves: summary, report, model card, TFMA's view, TensorBoard's run."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from absl import logging
from tfx.utils import path_utils

from components import features
from components.evaluator.reasons import BLESSING_FILE
from components.metrics.fairness import FairnessConfig
from components.report import lineage
from components.report.config import ReportConfig
from components.report.content import RunContent, split_folder
from components.report.model_card import model_card, model_card_page
from components.report.report_page import report_page
from components.report.scored_pairs import read_scored_pairs
from components.report.summary import summarize
from components.report.templates import write_text
from components.report.tensorboard_run import write_tensorboard_run
from components.report.tfma_page import slicing_metrics, tfma_page

_SOURCE = Path(__file__).resolve().parents[2]


def write_run_files(
    output: Path, inputs: Mapping[str, Sequence[Any]], run_config: str, attributes: list[str]
) -> None:
    """Writes ``summary.json`` and the pages into the RunSummary artifact.

    Args:
      output: Its folder.
      inputs: TFX artifacts by the input's name, as Report has them.
      run_config: The run's whole config as JSON; its section ``report`` says what to show.
      attributes: Columns of the data set.
    """
    output.mkdir(parents=True, exist_ok=True)
    folders = {name: Path(artifacts[0].uri) for name, artifacts in inputs.items() if artifacts}
    model = Path(path_utils.serving_model_path(str(folders["model"])))
    decision = json.loads((model / "assets.extra" / "decision.json").read_text(encoding="utf-8"))
    verdict = json.loads((folders["blessing"] / BLESSING_FILE).read_text(encoding="utf-8"))
    tree = json.loads(run_config)
    pairs = read_scored_pairs(
        split_folder(folders["scored_pairs"], features.TEST), [features.PAIR_SET, *attributes]
    )
    summary = summarize(
        pairs,
        decision,
        verdict["blessed"],
        [reason["text"] for reason in verdict["reasons"]],
        FairnessConfig.model_validate(tree["evaluation"]["fairness"]),
    )
    write_text(output / "summary.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")

    training = json.loads((folders["model_run"] / "training.json").read_text(encoding="utf-8"))
    content = RunContent(
        folders,
        tree["name"],
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        summary,
        decision,
        pairs,
        attributes,
        lineage.describe(run_config, inputs, _SOURCE, training),
        ReportConfig.model_validate(tree.get("report", {})),
    )
    write_text(output / "report.html", report_page(content))
    card = model_card(content)
    write_text(output / "model_card.md", card)
    write_text(output / "model_card.html", model_card_page(content.name, card))
    metrics = slicing_metrics(folders["evaluation"])
    write_text(output / "tfma.html", tfma_page(f"TFMA: {content.name}", metrics))
    write_tensorboard_run(output / "tensorboard", content, model)
    logging.info(
        "Report written for %d pairs; %d false accepts and %d false rejects shown",
        len(pairs.labels),
        *map(len, content.worst),
    )
