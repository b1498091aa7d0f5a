"""The model card: what a model is for, what it was measured to do, and where it fails.

The parts are those of Mitchell et al., "Model Cards for Model Reporting" (2019). Markdown is the
original; the HTML is made from it.
"""

from pathlib import PurePath
from typing import Any

import yaml
from markdown import markdown
from markupsafe import Markup

from components.report.content import RunContent, group_rows, headlines
from components.report.templates import render


def _training(content: RunContent) -> dict[str, Any]:
    """What the card says about the training, from ``training.json``."""
    config = content.training.get("training", {})
    network = config.get("network", {})
    return {
        "network": network.get("name", "a convolutional network"),
        "network_size": content.training.get("embedding_size", "some"),
        "loss": config.get("loss", {}).get("name", "not stated"),
        "epochs": len(content.training.get("history", {}).get("loss", [])),
        "best_epoch": content.training.get("best_epoch", "not stated"),
        "comparer_note": content.training.get("comparer_note"),
    }


def model_card(content: RunContent) -> str:
    """The card as Markdown.

    Args:
      content: Of one run.
    """
    run = yaml.safe_load(content.lineage["config"])
    return render(
        "model_card.md.j2",
        content=content,
        summary=content.summary,
        config=content.config,
        training=_training(content),
        counts=content.data["counts"],
        headlines=headlines(content),
        slices=group_rows(content.summary["slices"]),
        # Where it lies on this machine is nobody else's business.
        source="/".join(PurePath(run["data"]["images"]).parts[-2:]),
        synthetic=run.get("synthetic") is not None,
    )


def model_card_page(name: str, card: str) -> str:
    """The card as an HTML page of its own.

    Args:
      name: The pipeline's.
      card: From ``model_card``: what came from data is escaped in it already.
    """
    body = markdown(card, extensions=["tables"], output_format="html")
    body = body.replace("<table>", '<div class="scroll"><table>').replace(
        "</table>", "</table></div>"
    )
    return render("model_card.html.j2", name=name, card=Markup(body))
