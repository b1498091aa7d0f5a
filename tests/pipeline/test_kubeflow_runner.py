"""The pipeline as a Kubeflow spec: every component, every edge, and what runs in the containers."""

import argparse
import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tensorflow as tf
import yaml
from google.protobuf import json_format
from kfp import components as kfp_components
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec
from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.utils import import_utils

from components import features
from components.anomaly_gate.component import DataVerdict
from components.pair_example_gen.config import DataConfig
from components.report.artifact import RunSummary
from components.val_scorer.artifact import CalibrationPairs
from data import synthetic
from pipeline import buckets, kubeflow_container
from pipeline.config import PROJECT, ConfigError, PipelineConfig, parse_config
from pipeline.kubeflow_runner import compile_pipeline
from serving.served_file import COLUMNS

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
            (f"AnomalyGate-{kind}", "schema"): (f"ImportSchemaGen-{kind}", "schema"),
        }.items()
    },
    ("Transform", "examples"): ("PairExampleGen", "images"),
    ("Transform", "schema"): ("ImportSchemaGen-images", "schema"),
    ("Trainer", "examples"): ("Transform", "transformed_examples"),
    ("Trainer", "transform_graph"): ("Transform", "transform_graph"),
    ("Trainer", "pairs"): ("PairExampleGen", "pairs"),
    ("ValScorer", "images"): ("PairExampleGen", "images"),
    ("ValScorer", "pairs"): ("PairExampleGen", "pairs"),
    ("ValScorer", "model"): ("Trainer", "model"),
    ("Decision", "trained_model"): ("Trainer", "model"),
    ("Decision", "calibration_pairs"): ("ValScorer", "calibration_pairs"),
    ("PairScorer", "images"): ("PairExampleGen", "images"),
    ("PairScorer", "pairs"): ("PairExampleGen", "pairs"),
    ("PairScorer", "model"): ("Decision", "model"),
    ("PairScorer", "baseline_model"): ("Baseline", "result"),
    ("Evaluator", "examples"): ("PairScorer", "scored_pairs"),
    ("Evaluator", "model"): ("Decision", "model"),
    ("Evaluator", "baseline_model"): ("Baseline", "result"),
    ("Report", "images"): ("PairExampleGen", "images"),
    ("Report", "pairs"): ("PairExampleGen", "pairs"),
    ("Report", "image_statistics"): ("StatisticsGen-images", "statistics"),
    ("Report", "image_verdict"): ("AnomalyGate-images", "verdict"),
    ("Report", "pair_verdict"): ("AnomalyGate-pairs", "verdict"),
    ("Report", "scored_pairs"): ("PairScorer", "scored_pairs"),
    ("Report", "model"): ("Decision", "model"),
    ("Report", "model_run"): ("Trainer", "model_run"),
    ("Report", "evaluation"): ("Evaluator", "evaluation"),
    ("Report", "blessing"): ("Evaluator", "blessing"),
    ("Pusher", "model"): ("Decision", "model"),
    ("ServingCheck", "model"): ("Decision", "model"),
    ("ServingCheck", "model_blessing"): ("Evaluator", "blessing"),
    ("ServingCheck", "images"): ("PairExampleGen", "images"),
    ("ServingCheck", "scored_pairs"): ("PairScorer", "scored_pairs"),
    ("Pusher", "model_blessing"): ("Evaluator", "blessing"),
    ("Pusher", "infra_blessing"): ("ServingCheck", "blessing"),
}

# Components that wait for another without taking anything from it.
WAITS = {("Transform", "AnomalyGate-images"), ("Trainer", "AnomalyGate-pairs")}

COMPONENTS = {name for name, _ in ARTIFACTS} | {
    "PairExampleGen",
    "ImportSchemaGen-images",
    "ImportSchemaGen-pairs",
    "Baseline",
}


