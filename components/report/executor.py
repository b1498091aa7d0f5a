"""Report's executor."""

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils

from components import features
from components.artifacts import model_folder
from components.evaluator.reasons import BLESSING_FILE
from components.exported_model import decision_of
from components.metrics.fairness import FairnessConfig
from components.report.pages import write_pages
from components.report.scored_pairs import read_scored_pairs
from components.report.summary import summarize


class ReportExecutor(BaseExecutor):
    """Writes ``summary.json`` and the pages."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs. See ``Report`` for the inputs and outputs."""
        self._log_startup(input_dict, output_dict, exec_properties)
        columns = [features.PAIR_SET, *json.loads(exec_properties["attributes"])]
        pairs = read_scored_pairs(
            artifact_utils.get_split_uri(input_dict["scored_pairs"], features.TEST), columns
        )
        serving = model_folder(input_dict["model"])
        decision = decision_of(serving)
        blessing = Path(artifact_utils.get_single_uri(input_dict["blessing"]))
        verdict = json.loads((blessing / BLESSING_FILE).read_text())
        fairness = json.loads(exec_properties["run_config"])["evaluation"]["fairness"]
        summary = summarize(
            pairs,
            decision,
            verdict["blessed"],
            [reason["text"] for reason in verdict["reasons"]],
            FairnessConfig.model_validate(fairness),
        )
        output = Path(artifact_utils.get_single_uri(output_dict["summary"]))
        output.mkdir(parents=True, exist_ok=True)
        text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
        (output / "summary.json").write_text(text, encoding="utf-8")
        write_pages(
            output,
            input_dict,
            Path(serving),
            exec_properties["run_config"],
            summary,
            decision,
            pairs,
            json.loads(exec_properties["attributes"]),
        )
