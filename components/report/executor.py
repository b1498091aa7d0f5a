"""Report's executor."""

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components import features
from components.metrics.fairness import FairnessConfig
from components.report.blessing import missed_thresholds
from components.report.pages import write_pages
from components.report.scored_pairs import read_scored_pairs
from components.report.summary import summarize


class ReportExecutor(BaseExecutor):
    """Writes ``summary.json``, ``blessing.json`` and the pages."""

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
        model = artifact_utils.get_single_instance(input_dict["model"])
        serving = path_utils.serving_model_path(model.uri)
        decision = json.loads((Path(serving) / "assets.extra" / "decision.json").read_text())
        blessing = artifact_utils.get_single_uri(input_dict["blessing"])
        blessed = fileio.exists(str(Path(blessing) / constants.BLESSED_FILE_NAME))
        _, missed = missed_thresholds(artifact_utils.get_single_uri(input_dict["evaluation"]))
        fairness = json.loads(exec_properties["run_config"])["evaluation"]["fairness"]
        summary = summarize(
            pairs,
            decision,
            blessed,
            [str(reason) for reason in missed],
            FairnessConfig.model_validate(fairness),
        )
        output = Path(artifact_utils.get_single_uri(output_dict["summary"]))
        output.mkdir(parents=True, exist_ok=True)
        verdict = {"blessed": blessed, "reasons": [reason.as_json() for reason in missed]}
        for name, content in (("summary.json", summary), ("blessing.json", verdict)):
            partial = output / f"{name}.partial"
            partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
            partial.replace(output / name)
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
