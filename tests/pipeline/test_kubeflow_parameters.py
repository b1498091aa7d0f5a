"""What is set at submission: in the spec, and merged into what a component is given."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, dsl
from kfp import components as kfp_components
from kfp.dsl.types.type_utils import InconsistentTypeException

from components.trainer.config import TrainingConfig
from data import synthetic
from pipeline.config import ConfigError, parse_config
from pipeline.kubeflow_parameters import merged
from pipeline.kubeflow_runner import compile_pipeline

BOUNDS = [{"metric": "auc", "min": 0.9}, {"metric": "eer", "max": 0.1}]


def compiled(tree: dict[str, Any]) -> Path:
    kubeflow = {"image": "registry/faceauth:1", "pipeline_root": "gs://bucket/runs"}
    return compile_pipeline(parse_config({**tree, "kubeflow": kubeflow}, "test", {}))


def load(tree: dict[str, Any]) -> dict[str, Any]:
    return yaml.safe_load(compiled(tree).read_text())


@pytest.fixture(scope="module")
def spec(shared_tree: dict[str, Any]) -> dict[str, Any]:
    return load(shared_tree)


def root_inputs(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["root"]["inputDefinitions"]["parameters"]


def defaults(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: each["defaultValue"] for name, each in root_inputs(spec).items()}


def takers(spec: dict[str, Any]) -> dict[str, set[str]]:
    """The tasks that each parameter of the pipeline comes to."""
    found: dict[str, set[str]] = {}
    for name, task in spec["root"]["dag"]["tasks"].items():
        for source in task.get("inputs", {}).get("parameters", {}).values():
            if "componentInputParameter" in source:
                found.setdefault(source["componentInputParameter"], set()).add(name)
    return found


def given(spec: dict[str, Any], name: str, **submitted: Any) -> dict[str, Any]:
    """The parameter values of a task, as Kubeflow's driver makes them."""
    values = defaults(spec) | submitted
    return {
        key: values[source["componentInputParameter"]]
        if "componentInputParameter" in source
        else source["runtimeValue"]["constant"]
        for key, source in spec["root"]["dag"]["tasks"][name]["inputs"]["parameters"].items()
    }


def bounds_of(eval_config: str) -> list[tuple[str, dict[str, Any]]]:
    """Each bound in a config of TFMA, with its metric."""
    return [
        (json.loads(metric["config"])["name"], bound["threshold"]["value_threshold"])
        for metric in json.loads(eval_config)["metrics_specs"][0]["metrics"]
        for bound in metric.get("per_slice_thresholds", [])
    ]


def test_the_config_gives_the_defaults(tree: dict[str, Any]) -> None:
    tree["training"] = {"epochs": 7}
    tree["evaluation"] = {"thresholds": BOUNDS}
    spec = load(tree)
    found = defaults(spec)
    assert len(found.pop("data_version")) == 64
    assert json.loads(found.pop("thresholds")) == BOUNDS
    folder = tree["data"]["images"]
    assert found == {"images": folder, "image_list": f"{folder}/images.csv", "epochs": 7}
    types = {name: each["parameterType"] for name, each in root_inputs(spec).items()}
    assert types.pop("epochs") == "NUMBER_INTEGER"
    assert set(types.values()) == {"STRING"}


def test_only_the_tasks_that_need_a_value_take_it(spec: dict[str, Any]) -> None:
    checked = {"AnomalyGate-pairs", "Report"}
    assert takers(spec) == {
        "images": {"PairExampleGen", *checked},
        "image_list": {"PairExampleGen", *checked},
        "data_version": {"PairExampleGen"},
        "epochs": {"Trainer", *checked},
        "thresholds": {"Evaluator", *checked},
    }
    for name, task in spec["root"]["dag"]["tasks"].items():
        taken = task.get("inputs", {}).get("parameters", {})
        definitions = spec["components"][name].get("inputDefinitions", {})
        assert set(taken) == set(definitions.get("parameters", {}))


