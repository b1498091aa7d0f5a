"""Writes all that Report leaves: summary, report, model card, TFMA's view, TensorBoard's run."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from absl import logging

from components import features
from components.artifacts import model_folder, split_folder
from components.evaluator.reasons import BLESSING_FILE
from components.exported_model import decision_of
from components.metrics.fairness import FairnessConfig
from components.report import lineage
from components.report.config import ReportConfig
from components.report.content import RunContent
from components.report.model_card import model_card, model_card_page
from components.report.report_page import report_page
from components.report.scored_pairs import read_scored_pairs
from components.report.summary import summarize
from components.report.tensorboard_run import write_tensorboard_run
from components.report.tfma_page import slicing_metrics, tfma_page

_SOURCE = Path(__file__).resolve().parents[2]


def write_run_files(
    output: Path,
    inputs: Mapping[str, Sequence[Any]],
    run_config: str,
    attributes: list[str],
    rows: list[dict[str, Any]],
) -> None:
    """Writes ``summary.json`` and the pages into the RunSummary artifact.

    Args:
      output: Its folder.
      inputs: TFX artifacts by the input's name, as Report has them.
      run_config: The run's whole config as JSON; its section ``report`` says what to show.
      attributes: Columns of the data set.
      rows: What the page says of the inputs, see ``lineage.artifact_rows``.
    """
    output.mkdir(parents=True, exist_ok=True)
    folders = {name: Path(artifacts[0].uri) for name, artifacts in inputs.items() if artifacts}
    model = Path(model_folder(inputs["model"]))
    decision = decision_of(model)
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
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    (output / "summary.json").write_text(text, encoding="utf-8")

    training = json.loads((folders["model_run"] / "training.json").read_text(encoding="utf-8"))
    content = RunContent(
        folders,
        tree["name"],
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        summary,
        decision,
        pairs,
        attributes,
        lineage.describe(run_config, rows, _SOURCE, training),
        ReportConfig.model_validate(tree.get("report", {})),
    )
    (output / "report.html").write_text(report_page(content), encoding="utf-8")
    card = model_card(content)
    (output / "model_card.md").write_text(card, encoding="utf-8")
    (output / "model_card.html").write_text(model_card_page(content.name, card), encoding="utf-8")
    metrics = slicing_metrics(folders["evaluation"])
    (output / "tfma.html").write_text(tfma_page(f"TFMA: {content.name}", metrics), encoding="utf-8")
    write_tensorboard_run(output / "tensorboard", content, model)
    logging.info(
        "Report written for %d pairs; %d false accepts and %d false rejects shown",
        len(pairs.labels),
        *map(len, content.worst),
    )
