"""The pipeline as a Kubeflow spec: every component, every edge, and what runs in the containers."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components as kfp_components
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec
from tfx.utils import import_utils

from components.anomaly_gate.component import DataVerdict
from components.report.artifact import RunSummary
from pipeline.config import ConfigError, PipelineConfig, parse_config
from pipeline.kubeflow_runner import compile_pipeline

# Component and input: the component and output that it comes from.
ARTIFACTS = {
    **{
        edge: source
        for kind in ("images", "pairs")
        for edge, source in {
            (f"StatisticsGen-{kind}", "examples"): ("PairExampleGen", kind),
            (f"ExampleValidator-{kind}", "statistics"): (f"StatisticsGen-{kind}", "statistics"),
            (f"ExampleValidator-{kind}", "schema"): (f"ImportSchemaGen-{kind}", "schema"),
            (f"AnomalyGate-{kind}", "anomalies"): (f"ExampleValidator-{kind}", "anomalies"),
            (f"AnomalyGate-{kind}", "statistics"): (f"StatisticsGen-{kind}", "statistics"),
        }.items()
    },
    ("Transform", "examples"): ("PairExampleGen", "images"),
    ("Transform", "schema"): ("ImportSchemaGen-images", "schema"),
    ("Trainer", "examples"): ("Transform", "transformed_examples"),
    ("Trainer", "transform_graph"): ("Transform", "transform_graph"),
    ("Trainer", "pairs"): ("PairExampleGen", "pairs"),
    ("PairScorer", "images"): ("PairExampleGen", "images"),
    ("PairScorer", "pairs"): ("PairExampleGen", "pairs"),
    ("PairScorer", "model"): ("Trainer", "model"),
    ("PairScorer", "baseline_model"): ("Baseline", "result"),
    ("Evaluator", "examples"): ("PairScorer", "scored_pairs"),
    ("Evaluator", "model"): ("Trainer", "model"),
    ("Evaluator", "baseline_model"): ("Baseline", "result"),
    ("Report", "images"): ("PairExampleGen", "images"),
    ("Report", "pairs"): ("PairExampleGen", "pairs"),
    ("Report", "image_statistics"): ("StatisticsGen-images", "statistics"),
    ("Report", "image_verdict"): ("AnomalyGate-images", "verdict"),
    ("Report", "pair_verdict"): ("AnomalyGate-pairs", "verdict"),
    ("Report", "scored_pairs"): ("PairScorer", "scored_pairs"),
    ("Report", "model"): ("Trainer", "model"),
    ("Report", "model_run"): ("Trainer", "model_run"),
    ("Report", "evaluation"): ("Evaluator", "evaluation"),
    ("Report", "blessing"): ("Evaluator", "blessing"),
    ("Pusher", "model"): ("Trainer", "model"),
    ("Pusher", "model_blessing"): ("Evaluator", "blessing"),
}

# Components that wait for another without taking anything from it.
WAITS = {("Transform", "AnomalyGate-images"), ("Trainer", "AnomalyGate-pairs")}

COMPONENTS = {name for name, _ in ARTIFACTS} | {
    "PairExampleGen",
    "ImportSchemaGen-images",
    "ImportSchemaGen-pairs",
    "Baseline",
}


def load(tree: dict[str, Any], **kubeflow: str) -> PipelineConfig:
    given = {"image": "registry/faceauth:1", "pipeline_root": "/mnt/runs", **kubeflow}
    return parse_config({**tree, "kubeflow": given}, "test", {})


def compiled(config: PipelineConfig) -> PipelineSpec:
    path = compile_pipeline(config)
    assert path == config.root / "kubeflow.yaml"
    return json_format.ParseDict(yaml.safe_load(path.read_text()), PipelineSpec())


def edges(spec: PipelineSpec) -> dict[tuple[str, str], tuple[str, str]]:
    found = {}
    for name, task in spec.root.dag.tasks.items():
        for key, value in task.inputs.artifacts.items():
            source = value.task_output_artifact
            found[name, key] = (source.producer_task, source.output_artifact_key)
    return found


def executors(spec: PipelineSpec) -> dict[str, Any]:
    """What runs for each component, by its name."""
    deployment = json_format.MessageToDict(spec.deployment_spec)["executors"]
    return {name: deployment[part.executor_label] for name, part in spec.components.items()}


@pytest.fixture
def spec(tree: dict[str, Any]) -> PipelineSpec:
    return compiled(load(tree, baseline="/mnt/baseline"))


def test_every_component_and_every_edge_is_in_the_spec(spec: PipelineSpec) -> None:
    tasks = spec.root.dag.tasks
    assert set(tasks) == set(spec.components) == COMPONENTS
    assert len(COMPONENTS) == 16
    assert edges(spec) == ARTIFACTS
    waits = {(name, before) for name, task in tasks.items() for before in task.dependent_tasks}
    assert waits == WAITS | {(name, source) for (name, _), (source, _) in ARTIFACTS.items()}
    for name, task in tasks.items():
        assert task.component_ref.name == task.task_info.name == name
        assert task.caching_options.enable_cache


def test_each_input_exists_on_both_ends(spec: PipelineSpec) -> None:
    for (name, key), (source, output) in ARTIFACTS.items():
        assert key in spec.components[name].input_definitions.artifacts
        assert output in spec.components[source].output_definitions.artifacts


def test_names_are_ones_that_argo_takes(spec: PipelineSpec) -> None:
    for name in spec.root.dag.tasks:
        assert name.replace("-", "").isalnum()
    assert spec.pipeline_info.name == "faces"


def test_kubeflows_own_sdk_loads_the_file(tree: dict[str, Any]) -> None:
    path = compile_pipeline(load(tree))
    loaded = kfp_components.load_component_from_file(str(path))
    assert set(loaded.pipeline_spec.root.dag.tasks) == COMPONENTS - {"Baseline"}


def test_containers_run_our_executors_from_the_image(spec: PipelineSpec) -> None:
    for name, executor in executors(spec).items():
        if name == "Baseline":
            assert executor["importer"]["artifactUri"] == {"constant": "/mnt/baseline"}
            continue
        container = executor["container"]
        assert container["image"] == "registry/faceauth:1"
        assert container["command"][:2] == ["python", "-m"]
        assert importlib.util.find_spec(container["command"][2]) is not None
        assert container["args"][0] == "--executor_class_path"
        assert isinstance(import_utils.import_class_by_path(container["args"][1]), type)


def test_containers_find_our_artifact_types_by_the_title_in_the_spec(spec: PipelineSpec) -> None:
    found = {}
    for name, output in (("AnomalyGate-images", "verdict"), ("Report", "summary")):
        artifact = spec.components[name].output_definitions.artifacts[output]
        title = yaml.safe_load(artifact.artifact_type.instance_schema)["title"]
        found[name] = import_utils.import_class_by_path(title)
    assert found == {"AnomalyGate-images": DataVerdict, "Report": RunSummary}


def test_without_a_baseline_nothing_is_imported(tree: dict[str, Any]) -> None:
    spec = compiled(load(tree))
    assert set(spec.components) == COMPONENTS - {"Baseline"}
    assert edges(spec) == {
        edge: source for edge, source in ARTIFACTS.items() if source[0] != "Baseline"
    }


def test_the_section_has_to_be_there(tree: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no section kubeflow; give kubeflow\.image and"):
        compile_pipeline(parse_config(tree, "test", {}))
    assert not (tmp_path / "runs").exists()
