"""Writes everything people look at: the report, the model card, TFMA's view, TensorBoard's run."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from absl import logging

from components import features
from components.artifacts import image_files, split_files, split_folder
from components.exported_model import ExportedModel
from components.projector import SPRITE, write_projector
from components.report import lineage, projector
from components.report.config import ReportConfig
from components.report.face_pairs import PairIds, read_pair_ids, small_image
from components.report.gather import Folders, gather
from components.report.model_card import model_card, model_card_page
from components.report.page import RunContent, headlines, report_page
from components.report.scored_pairs import ScoredPairs
from components.report.tfma_page import slicing_metrics, tfma_page

REPORT_FILE = "report.html"
TENSORBOARD_FOLDER = "tensorboard"

_SOURCE = Path(__file__).resolve().parents[2]


def write_pages(
    output: Path,
    inputs: Mapping[str, Sequence[Any]],
    model: Path,
    run_config: str,
    summary: dict[str, Any],
    decision: dict[str, Any],
    pairs: ScoredPairs,
    attributes: list[str],
) -> None:
    """Writes the pages into the RunSummary artifact.

    Args:
      output: Its folder.
      inputs: TFX artifacts by the input's name, as Report has them.
      model: The candidate's SavedModel.
      run_config: The run's whole config as JSON; its section ``report`` says what to show.
      summary: ``summary.json``.
      decision: The model's ``decision.json``.
      pairs: The scored test pairs.
      attributes: Columns of the data set.
    """
    tree = json.loads(run_config)
    config = ReportConfig.model_validate(tree.get("report", {}))
    place = {name: Path(artifacts[0].uri) for name, artifacts in inputs.items() if artifacts}
    folders = Folders(**{name: place[name] for name in Folders.__dataclass_fields__})
    training = json.loads((folders.model_run / "training.json").read_text(encoding="utf-8"))
    ids = read_pair_ids(split_folder(folders.scored_pairs, features.TEST))
    content = gather(
        folders,
        tree["name"],
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        summary,
        decision,
        pairs,
        ids,
        attributes,
        lineage.describe(run_config, inputs, _SOURCE, training),
        config,
    )
    (output / REPORT_FILE).write_text(report_page(content), encoding="utf-8")
    card = model_card(content, config)
    (output / "model_card.md").write_text(card, encoding="utf-8")
    (output / "model_card.html").write_text(model_card_page(content.name, card), encoding="utf-8")
    metrics = slicing_metrics(place["evaluation"])
    (output / "tfma.html").write_text(tfma_page(f"TFMA: {content.name}", metrics), encoding="utf-8")
    write_tensorboard(output / TENSORBOARD_FOLDER, content, ids, model, folders.images, config)
    logging.info(
        "Report written for %d pairs; %d false accepts and %d false rejects shown",
        len(pairs.labels),
        len(content.false_accepts),
        len(content.false_rejects),
    )


def write_tensorboard(
    folder: Path,
    content: RunContent,
    ids: PairIds,
    model: Path,
    images: Path,
    config: ReportConfig,
) -> None:
    """Writes a TensorBoard run: test measures, and test images in the embedding projector.

    Args:
      folder: Of the run.
      content: Of the report.
      ids: Of the test pairs.
      model: The candidate's SavedModel.
      images: The images artifact of PairExampleGen.
      config: How many images, and whether their faces are shown.
    """
    values = {row.key: row.value for row in headlines(content) if row.value is not None}
    verdict = {key: content.summary[key] for key in ("blessed", "reasons", "threshold")}
    projector.write_scalars(folder, values, verdict)
    identities = ids.identities(content.pairs)
    chosen = projector.choose_images(identities, config.projector_images, config.seed)
    if not chosen:
        return
    files = image_files(split_files(split_folder(images, features.TEST)), chosen)
    ordered = [files[image_id] for image_id in chosen]
    write_projector(
        folder,
        "test images",
        ExportedModel(model).embed(ordered),
        {
            "identity": [identities[image_id].decode() for image_id in chosen],
            "image": [image_id.decode() for image_id in chosen],
        },
        [small_image(file, SPRITE) for file in ordered] if config.faces else None,
    )