@pytest.mark.parametrize(
    ("tuning", "takes"), [({"trials": 2}, True), ({"trials": 2, "epochs": 1}, False)]
)
def test_a_tuner_takes_the_epochs_that_it_tries(
    tree: dict[str, Any], tuning: dict[str, Any], takes: bool
) -> None:
    assert ("Tuner" in takers(load({**tree, "tuning": tuning}))["epochs"]) == takes


def test_where_nothing_is_trained_there_are_no_epochs(tree: dict[str, Any]) -> None:
    # dlib's network stays as it is.
    tree["training"] = {"epochs": 0, "network": {"name": "dlib_resnet"}}
    tree["image"] = {"size": 150}
    assert "epochs" not in takers(load(tree))


def test_a_folder_an_identity_needs_no_list(tree: dict[str, Any]) -> None:
    del tree["data"]["image_list"]
    found = takers(load(tree))
    assert "image_list" not in found
    assert "images" in found


def test_kubeflows_own_sdk_takes_the_parameters(tree: dict[str, Any], tmp_path: Path) -> None:
    loaded = kfp_components.load_component_from_file(str(compiled(tree)))
    inputs = loaded.component_spec.inputs
    assert {name: (each.type, each.optional) for name, each in inputs.items()} == {
        "images": ("String", True),
        "image_list": ("String", True),
        "data_version": ("String", True),
        "epochs": ("Integer", True),
        "thresholds": ("String", True),
    }
    # As part of another pipeline, which checks types.
    with pytest.raises(InconsistentTypeException, match="epochs"):
        loaded(epochs="many")

    @dsl.pipeline(name="around")
    def around(epochs: int = 3) -> None:
        loaded(epochs=epochs)

    compiler.Compiler().compile(around, str(tmp_path / "around.yaml"))
    assert (tmp_path / "around.yaml").stat().st_size > compiled(tree).stat().st_size


@pytest.mark.parametrize("name", ["PairExampleGen", "Trainer", "Evaluator", "Report"])
def test_the_defaults_leave_every_property_as_it_was_compiled(
    spec: dict[str, Any], name: str
) -> None:
    values = given(spec, name)
    # What is left are the execution properties: no key of ours.
    properties = {key: value for key, value in values.items() if "__" not in key}
    assert len(properties) < len(values)
    assert merged(values) == properties


def test_what_has_no_parameter_is_left_alone(spec: dict[str, Any]) -> None:
    values = given(spec, "Transform")
    assert merged(values) == values


@pytest.mark.parametrize("epochs", [3, 3.0, "3"])  # Python's, a spec's, the command line's.
def test_epochs_come_to_the_trainer(spec: dict[str, Any], epochs: Any) -> None:
    values = given(spec, "Trainer")
    before = json.loads(values["custom_config"])
    after = json.loads(merged(values | {"training__epochs": epochs})["custom_config"])
    trained = TrainingConfig.model_validate_json(after.pop("training"))
    assert trained == TrainingConfig.model_validate_json(before.pop("training")).changed(
        {"epochs": 3}
    )
    assert after == before


def test_thresholds_come_to_the_evaluator(spec: dict[str, Any]) -> None:
    properties = merged(given(spec, "Evaluator", thresholds=json.dumps(BOUNDS)))
    assert bounds_of(properties["eval_config"]) == [
        ("auc", {"lower_bound": 0.9}),
        ("eer", {"upper_bound": 0.1}),
    ]


