"""Report's executor."""

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils

from components.local_copies import local_copies
from components.report.lineage import artifact_rows
from components.report.run_files import write_run_files


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
        rows = artifact_rows(input_dict)
        with local_copies(input_dict, output_dict):
            write_run_files(
                Path(artifact_utils.get_single_uri(output_dict["summary"])),
                input_dict,
                exec_properties["run_config"],
                json.loads(exec_properties["attributes"]),
                rows,
            )
