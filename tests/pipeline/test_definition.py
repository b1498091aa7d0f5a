"""The graph of components, and what a change of config, code or data does to the cache's keys."""

import ast
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from tfx.dsl.compiler.compiler import Compiler
from tfx.proto import infra_validator_pb2
from tfx.proto.orchestration import pipeline_pb2

from components import code_digest
from pipeline import definition
from pipeline.config import PROJECT, ConfigError, PipelineConfig, parse_config
from pipeline.definition import create_pipeline

ORDER = [
    "PairExampleGen",
    "StatisticsGen-images",
    "ImportSchemaGen-images",
    "ExampleValidator-images",
    "DataBefore-images",
    "AnomalyGate-images",
    "StatisticsGen-pairs",
    "ImportSchemaGen-pairs",
    "ExampleValidator-pairs",
    "AnomalyGate-pairs",
    "Transform",
    "Trainer",
    "ValScorer",
    "Decision",
    "Baseline",
    "PairScorer",
    "Evaluator",
    "Report",
    "ServingCheck",
    "Pusher",
]

Tree = dict[str, Any]


def load(tree: Tree, **overrides: str) -> PipelineConfig:
    return parse_config(tree, "test", {f"FACEAUTH__{key}": text for key, text in overrides.items()})


def upstream(config: PipelineConfig, **options: Any) -> dict[str, set[str]]:
    nodes = create_pipeline(config, **options).components
    return {node.id: {other.id for other in node.upstream_nodes} for node in nodes}


def all_before(node: str, graph: Mapping[str, set[str]]) -> set[str]:
    return graph[node].union(*(all_before(other, graph) for other in graph[node]))


def cache_keys(config: PipelineConfig) -> dict[str, tuple[bytes, ...]]:
    """What TFX hashes of each node, besides the artifacts that come in.

    These are the node's id and type, its parameters and its executor; a node that is handed other
    artifacts because one before it ran again has another key anyway.
    """
    proto = Compiler().compile(create_pipeline(config, metadata_path=config.metadata_path))
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    proto.deployment_config.Unpack(deployment)
    keys = {}
    for each in proto.nodes:
        node = each.pipeline_node
        name = node.node_info.id
        parts = (node.node_info, node.parameters, deployment.executor_specs[name])
        keys[name] = tuple(part.SerializeToString(deterministic=True) for part in parts)
    return keys


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    assert before.keys() == after.keys() == set(ORDER)
    return {name for name in before if before[name] != after[name]}


def test_every_component_is_there_in_order(tree: Tree) -> None:
    pipeline = create_pipeline(load(tree))
    assert {node.id for node in pipeline.components} == set(ORDER)
    # TFX sorts the nodes so that each comes after what it needs.
    graph = upstream(load(tree))
    positions = {node.id: place for place, node in enumerate(pipeline.components)}
    assert all(positions[before] < positions[node] for node in graph for before in graph[node])
    assert pipeline.enable_cache
    assert pipeline.pipeline_info.pipeline_name == "faces"
    assert pipeline.pipeline_info.pipeline_root == tree["runs_dir"] + "/faces/artifacts"


def test_nothing_is_prepared_or_trained_before_the_gates_let_it(tree: Tree) -> None:
    graph = upstream(load(tree))
    assert graph["Transform"] == {
        "PairExampleGen",
        "ImportSchemaGen-images",
        "AnomalyGate-images",
    }
    assert graph["Trainer"] == {"PairExampleGen", "Transform", "AnomalyGate-pairs"}
    assert graph["ValScorer"] == {"PairExampleGen", "Trainer"}
    for node in ORDER[ORDER.index("Trainer") :]:
        assert {"AnomalyGate-images", "AnomalyGate-pairs"} <= all_before(node, graph)


def test_only_decision_reads_what_trainer_wrote_but_for_the_distances(tree: Tree) -> None:
    graph = upstream(load(tree))
    assert {node for node in graph if "Trainer" in graph[node]} == {
        "ValScorer",
        "Decision",
        "Report",  # The training's curves.
    }
    assert graph["Decision"] == {"Trainer", "ValScorer"}


def test_nothing_is_pushed_without_two_blessings(tree: Tree) -> None:
    graph = upstream(load(tree))
    assert graph["Pusher"] == {"Decision", "Evaluator", "ServingCheck"}
    assert graph["ServingCheck"] == {"PairExampleGen", "Decision", "PairScorer", "Evaluator"}