def load(tree: dict[str, Any], **kubeflow: Any) -> PipelineConfig:
    given = {"image": "registry/faceauth:1", "pipeline_root": "gs://bucket/runs", **kubeflow}
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
    assert len(COMPONENTS) == 19
    assert edges(spec) == ARTIFACTS
    waits = {(name, before) for name, task in tasks.items() for before in task.dependent_tasks}
    assert waits == WAITS | {(name, source) for (name, _), (source, _) in ARTIFACTS.items()}
    for name, task in tasks.items():
        assert task.component_ref.name == task.task_info.name == name
        assert task.caching_options.enable_cache == (name != "Pusher")


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
        assert container["command"][2] == kubeflow_container.__name__
        assert importlib.util.find_spec(container["command"][2]) is not None
        assert container["args"][0] == "--executor_class_path"
        assert isinstance(import_utils.import_class_by_path(container["args"][1]), type)


def test_containers_find_our_artifact_types_by_the_title_in_the_spec(spec: PipelineSpec) -> None:
    found = {}
    for name, output in (
        ("AnomalyGate-images", "verdict"),
        ("ValScorer", "calibration_pairs"),
        ("Report", "summary"),
    ):
        artifact = spec.components[name].output_definitions.artifacts[output]
        title = yaml.safe_load(artifact.artifact_type.instance_schema)["title"]
        found[name] = import_utils.import_class_by_path(title)
    assert found == {
        "AnomalyGate-images": DataVerdict,
        "ValScorer": CalibrationPairs,
        "Report": RunSummary,
    }
    with pytest.raises(ImportError, match=r"Could not import components\.Verdict"):
        import_utils.import_class_by_path("components.Verdict")


def run_as_container(
    spec: PipelineSpec, name: str, folder: Path, inputs: dict[str, Path], **submitted: Any
) -> Any:
    """Runs a component as its container would: its arguments, with Kubeflow's part filled in.

    Args:
        spec: The compiled pipeline.
        name: A component that has one artifact for each input.
        folder: For what it writes, a folder an output.
        inputs: The folder of each input.
        **submitted: Parameters of the pipeline; the others have their defaults.

    Returns:
        What it reports to Kubeflow.
    """

    def parameter(source: Any) -> Any:
        if source.HasField("runtime_value"):
            return json_format.MessageToDict(source.runtime_value.constant)
        known, key = spec.root.input_definitions.parameters, source.component_input_parameter
        return submitted.get(key, json_format.MessageToDict(known[key].default_value))

    def artifacts(definitions: Any, folders: dict[str, Path]) -> dict[str, Any]:
        return {
            key: {
                "artifacts": [
                    {
                        "name": f"{name}/{key}",
                        "uri": str(folders[key]),
                        "type": json_format.MessageToDict(definition.artifact_type),
                        "metadata": {"split_names": '["train"]'} if key in inputs else {},
                    }
                ]
            }
            for key, definition in definitions.artifacts.items()
        }

    part, task = spec.components[name], spec.root.dag.tasks[name]
    outputs = part.output_definitions
    report = folder / "report.json"
    executor_input = {
        "inputs": {
            "parameterValues": {
                key: parameter(value) for key, value in task.inputs.parameters.items()
            },
            "artifacts": artifacts(part.input_definitions, inputs),
        },
        "outputs": {
            "artifacts": artifacts(outputs, {key: folder / key for key in outputs.artifacts}),
            "outputFile": str(report),
        },
    }
    arguments = executors(spec)[name]["container"]["args"]
    filled = [json.dumps(executor_input) if text == "{{$}}" else text for text in arguments]
    named = {
        flag.removeprefix("--"): text for flag, text in zip(filled[::2], filled[1::2], strict=True)
    }
    kubeflow_container.main((argparse.Namespace(**named), []))
    return json.loads(report.read_text())["artifacts"]


def test_the_first_component_runs_as_a_container(spec: PipelineSpec, tmp_path: Path) -> None:
    report = run_as_container(spec, "PairExampleGen", tmp_path, {})
    assert set(report) == {"images", "pairs"}
    [images] = report["images"]["artifacts"]
    assert images["uri"] == str(tmp_path / "images")
    assert json.loads(images["metadata"]["split_names"]) == ["train", "val", "test"]
    for kind in ("images", "pairs"):
        for split in ("train", "val", "test"):
            assert any((tmp_path / kind / f"Split-{split}").iterdir())