def test_the_report_is_told_of_all_that_was_submitted(
    spec: dict[str, Any],
    shared_tree: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.setenv("FACEAUTH_BUCKETS", str(tmp_path))
    submitted = {"epochs": 3, "images": "gs://photos/may", "thresholds": json.dumps(BOUNDS)}
    told = json.loads(merged(given(spec, "Report", **submitted))["run_config"])
    assert told["training"]["epochs"] == 3
    assert told["data"]["images"] == f"{tmp_path}/photos/may"
    # A bucket that no pod has as a folder is read by Beam.
    elsewhere = merged(given(spec, "Report", images="gs://others/may"))["run_config"]
    assert json.loads(elsewhere)["data"]["images"] == "gs://others/may"
    assert told["data"]["image_list"] == shared_tree["data"]["image_list"]
    assert [each["metric"] for each in told["evaluation"]["thresholds"]] == ["auc", "eer"]


def test_another_folder_comes_to_the_first_component(
    spec: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gs" / "photos").mkdir(parents=True)
    monkeypatch.setenv("FACEAUTH_BUCKETS", str(tmp_path / "gs"))
    values = given(spec, "PairExampleGen", images="gs://photos", data_version="2026-11-27")
    properties = merged(values)
    assert json.loads(properties["data_config"])["images"] == str(tmp_path / "gs" / "photos")
    assert properties["fingerprint"] == "2026-11-27"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("epochs", "many", "no JSON.*a whole number"),
        ("epochs", "NaN", "training.epochs: Input should be .*a whole number"),
        ("epochs", 0, "epochs is 0, and network 'residual' is fitted here.*a whole number"),
        ("epochs", 2.5, "training.epochs: Input should be a valid integer.*a whole number"),
        ("epochs", True, "training.epochs: Input should be a valid integer.*a whole number"),
        ("thresholds", "auc > 0.9", "no JSON.*a JSON list"),
        ("thresholds", "[]", "at least 1 item.*a JSON list"),
        ("thresholds", '[{"metric": "auk", "min": 0.9}]', "there is no such metric.*a JSON list"),
        ("thresholds", '[{"metric": "auc", "mni": 0.9}]', r"thresholds\.0\.mni: Extra.*JSON list"),
        pytest.param("thresholds", "[" * 100_000, "no JSON.*a JSON list", id="nested"),
        ("images", "", "it is empty.*the folder of the images"),
        ("images", "a\0b", "is no path of this machine.*the folder of the images"),
        ("images", "s3://photos", "is an address.*the folder of the images"),
        ("images", "/photos/{SPAN}", "looked up when this was compiled.*the folder of the images"),
    ],
)
def test_a_bad_value_is_refused_before_anything_is_trained(
    spec: dict[str, Any], name: str, value: Any, why: str
) -> None:
    with pytest.raises(ConfigError, match=rf"parameter {name} is .*{why}"):
        merged(given(spec, "AnomalyGate-pairs", **{name: value}))


def test_a_bound_on_a_column_that_there_is_not_is_refused_there_too(spec: dict[str, Any]) -> None:
    bound = [{"metric": "auc", "slice": {"shoe_size": "44"}, "min": 0.5}]
    with pytest.raises(ConfigError, match=r"parameter thresholds is .*'shoe_size', and the data"):
        merged(given(spec, "AnomalyGate-pairs", thresholds=json.dumps(bound)))


def test_a_folder_that_is_not_there_is_refused(spec: dict[str, Any], tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(ConfigError, match=r"parameter images is .*missing.* is not a folder"):
        merged(given(spec, "PairExampleGen", images=missing))


def test_the_gate_is_left_its_own_properties(spec: dict[str, Any]) -> None:
    properties = merged(given(spec, "AnomalyGate-pairs", epochs=3))
    assert set(properties) == {
        "allowed_new_columns",
        "attribute_drift",
        "code_digest",
        "min_examples",
        "stop",
    }


def test_other_bytes_in_the_folder_compile_to_another_version(tree: dict[str, Any]) -> None:
    before = defaults(load(tree))["data_version"]
    folder = Path(tree["data"]["images"])
    some = next(folder.rglob("*.jpg"), None) or next(folder.rglob("*.png"))
    some.write_bytes(some.read_bytes() + b"\0")
    assert defaults(load(tree))["data_version"] != before


def test_relative_folders_begin_at_the_project(spec: dict[str, Any]) -> None:
    told = json.loads(merged(given(spec, "Report", images="data"))["run_config"])
    assert told["data"]["images"] == str(Path(synthetic.__file__).parent)