def test_how_a_candidate_is_tried_out_can_be_chosen(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = upstream(load(tree, SERVING__CHECK="none"))
    assert without.keys() == set(ORDER) - {"ServingCheck"}
    assert without["Pusher"] == {"Decision", "Evaluator"}

    def specs() -> tuple[infra_validator_pb2.ServingSpec, set[str]]:
        config = load(tree, SERVING__CHECK="infra_validator", SERVING__MODEL_NAME="m")
        [node] = [
            each for each in create_pipeline(config).components if each.id == "InfraValidator"
        ]
        spec = infra_validator_pb2.ServingSpec()
        json_format.Parse(node.exec_properties["serving_spec"], spec)
        return spec, upstream(config)["Pusher"]

    for inside, platform in ((False, "local_docker"), (True, "kubernetes")):
        monkeypatch.setattr(definition.kube_utils, "is_inside_kfp", lambda inside=inside: inside)
        spec, before_push = specs()
        assert spec.WhichOneof("serving_platform") == platform
        assert spec.model_name == "m"
        assert before_push == {"Decision", "Evaluator", "InfraValidator"}
    # The image that serves afterwards.
    compose = PROJECT / "serving" / "tf_serving" / "docker-compose.yaml"
    [tag] = spec.tensorflow_serving.tags
    assert f"image: tensorflow/serving:{tag}\n" in compose.read_text()


def test_the_baseline_is_looked_up_or_imported_or_none(tree: Tree) -> None:
    looked_up = upstream(load(tree))
    assert looked_up["Baseline"] == {"Decision"}
    assert "Baseline" in looked_up["PairScorer"] & looked_up["Evaluator"]
    imported = upstream(load(tree), baseline_uri="/models/7", resolve_baseline=False)
    assert imported["Baseline"] == set()
    assert "Baseline" in imported["PairScorer"] & imported["Evaluator"]
    none = upstream(load(tree), resolve_baseline=False)
    assert none.keys() == set(ORDER) - {"Baseline", "DataBefore-images"}
    assert none["PairScorer"] == {"PairExampleGen", "Decision"}


def test_the_first_weights_are_looked_up_or_imported(tree: Tree) -> None:
    warm = load(tree, TRAINING__WARM_START="true")
    looked_up = upstream(warm)
    # It looks back beyond this run, so that it waits for nothing of it.
    assert looked_up["FirstWeights"] == set()
    assert looked_up["Trainer"] == upstream(load(tree))["Trainer"] | {"FirstWeights"}
    imported = upstream(warm, baseline_uri="/models/7", resolve_baseline=False)
    assert "FirstWeights" in imported["Trainer"]
    with pytest.raises(ConfigError, match=r"warm_start is true, and this orchestrator cannot look"):
        create_pipeline(warm, resolve_baseline=False)


def test_beam_runs_in_the_process_and_arguments_of_the_config_come_last(tree: Tree) -> None:
    ours = [
        "--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner",
        "--sdk_container_image=local",
    ]
    assert create_pipeline(load(tree)).beam_pipeline_args == ours
    given = load(tree, BEAM_ARGS="[--sdk_worker_parallelism=2]")
    assert create_pipeline(given).beam_pipeline_args == [*ours, "--sdk_worker_parallelism=2"]
    processes = load(tree, BEAM__WORKERS="3")
    assert create_pipeline(processes).beam_pipeline_args == [
        *ours,
        "--direct_running_mode=multi_processing",
        "--direct_num_workers=3",
    ]


def test_beam_is_sent_to_a_cluster_by_a_section_or_by_the_name_of_a_preset(tree: Tree) -> None:
    ours = [
        "--runner=PortableRunner",
        "--job_endpoint=localhost:8099",
        "--sdk_container_image=local",
        "--environment_type=EXTERNAL",
        "--environment_config=localhost:50000",
    ]
    assert create_pipeline(load(tree, BEAM="flink")).beam_pipeline_args == ours
    assert create_pipeline(load(tree, BEAM="spark")).beam_pipeline_args == ours
    section = "{runner: flink, job_endpoint: 'jobs:8099', image: 'faceauth:1', workers: 4}"
    assert create_pipeline(load(tree, BEAM=section)).beam_pipeline_args == [
        "--runner=PortableRunner",
        "--job_endpoint=jobs:8099",
        "--sdk_container_image=faceauth:1",
        "--environment_type=DOCKER",
        "--environment_config=faceauth:1",
        "--parallelism=4",
    ]


def test_the_same_definition_has_the_same_keys(tree: Tree) -> None:
    before = cache_keys(load(tree))
    # Neither a file's age nor a file that is no image is in them.
    image = next(Path(tree["data"]["images"]).glob("*/*.jpg"))
    os.utime(image, (0, 0))
    (image.parent / "notes.txt").write_text("not an image")
    assert changed(before, cache_keys(load(tree))) == set()


@pytest.mark.parametrize(
    ("key", "value", "nodes"),
    [
        ("DATA__PAIRS__VAL", "500", {"PairExampleGen"}),
        ("VALIDATION__MIN_EXAMPLES", "3", {"AnomalyGate-images", "AnomalyGate-pairs"}),
        ("IMAGE__SIZE", "48", {"Transform", "Trainer"}),
        ("TRAINING__EPOCHS", "11", {"Trainer"}),
        ("TRAINING__OPTIMIZER__EMA", "0.5", {"Trainer"}),
        ("DECISION__OBJECTIVE", "eer", {"Decision"}),
        ("DECISION__AGED", "[blur]", {"ValScorer", "Decision"}),
        ("DECISION__STRANGERS", "9", {"ValScorer", "Decision"}),
        ("EVALUATION__THRESHOLDS", "[{metric: recall, min: 0.1}]", {"Evaluator"}),
        ("SERVING__MODEL_NAME", "other", {"ServingCheck", "Pusher"}),
        ("SERVING__LOCAL_CHECK__PAIRS", "4", {"ServingCheck"}),
        ("SERVING__BASE_DIR", "/elsewhere", {"Pusher"}),
        # What they keep from run to run lies there.
        ("RUNS_DIR", "{tmp_path}/elsewhere", {"PairExampleGen", "PairScorer"}),
        ("KUBEFLOW", "{image: some, pipeline_root: gs://some}", set()),
    ],
)
def test_a_value_changes_the_keys_of_what_depends_on_it(
    tree: Tree, tmp_path: Path, key: str, value: str, nodes: set[str]
) -> None:
    value = value.replace("{tmp_path}", str(tmp_path))
    # Report shows the whole config.
    nodes = nodes | {"Report"}
    assert changed(cache_keys(load(tree)), cache_keys(load(tree, **{key: value}))) == nodes


def test_one_byte_of_one_image_changes_the_key_of_what_reads_images(tree: Tree) -> None:
    before = cache_keys(load(tree))
    image = sorted(Path(tree["data"]["images"]).glob("*/*.jpg"))[5]
    content = bytearray(image.read_bytes())
    content[-3] ^= 1
    image.write_bytes(content)
    # Everything behind it then reads another artifact.
    assert changed(before, cache_keys(load(tree))) == {"PairExampleGen"}


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's code, of which digests are taken."""
    copy = tmp_path / "code"
    for package in code_digest.PACKAGES:
        for file in (PROJECT / package).rglob("*"):
            if file.suffix in (".py", ".j2", ".css", ".js"):
                target = copy / file.relative_to(PROJECT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    monkeypatch.setattr(code_digest, "PROJECT", copy)
    return copy


@pytest.mark.parametrize(
    ("file", "nodes"),
    [
        ("components/pair_example_gen/sources.py", {"PairExampleGen"}),
        ("components/anomaly_gate/findings.py", {"AnomalyGate-images", "AnomalyGate-pairs"}),
        # The exported model holds Transform's graph, which is an artifact.
        ("components/transform/preprocessing.py", {"Transform"}),
        ("components/transform/config.py", {"Transform", "Trainer"}),
        ("components/trainer/run_fn.py", {"Trainer"}),
        # The exported model finds faces, and who uses it knows how it wants them.
        (
            "faces/alignment.py",
            {
                *("PairExampleGen", "Trainer", "ValScorer", "Decision", "PairScorer", "Report"),
                "ServingCheck",
            },
        ),
        # It is warmed up with drawn faces, which it is asked about before it is pushed.
        ("data/_face_drawing.py", {"Trainer", "ServingCheck"}),
        ("components/val_scorer/executor.py", {"ValScorer"}),
        ("components/val_scorer/embedded_shards.py", {"ValScorer"}),
        ("components/models_at_workers.py", {"ValScorer", "PairScorer"}),
        ("components/val_scorer/ageing.py", {"ValScorer", "Decision", "Report"}),
        ("components/decision/threshold.py", {"Decision", "Report"}),
        ("components/pair_scorer/scoring.py", {"PairScorer"}),
        ("components/pair_scorer/ten_fold.py", set()),
        ("components/serving_check/checks.py", {"ServingCheck"}),
        ("serving/local_server/batching.py", {"ServingCheck"}),
        ("serving/client/client.py", {"ServingCheck"}),
        ("components/metrics/tfma_extractors.py", {"Evaluator"}),
        ("components/metrics/tfma_fairness.py", {"Evaluator"}),
        ("components/metrics/bootstrap.py", {"Decision", "Report"}),
        ("components/metrics/resolution.py", {"ValScorer", "Decision", "Report"}),
        ("components/metrics/roc.py", {"Trainer", "Decision", "Evaluator", "Report"}),
        ("components/evaluator/executor.py", {"Evaluator"}),
        ("components/evaluator/reasons.py", {"Evaluator", "Report"}),
        ("components/report/charts.py", {"Report"}),
        ("components/report/config.py", {"Report"}),
        ("components/report/static/report.css", {"Report"}),
        ("components/report/templates/report.html.j2", {"Report"}),
        ("pipeline/launcher/once.py", set()),
    ],
)
def test_code_changes_the_keys_of_what_runs_it(
    tree: Tree, code: Path, file: str, nodes: set[str]
) -> None:
    before = cache_keys(load(tree))
    with (code / file).open("a") as opened:
        opened.write("# One line more.\n")
    assert changed(before, cache_keys(load(tree))) == nodes


def code_entries(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What the components of a pipeline take digests of."""
    real, taken = code_digest.code_digest, []

    def recorded(*entries: str) -> str:
        taken.append(entries)
        return real(*entries)

    for name, module in list(sys.modules.items()):
        ours = name.startswith(("components.", "pipeline.")) and module is not code_digest
        if ours and getattr(module, "code_digest", None) is real:
            monkeypatch.setattr(module, "code_digest", recorded)
    create_pipeline(config)
    return taken


def test_one_line_in_any_file_of_a_components_code_changes_its_digest(
    tree: Tree, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = code_entries(load({**tree, "tuning": {}}), monkeypatch)
    # All that are ours, AnomalyGate twice; Pusher has a driver of its own.
    assert len(entries) == 12
    for each in set(entries):
        before = code_digest.code_digest(*each)
        for file in code_digest.source_files(*each):
            content = file.read_bytes()
            file.write_bytes(content + b"\n# One line more.\n")
            assert code_digest.code_digest(*each) != before, (each, file)
            file.write_bytes(content)


def named_module(text: object) -> str | None:
    """The module of the project that a text names, itself or with a function in it."""
    if isinstance(text, str) and re.fullmatch(r"\w+(\.\w+)+", text):
        for name in (text, text.rpartition(".")[0]):
            path = PROJECT.joinpath(*name.split("."))
            if "." in name and (path.with_suffix(".py").is_file() or path.is_dir()):
                return name
    return None


def test_what_is_named_in_a_components_code_is_part_of_it(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module whose name stands in the code as text may be started or loaded by it."""
    for each in set(code_entries(load({**tree, "tuning": {}}), monkeypatch)):
        files = set(code_digest.source_files(*each))
        for file in files:
            for node in ast.walk(ast.parse(file.read_bytes() if file.suffix == ".py" else b"")):
                if isinstance(node, ast.Constant) and (name := named_module(node.value)):
                    assert set(code_digest.source_files(name)) <= files, (name, file, each)


def test_a_schema_changes_the_keys_of_what_reads_it(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = {kind: tmp_path / f"{kind}.pbtxt" for kind in ("images", "pairs")}
    for kind, copy in copies.items():
        copy.write_bytes(definition.schemas.path(kind).read_bytes())
    monkeypatch.setattr(definition.schemas, "path", copies.__getitem__)
    before = cache_keys(load(tree))
    with copies["pairs"].open("a") as file:
        file.write("# One line more.\n")
    assert changed(before, cache_keys(load(tree))) == {"ImportSchemaGen-pairs"}
