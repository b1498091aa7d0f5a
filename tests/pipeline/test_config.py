"""The config: what it takes, what it refuses and how it says so."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google_storage import Bucket, environment, served

from components.trainer.losses import Contrastive, Triplet
from pipeline.config import (
    DEFAULT_CONFIG,
    PROJECT,
    ConfigError,
    PipelineConfig,
    ensure_data,
    load_config,
    parse_config,
)

CONFIGS = sorted((PROJECT / "pipeline" / "configs").glob("*.yaml"))


def parse(tree: dict[str, Any], environment: dict[str, str] | None = None) -> PipelineConfig:
    """The smallest config there is, and what a test adds."""
    smallest = {"name": "faces", "data": {"images": "/faces"}}
    return parse_config({**smallest, **tree}, "my.yaml", environment or {})


def refusal(tree: dict[str, Any], environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(tree, environment)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_project_loads(path: Path) -> None:
    config = load_config(path, {"LFW_DIR": "/photos/lfw"})
    assert config.root == PROJECT / "runs" / config.name
    assert config.name == path.stem


def test_the_default_config_is_the_drawn_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEAUTH_CONFIG", raising=False)
    for name in [name for name in os.environ if name.startswith("FACEAUTH__")]:
        monkeypatch.delenv(name)
    assert DEFAULT_CONFIG in CONFIGS
    config = load_config()
    assert (config.name, config.synthetic and config.synthetic.identities) == ("synthetic", 300)


def test_a_variable_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ndata: {images: /faces}\n")
    assert load_config(None, {"FACEAUTH_CONFIG": str(path)}).name == "mine"
    assert load_config(path, {"FACEAUTH_CONFIG": "/nowhere.yaml"}).name == "mine"


DATAFLOW = {
    "runner": "dataflow",
    "project": "faces",
    "region": "europe-west4",
    "temp_location": "gs://bucket/temp",
    "image": "me/faceauth:1",
}


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        (
            {"traning": {"epochs": 3}},
            "traning: there is no such key (its value is {'epochs': 3}); remove or rename it",
        ),
        (
            {"training": {"epoch": 3}},
            "training.epoch: there is no such key (its value is 3); remove or rename it",
        ),
        (
            {"training": {"epochs": -1}},
            "training.epochs: -1: Input should be greater than or equal",
        ),
        ({"training": {"epochs": 0}}, "training: epochs is 0, and network 'residual' is fitted"),
        (
            {"image": {"size": 96}, "training": {"epochs": 0, "network": {"name": "dlib_resnet"}}},
            "dlib_resnet takes faces of 150 px, and here they are 96; set image.size: 150",
        ),
        (
            {
                "image": {"size": 150},
                "training": {"epochs": 0, "network": {"name": "dlib_resnet"}},
                "tuning": {},
            },
            "with training.epochs: 0 nothing is trained; remove the section",
        ),
        ({"training": {"epochs": "3"}}, "training.epochs: '3': Input should be a valid integer"),
        ({"training": {"epochs": True}}, "training.epochs: True: Input should be a valid integer"),
        ({"training": {"epochs": 2.5}}, "training.epochs: 2.5: Input should be a valid integer"),
        ({"training": 3}, "training: 3: Input should be an object"),
        ({"beam_args": "--direct"}, "beam_args: '--direct': Input should be a valid array"),
        (
            {"beam": "storm"},
            "beam: there is no 'storm'; use a section, or one of dataflow, ",
        ),
        (
            {"beam": {"runner": "flink"}},
            "beam: runner flink needs job_endpoint: the address of Beam's job server, such as",
        ),
        (
            {"beam": {"runner": "spark", "job_endpoint": "localhost:8099"}},
            "beam: runner spark needs worker_pool or image, and not both",
        ),
        (
            {"beam": {"job_endpoint": "localhost:8099"}},
            "beam: runner direct takes no job_endpoint, which is for flink and spark; remove it",
        ),
        (
            {"beam": {"runner": "flink", "job_endpoint": "http://jobs:8099", "image": "x"}},
            "beam.job_endpoint: 'http://jobs:8099': this is not a host and a port, such as",
        ),
        (
            {
                "beam": {
                    "runner": "spark",
                    "job_endpoint": "localhost:8099",
                    "worker_pool": "localhost:50000",
                    "workers": 2,
                }
            },
            "beam: runner spark takes no workers: the master that its job server was given decides",
        ),
        (
            {"beam": {**DATAFLOW, "region": "europe-west4-a"}},
            "beam.region: 'europe-west4-a': this is not a region of Google Cloud, such as europe-",
        ),
        (
            {"beam": {**DATAFLOW, "project": "My Faces"}},
            "beam.project: 'My Faces': this is not the ID of a project of Google Cloud, such as",
        ),
        (
            {"beam": {"runner": "dataflow", "project": "faces", "region": "europe-west4"}},
            "beam: runner dataflow needs temp_location: where it keeps its own files, gs://BUCKET",
        ),
        (
            {"beam": {"runner": "flink", "job_endpoint": "localhost:8099", "project": "faces"}},
            "beam: runner flink takes no project, which is for dataflow; remove it",
        ),
        (
            {"beam": {**DATAFLOW, "worker_pool": "localhost:50000"}},
            "beam: runner dataflow takes no worker_pool, which is for flink and spark; remove it",
        ),
        (
            {"beam": {**DATAFLOW, "region": "Belgium"}},
            "beam.region: 'Belgium': this is not a region",
        ),
        (
            {"beam": DATAFLOW, "pipeline_root": "gs://bucket/runs"},
            "workers see no folder of this machine, and data.images is /faces; copy the photos",
        ),
        (
            {"beam": DATAFLOW, "data": {"images": "gs://bucket/photos"}},
            "and artifacts go to runs_dir; set pipeline_root: gs://BUCKET/FOLDER",
        ),
        (
            {"pipeline_root": "/mnt/bucket"},
            "pipeline_root: '/mnt/bucket': this is no address that TensorFlow, TFX and Beam all",
        ),
        (
            {"pipeline_root": "gs://bucket/../other"},
            "pipeline_root: 'gs://bucket/../other': this is no address that",
        ),
        (
            {"beam": {**DATAFLOW, "temp_location": "/tmp"}},
            "beam.temp_location: '/tmp': this is no address that TensorFlow, TFX and Beam all know",
        ),
        (
            {
                "beam": DATAFLOW,
                "data": {"images": "/gcs/bucket/photos"},
                "pipeline_root": "gs://b1",
            },
            "and data.images is /gcs/bucket/photos; give gs://bucket/photos",
        ),
        (
            {"validation": {"served_days": 30}},
            "validation: served_days are days of the file served_photos, which is not given;",
        ),
        ({"name": 7}, "name: 7: Input should be a valid string"),
        (
            {"name": "My Faces"},
            "name: 'My Faces': this is not a name of small letters, digits, - and _",
        ),
        (
            {"training": {"loss": {"name": "tripled"}}},
            "training.loss.name: there is no 'tripled'; use one of 'arcface', 'binary', 'contrast",
        ),
        (
            {"training": {"loss": {"margin": 0.5}}},
            "training.loss: {'margin': 0.5} has no name; add it",
        ),
        (
            {"training": {"loss": {"name": "triplet", "margin": -1}}},
            "training.loss.margin: -1: Input should be greater than 0",
        ),
        (
            {"training": {"loss": {"name": "triplet", "temperature": 0.1}}},
            "training.loss.temperature: there is no such key (its value is 0.1); remove it; loss "
            "triplet takes margin, mining (temperature is for supcon)",
        ),
        (
            {"training": {"loss": {"name": "binary", "margin": 0.5}}},
            "remove it; loss binary takes no key beside name (margin is for arcface, contrastive,",
        ),
        (
            {"training": {"paradigm": "triplet"}},
            "training.paradigm: there is no such key (its value is 'triplet'); it is now loss.name",
        ),
        (
            {"training": {"lookalikes": 3}},
            "training.lookalikes: there is no such key (its value is 3); it is now hard_negative_",
        ),
        ({"data": {}}, "data.images: missing; add it"),
        (
            {"training": {"loss": "triplet", "sampler": "pairs"}},
            "training: sampler 'pairs' does not feed loss 'triplet'; use identities",
        ),
        ({"image": {"size": 32}, "training": {"input_size": 40}}, "training.input_size is 40 and"),
        (
            {"evaluation": {"thresholds": []}},
            "evaluation.thresholds: []: List should have at",
        ),
        (
            {"evaluation": {"thresholds": [{"metric": "accuracy", "min": 0.5}]}},
            "evaluation.thresholds.0.metric: 'accuracy': there is no such metric; use one of "
            "binary_accuracy, precision, recall, auc, eer,",
        ),
        (
            {"data": {"images": "/faces", "pair_lists": {"test": ["/a/p.csv", "/b/p.csv"]}}},
            "data.pair_lists: '/b/p.csv' in test would give the pair set 'p', which is taken;",
        ),
        (
            {"evaluation": {"thresholds": [{"metric": "auc"}]}},
            "evaluation.thresholds.0: the threshold on auc bounds nothing; give min, max or",
        ),
        (
            {"evaluation": {"thresholds": [{"metric": "auc", "min": 0.9, "max": 0.2}]}},
            "evaluation.thresholds.0: no auc is at least 0.9 and at most 0.2; make min no larger",
        ),
        (
            {"evaluation": {"thresholds": [{"metric": "auc", "slice": {"old": True}, "min": 0}]}},
            "evaluation.thresholds.0.slice.old: True: Input should be a valid string",
        ),
    ],
)
def test_what_cannot_be_used_is_named_with_its_key_and_value(
    tree: dict[str, Any], line: str
) -> None:
    first, *others = refusal(tree)
    assert first == "my.yaml cannot be used:"
    assert any(line in other for other in others), others


def test_all_mistakes_are_listed_at_once() -> None:
    loss = {"name": "contrastive", "margin": -1}
    lines = refusal({"training": {"epochs": -1, "loss": loss}, "extra": 1})
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "training.loss.margin",
        "training.epochs",
        "extra",
    ]


def test_numbers_without_a_fraction_serve_as_floats_and_lists_as_tuples() -> None:
    loss = {"name": "contrastive", "margin": 2}
    config = parse({"training": {"loss": loss}, "image": {"crop": [0, 0, 1, 1]}})
    assert config.training.loss == Contrastive(margin=2.0)
    assert config.image.crop == (0.0, 0.0, 1.0, 1.0)


def test_a_loss_is_a_section_or_a_name_alone() -> None:
    for loss in ("triplet", {"name": "triplet"}):
        config = parse({"training": {"loss": loss, "sampler": "identities"}})
        assert config.training.loss == Triplet(margin=0.2, mining="semi_hard")
    named = {"FACEAUTH__TRAINING__LOSS": "triplet", "FACEAUTH__TRAINING__SAMPLER": "identities"}
    loss = {"name": "arcface", "scale": 10.0}
    assert parse({"training": {"loss": loss}}, named).training.loss == Triplet()
    variable = "FACEAUTH__TRAINING__LOSS__MARGIN"
    assert refusal({"training": {"loss": loss}}, {variable: "0"})[1] == (
        f"  training.loss.margin (from {variable}): 0: Input should be greater than 0"
    )


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("2E-1", 0.2), ("+1.e-2", 0.01), ("1.5e-1", 0.15)]
)
def test_numbers_with_an_exponent_are_numbers(tmp_path: Path, text: str, value: float) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"name: mine\ndata: {{images: /f}}\ntraining: {{optimizer: {{learning_rate: {text}}}}}\n"
    )
    assert load_config(path, {}).training.optimizer.learning_rate == value


def test_a_config_does_not_change_once_loaded() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse({}).training.epochs = 5  # type: ignore[misc]


def test_variables_override_values_of_any_depth() -> None:
    config = parse(
        {"training": {"epochs": 7, "steps_per_epoch": 9}},
        {
            "FACEAUTH__TRAINING__EPOCHS": "3",
            "FACEAUTH__TRAINING__STEPS_PER_EPOCH": "null",
            "FACEAUTH__TRAINING__OPTIMIZER__LEARNING_RATE": "1e-2",
            "FACEAUTH__IMAGE__CROP": "[0.1, 0.1, 0.9, 0.9]",
            "FACEAUTH__EVALUATION__THRESHOLDS": "[{metric: recall, min: 0.25}]",
            "FACEAUTH__SYNTHETIC__SEED": "5",
            "FACEAUTH_CONFIG": "/is/not/an/override.yaml",
            "TRAINING__EPOCHS": "99",
        },
    )
    assert config.training.epochs == 3
    assert config.training.steps_per_epoch is None
    assert config.training.optimizer.learning_rate == 0.01
    assert config.image.crop == (0.1, 0.1, 0.9, 0.9)
    assert [bound.metric for bound in config.evaluation.thresholds] == ["recall"]
    assert config.synthetic is not None
    assert config.synthetic.seed == 5


def test_a_bad_override_is_named_with_its_variable() -> None:
    variable = "FACEAUTH__TRAINING__EPOCHS"
    assert refusal({}, {variable: "none"})[1] == (
        f"  training.epochs (from {variable}): 'none': Input should be a valid integer"
    )
    whole = "FACEAUTH__EVALUATION__THRESHOLDS"
    bounds_nothing = refusal({}, {whole: "[{metric: auc}]"})[1]
    assert f"evaluation.thresholds.0 (from {whole}): the threshold on auc" in bounds_nothing
    assert (
        "training.epok (from FACEAUTH__TRAINING__EPOK): there is no such key"
        in (refusal({}, {"FACEAUTH__TRAINING__EPOK": "1"})[1])
    )
    assert refusal({}, {variable: "[3"})[0] == (
        f"{variable} is '[3', which cannot be used: it is not YAML: while parsing a flow sequence"
    )
    assert refusal({}, {"FACEAUTH__NAME__LONG": "x"}) == [
        "FACEAUTH__NAME__LONG goes through 'name', which is not a section"
    ]


@pytest.mark.parametrize(
    ("environment", "images"),
    [
        ({}, "/photos/lfw/images"),
        ({"FACES": ""}, "/photos/lfw/images"),
        ({"FACES": "/mine"}, "/mine/images"),
    ],
)
def test_texts_take_variables_with_defaults(environment: dict[str, str], images: str) -> None:
    tree = {"data": {"images": "${FACES:-/photos/lfw}/images"}}
    assert parse(tree, environment).data.images == images


def test_variables_stand_in_lists_too_and_a_default_may_be_empty() -> None:
    lists = {"test": ["${DIR}/a.csv", "/b${SUFFIX:-}.csv"]}
    config = parse({"data": {"images": "/faces", "pair_lists": lists}}, {"DIR": "/lists"})
    assert config.data.pair_lists.test == ("/lists/a.csv", "/b.csv")


def test_a_variable_that_is_not_set_has_to_have_a_default() -> None:
    assert refusal({"data": {"images": "${FACES}/images"}}) == [
        "data.images is '${FACES}/images', and the environment has no FACES; "
        "set it, or give a default: ${FACES:-...}"
    ]


def test_relative_paths_start_at_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = parse(
        {
            "data": {
                "images": "data/mine",
                "image_list": "/lists/../images.csv",
                "pair_lists": {"test": ["pairs.csv", "~/more.txt"]},
            }
        }
    )
    assert config.data.images == str(PROJECT / "data" / "mine")
    assert config.data.image_list == "/images.csv"
    assert config.data.pair_lists.test == (
        str(PROJECT / "pairs.csv"),
        str(Path.home() / "more.txt"),
    )
    assert config.root == PROJECT / "runs" / "faces"
    assert config.artifacts == str(PROJECT / "runs" / "faces" / "artifacts")
    assert config.kept == str(PROJECT / "runs" / "faces")
    assert config.metadata_path == PROJECT / "runs" / "faces" / "metadata.sqlite"
    assert config.serving_dir == PROJECT / "serving" / "models" / "faceauth"


def test_artifacts_may_go_to_an_address() -> None:
    config = parse({"pipeline_root": "gs://bucket/runs/"})
    assert config.artifacts == config.kept == "gs://bucket/runs/faces"
    # What is written all the time stays here.
    assert config.metadata_path == PROJECT / "runs" / "faces" / "metadata.sqlite"


def test_the_arguments_for_dataflow_are_what_beam_wants_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions, WorkerOptions
    from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
    from apache_beam.runners.dataflow import DataflowRunner

    tree = {
        "beam": {**DATAFLOW, "workers": 40},
        "data": {"images": "gs://bucket/photos"},
        "pipeline_root": "gs://bucket/runs",
    }
    options = PipelineOptions(parse(tree).beam.arguments)
    with served(Bucket("bucket")) as address:
        for name, value in environment(address, tmp_path / "none").items():
            monkeypatch.setenv(name, value)
        assert PipelineOptionsValidator(options, DataflowRunner()).validate() == []
    workers = options.view_as(WorkerOptions)
    assert (workers.max_num_workers, workers.sdk_container_image) == (40, "me/faceauth:1")


def test_an_overridden_path_is_relative_to_the_project_too() -> None:
    config = parse({}, {"FACEAUTH__DATA__IMAGES": "elsewhere", "FACEAUTH__RUNS_DIR": "/tmp/x"})
    assert config.data.images == str(PROJECT / "elsewhere")
    assert config.root == Path("/tmp/x/faces")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory); give the path of a YAML file"),
        (b"name: [a\n", "cannot be used: it is not YAML: while parsing a flow sequence"),
        (b"name: \xff\n", "cannot be used: it is not YAML: "),
        (b"name: a\nname: b\n", "line 2: name stands twice, first on line 1; remove one"),
        (b"", "holds NoneType, not sections with keys"),
        (b"- name\n", "holds list, not sections with keys"),
    ],
)
def test_a_file_that_is_no_config(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "broken.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_data_is_drawn_only_where_the_config_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data import synthetic

    calls: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(
        synthetic, "generate", lambda folder, **numbers: calls.append((folder, numbers))
    )
    ensure_data(parse({}))
    assert calls == []
    drawn = {"identities": 6, "images_per_identity": 2, "size": 32, "seed": 4}
    ensure_data(parse({"synthetic": drawn, "data": {"images": str(tmp_path)}}))
    assert calls == [(str(tmp_path), drawn)]


def test_reading_a_config_waits_for_no_heavy_package() -> None:
    code = (
        "import sys, pipeline.config; "
        "print({'tensorflow', 'tfx', 'apache_beam', 'keras'} & set(sys.modules) or 'none')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "none\n"


def test_a_message_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ndata:\n  images: /f\ntraining:\n  epochs: -1\n  weight: [1]\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    _, *lines = str(caught.value).splitlines()
    assert lines[0].startswith("  training.epochs (line 5): -1: Input should be greater")
    assert lines[1].startswith("  training.weight (line 6): there is no such key")
    with pytest.raises(ConfigError, match=r"epochs \(from FACEAUTH__TRAINING__EPOCHS\): -2"):
        load_config(path, {"FACEAUTH__TRAINING__EPOCHS": "-2"})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"data": {"images": "~nosuchuser/x"}}, "'~nosuchuser/x' is no path of this machine"),
        ({"runs_dir": "gs://bucket/x"}, "'gs://bucket/x' is an address and not a path"),
        ({"training": {"optimizer": {"learning_rate": math.inf}}}, "should be a finite number"),
        (
            {"serving": {"model_name": ".."}},
            "serving.model_name: '..': this is not a name of letters",
        ),
    ],
)
def test_paths_and_numbers_that_lead_nowhere(tree: dict[str, Any], message: str) -> None:
    assert message in "\n".join(refusal(tree))
