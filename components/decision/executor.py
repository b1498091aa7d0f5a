"""Decision's executor."""

from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components import features
from components.artifacts import model_folder
from components.decision.config import DecisionConfig
from components.decision.decide import Made, decide, published_of, used_pairs
from components.decision.pictures import distance_histogram
from components.decision.reference import format_reference_table, reference_sweep
from components.decision.saved_model import write_decision
from components.exported_model import network_of
from components.local_copies import with_local_copies
from components.progress import say
from components.val_scorer.calibration_pairs import PLAIN, CalibrationPairs

Artifacts = dict[str, list[types.Artifact]]


class DecisionExecutor(BaseExecutor):
    """Writes the model with its decision."""

    @with_local_copies
    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Runs. See ``Decision`` for the inputs and outputs.

        Raises:
          ValueError: The val pairs cannot show what is asked.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pairs = CalibrationPairs.load(
            artifact_utils.get_single_uri(input_dict["calibration_pairs"])
        )
        config = DecisionConfig.model_validate_json(exec_properties["decision"])
        trained = model_folder(input_dict["trained_model"])
        network = network_of(trained)
        made = decide(
            pairs,
            config,
            network["comparer"],
            origin={"split": features.VAL},
            published=published_of(network),
        )
        output = artifact_utils.get_single_uri(output_dict["model"])
        write_decision(
            trained,
            path_utils.serving_model_dir(output),
            made.threshold,
            made.slope,
            made.record,
        )
        _show(used_pairs(pairs, config), made, Path(output), str(config))


def _show(pairs: CalibrationPairs, made: Made, folder: Path, objective: str) -> None:
    """Tells the person, and leaves table and picture beside the model."""
    distances = pairs.distances[PLAIN]
    if 0 < made.record["calibrated_on"]["same"] < len(pairs.labels):
        rows = reference_sweep(distances, pairs.labels)
        table = format_reference_table(rows, made.threshold, made.record["confusion"], objective)
        say("thresholds on val pairs: nine fixed ones, and the chosen one")
        for line in table.splitlines():
            say(f"  {line}")
        (folder / "thresholds.txt").write_text(table + "\n")
    distance_histogram(distances, pairs.labels, made.threshold, folder / "distances.png")
    for warning in made.record["warnings"]:
        say(f"note: {warning}")
    say(f"threshold {made.threshold:.4g} for {objective}")
