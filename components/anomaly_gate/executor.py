"""The executor of AnomalyGate."""

import dataclasses
import json
import os
from typing import Any

from absl import logging
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components import features
from components.anomaly_gate.drift import FEWEST, drift_findings, examples_in
from components.anomaly_gate.findings import Finding, anomaly_findings, count_findings, report
from components.anomaly_gate.served import read_served, served_photos, skew_findings
from components.progress import say

VERDICT_FILE = "verdict.json"
# As TFX's ImportSchemaGen calls it.
SCHEMA_FILE = "schema.pbtxt"

Artifacts = dict[str, list[types.Artifact]]


class DataAnomalyError(ValueError):
    """The data is not what the schema says; the message lists everything that is wrong."""


class Executor(base_executor.BaseExecutor):
    """Reads anomalies and example counts of all splits and lets the run go on, or not."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes ``verdict.json``.

        Raises:
          DataAnomalyError: Something is wrong, and ``exec_properties["stop"]`` is set.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        verdict = artifact_utils.get_single_instance(output_dict["verdict"])
        allowed = json.loads(exec_properties["allowed_new_columns"])
        minimum = exec_properties["min_examples"]

        findings: list[Finding] = []
        examples = {}
        for split in artifact_utils.decode_split_names(statistics.split_names):
            proto = stats_artifact_utils.load_statistics(statistics, split).proto()
            examples[split] = examples_in(proto)
            findings += count_findings(split, examples[split], minimum)
            findings += self._drift(split, proto, input_dict, allowed, exec_properties)
            if split == features.TRAIN:
                findings += self._skew(proto, input_dict, exec_properties)
        for split in artifact_utils.decode_split_names(anomalies.split_names):
            path = os.path.join(artifact_utils.get_split_uri([anomalies], split), DEFAULT_FILE_NAME)
            with fileio.open(path, "rb") as file:
                found = anomalies_pb2.Anomalies.FromString(file.read())
            findings += anomaly_findings(split, found, set(allowed))

        passed = not any(finding.stops for finding in findings)
        content = {
            "passed": passed,
            "examples": examples,
            "min_examples": minimum,
            "allowed_new_columns": allowed,
            "findings": [dataclasses.asdict(finding) for finding in findings],
        }
        file = os.path.join(verdict.uri, VERDICT_FILE)
        io_utils.write_string_file(file, json.dumps(content, indent=2) + "\n")
        if passed:
            logging.info("Data accepted: examples %s, %d warnings", examples, len(findings))
        if findings:
            message = f"{len(findings)} findings in {statistics.uri}:\n{report(findings)}"
            if not passed and exec_properties["stop"]:
                raise DataAnomalyError(
                    f"{message}\nThe run stops here; to only report, set "
                    "validation.stop_on_anomalies: false"
                )
            logging.warning("%s", message)
            for line in message.splitlines():
                say(line)

    def _drift(
        self,
        split: str,
        now: Any,
        input_dict: Artifacts,
        attributes: list[str],
        exec_properties: dict[str, Any],
    ) -> list[Finding]:
        """What has moved since the last blessed model, where there is one with such a split."""
        baselines = input_dict.get("baseline_statistics")
        if not baselines:
            return []
        [baseline] = baselines
        if split not in artifact_utils.decode_split_names(baseline.split_names):
            return []
        before = stats_artifact_utils.load_statistics(baseline, split).proto()
        return drift_findings(
            split, now, before, _schema(input_dict), attributes, exec_properties["attribute_drift"]
        )

    def _skew(
        self, trained: Any, input_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> list[Finding]:
        """What is unlike the photos that are served, where a file tells of those."""
        path = exec_properties.get("served_photos")
        if not path:
            return []
        served = served_photos(read_served(path), path, exec_properties.get("served_days"))
        trains = examples_in(trained)
        what = f"{len(served):,} photos that were served and {trains:,} of the train split"
        if min(len(served), trains) < FEWEST:
            say(f"{what}: too few to compare, {FEWEST} of each are needed")
        else:
            say(f"{what} are compared")
        return skew_findings(features.TRAIN, trained, served, _schema(input_dict))


def _schema(input_dict: Artifacts) -> Any:
    return io_utils.SchemaReader().read(
        os.path.join(artifact_utils.get_single_uri(input_dict["schema"]), SCHEMA_FILE)
    )