def test_the_first_component_reads_the_folder_that_was_submitted(
    spec: PipelineSpec, tmp_path: Path
) -> None:
    # Other people under the same names, so that the compiled list is theirs, too.
    other = tmp_path / "other"
    synthetic.generate(other, identities=6, images_per_identity=2, size=32, seed=4, workers=1)
    run_as_container(spec, "PairExampleGen", tmp_path, {}, images=str(other))
    files = [str(path) for path in sorted((tmp_path / "images").glob("Split-*/*"))]
    found = {}
    for record in tf.data.TFRecordDataset(files).as_numpy_iterator():
        row = tf.train.Example.FromString(record).features.feature
        [name], [content] = (
            row[key].bytes_list.value for key in (features.IMAGE_ID, features.IMAGE_ENCODED)
        )
        found[name.decode()] = content
    assert len(found) == 12
    assert found == {name: (other / name).read_bytes() for name in found}


def test_a_component_with_an_artifact_type_of_ours_runs_as_a_container(
    spec: PipelineSpec, tmp_path: Path
) -> None:
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    statistics.datasets.add(num_examples=9)
    files = {
        "statistics": ("FeatureStats.pb", statistics),
        "anomalies": ("SchemaDiff.pb", Anomalies()),
    }
    for key, (name, message) in files.items():
        path = tmp_path / key / "Split-train" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(message.SerializeToString())
    # The schema is for drift, and without a model before there is none to look for.
    inputs = {key: tmp_path / key for key in (*files, "schema")}
    report = run_as_container(spec, "AnomalyGate-pairs", tmp_path / "gate", inputs)
    [verdict] = report["verdict"]["artifacts"]
    assert json.loads((Path(verdict["uri"]) / "verdict.json").read_text())["passed"] is True


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


def test_what_tfx_cannot_compile_is_said(tree: dict[str, Any]) -> None:
    tree["serving"] = {"check": "infra_validator"}
    tree["kubeflow"] = {"image": "some", "pipeline_root": "gs://bucket"}
    with pytest.raises(ConfigError, match=r"serving\.check is infra_validator.*set it to local"):
        compile_pipeline(parse_config(tree, "test", {}))


def test_a_spec_says_where_artifacts_go_and_has_a_name_that_kubeflow_takes(
    tree: dict[str, Any],
) -> None:
    spec = compiled(load({**tree, "name": "my_faces"}))
    assert spec.default_pipeline_root == "gs://bucket/runs"
    assert spec.pipeline_info.name == "my-faces"
    inputs = spec.root.dag.tasks["PairExampleGen"].inputs.parameters
    kept = inputs["kept_faces"].runtime_value.constant.string_value
    assert kept == "gs://bucket/runs/aligned_faces"


def test_what_was_served_is_looked_at_whatever_the_cache_has(
    tree: dict[str, Any], tmp_path: Path
) -> None:
    served = tmp_path / "served.csv"
    served.write_text(",".join(COLUMNS))
    for validation, cached in (({}, True), ({"served_photos": str(served)}, False)):
        spec = compiled(load({**tree, "validation": validation}))
        tasks = spec.root.dag.tasks
        assert tasks["AnomalyGate-images"].caching_options.enable_cache is cached
        assert tasks["AnomalyGate-pairs"].caching_options.enable_cache is True


def test_every_config_that_ships_has_a_name_that_kubeflow_takes() -> None:
    for path in sorted((PROJECT / "pipeline" / "configs").glob("*.yaml")):
        name = yaml.safe_load(path.read_text())["name"].replace("_", "-")
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,127}", name), path


def test_resources_retries_and_cache(tree: dict[str, Any]) -> None:
    resources = {
        "default": {"cpu": 2, "memory_gb": 8},
        "Trainer": {"cpu": 8, "accelerator": "NVIDIA_TESLA_T4", "accelerators": 2},
    }
    spec = compiled(load(tree, resources=resources, retries=3, cache=False))
    containers = {name: each["container"] for name, each in executors(spec).items()}
    assert containers["Trainer"]["resources"] == {
        "cpuLimit": 8.0,
        "accelerator": {"type": "NVIDIA_TESLA_T4", "count": "2"},
    }
    assert containers["Pusher"]["resources"] == {"cpuLimit": 2.0, "memoryLimit": 8.0}
    for task in spec.root.dag.tasks.values():
        assert task.retry_policy.max_retry_count == 3
        assert not task.caching_options.enable_cache


def test_resources_of_a_component_that_there_is_not(tree: dict[str, Any]) -> None:
    config = load(tree, resources={"Trainr": {"cpu": 2}})
    with pytest.raises(ConfigError, match=r"kubeflow\.resources\.Trainr: there is no such"):
        compile_pipeline(config)


def test_a_claim_mounts_the_bucket_in_every_pod(
    tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEAUTH_BUCKETS", "/buckets")
    path = compile_pipeline(load(tree, volume_claim="photos", baseline="/mnt/baseline"))
    plain, platforms = yaml.safe_load_all(path.read_text())
    spec = json_format.ParseDict(plain, PipelineSpec())
    containers = {
        part.executor_label
        for name, part in spec.components.items()
        if "container" in executors(spec)[name]
    }
    # An importer has no pod of ours.
    assert len(containers) == len(COMPONENTS) - 1
    asked = platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(asked) == containers
    for each in asked.values():
        assert each["pvcMount"] == [{"constant": "photos", "mountPath": "/buckets/bucket"}]
    # What the pods take for the folder of buckets is what the spec's paths begin with.
    for executor in executors(spec).values():
        if "container" in executor:
            variable = {"name": "FACEAUTH_BUCKETS", "value": "/buckets"}
            assert executor["container"]["env"] == [variable]
    kept = spec.root.dag.tasks["PairExampleGen"].inputs.parameters["kept_faces"]
    assert kept.runtime_value.constant.string_value == "gs://bucket/runs/aligned_faces"
    loaded = kfp_components.load_component_from_file(str(path))
    assert list(loaded.platform_spec.platforms) == ["kubernetes"]


def test_a_claim_is_not_mounted_where_the_launcher_writes(
    tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACEAUTH_BUCKETS", raising=False)
    with pytest.raises(ConfigError, match=r"volume_claim is 'photos'.*set FACEAUTH_BUCKETS to"):
        compile_pipeline(load(tree, volume_claim="photos"))


@pytest.mark.parametrize("root", ["/mnt/runs", "runs", "minio://bucket/runs", "s3://bucket", ""])
def test_roots_that_do_not_work_are_refused(tree: dict[str, Any], root: str) -> None:
    with pytest.raises(ConfigError, match=r"kubeflow\.pipeline_root.*give gs://BUCKET/FOLDER"):
        load(tree, pipeline_root=root)


def test_buckets_are_folders_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    assert buckets.mounted("gs://bucket/a/b") == "/gcs/bucket/a/b"
    assert buckets.address_of("/gcs/bucket/a/b") == "gs://bucket/a/b"
    monkeypatch.setenv("FACEAUTH_BUCKETS", "/mnt/gs")
    assert buckets.mounted("gs://bucket") == "/mnt/gs/bucket"
    assert buckets.address_of("/mnt/gs/bucket") == "gs://bucket"
    for other in ("/tmp/report.json", "s3://bucket/a", ""):
        assert buckets.mounted(other) == buckets.address_of(other) == other


class Given(NamedTuple):
    """What a component's executor is started with."""

    uri: str
    values: dict[str, Any]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Given]:
    """What the container gives to an executor; buckets are mounted below ``gs``."""
    monkeypatch.setenv("FACEAUTH_BUCKETS", str(tmp_path / "gs"))

    def start(executor: str, *beam_arguments: str, **values: str) -> Given:
        report = tmp_path / "report.json"
        invocation = {
            "inputs": {"parameterValues": values},
            "outputs": {
                "artifacts": {"images": {"artifacts": [{"uri": "gs://bucket/runs/1/images"}]}},
                "outputFile": str(report),
            },
        }
        seen = []

        def main(given: Any) -> None:
            seen.append(json.loads(given[0].json_serialized_invocation_args))
            report.write_text(json.dumps(seen[0]["outputs"]))

        monkeypatch.setattr(kubeflow_v2_run_executor, "main", main)
        arguments = argparse.Namespace(
            executor_class_path=executor, json_serialized_invocation_args=json.dumps(invocation)
        )
        kubeflow_container.main((arguments, list(beam_arguments)))
        [found] = seen
        [artifact] = found["outputs"]["artifacts"]["images"]["artifacts"]
        [said] = json.loads(report.read_text())["artifacts"]["images"]["artifacts"]
        assert said["uri"] == "gs://bucket/runs/1/images"
        return Given(artifact["uri"], found["inputs"]["parameterValues"])

    return start


BEAM = "components.pair_example_gen.executor.Executor"
PLAIN = "components.decision.executor.DecisionExecutor"
KEPT = "gs://bucket/runs/aligned_faces"


def test_a_bucket_that_is_mounted_is_a_folder(started: Any, tmp_path: Path) -> None:
    (tmp_path / "gs" / "bucket").mkdir(parents=True)
    for executor in (BEAM, PLAIN):
        uri, values = started(executor, kept_faces=KEPT)
        assert uri == str(tmp_path / "gs/bucket/runs/1/images")
        assert values["kept_faces"] == str(tmp_path / "gs/bucket/runs/aligned_faces")


def test_a_bucket_that_is_not_mounted_is_an_address(started: Any) -> None:
    for executor in (BEAM, PLAIN):
        uri, values = started(executor, kept_faces=KEPT)
        assert uri == "gs://bucket/runs/1/images"
        assert values["kept_faces"] == KEPT


def test_what_sends_work_to_dataflow_gets_addresses(started: Any, tmp_path: Path) -> None:
    (tmp_path / "gs" / "bucket").mkdir(parents=True)
    data = DataConfig(images="gs://bucket/photos").model_dump_json()
    given = {"kept_faces": KEPT, "data_config": data, "data__images": "gs://bucket/others"}
    uri, values = started(BEAM, "--runner=DataflowRunner", **given)
    assert (uri, values["kept_faces"]) == ("gs://bucket/runs/1/images", KEPT)
    assert json.loads(values["data_config"])["images"] == "gs://bucket/others"
    # Report has the whole config, in which photos stay where they are, too.
    whole = parse_config(
        {
            "name": "faces",
            "data": {"images": "gs://bucket/photos"},
            "pipeline_root": "gs://bucket/runs",
            "beam": {
                "runner": "dataflow",
                "project": "faces",
                "region": "europe-west4",
                "temp_location": "gs://bucket/temp",
                "image": "me/faceauth:1",
            },
        },
        "test",
        {},
    ).model_dump_json()
    _, values = started(
        PLAIN, "--runner=DataflowRunner", run_config=whole, data__images="gs://bucket/others"
    )
    assert json.loads(values["run_config"])["data"]["images"] == "gs://bucket/others"
    uri, _ = started(PLAIN, "--runner=DataflowRunner")
    assert uri == str(tmp_path / "gs/bucket/runs/1/images")


def test_models_are_not_pushed_into_a_bucket_that_is_not_mounted(
    started: Any, tmp_path: Path
) -> None:
    place = {"filesystem": {"base_directory": f"{tmp_path}/gs/models/faceauth"}}
    with pytest.raises(FileNotFoundError, match=r"models go to .*/gs/models is not there: mount"):
        started(PLAIN, push_destination=json.dumps(place))
    (tmp_path / "gs" / "models").mkdir(parents=True)
    started(PLAIN, push_destination=json.dumps(place))
