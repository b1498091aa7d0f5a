"""The whole config of a run, as one typed object.

A config is a YAML file. Environment variables go over it, because the ``tfx`` command line passes
none of its own arguments on: ``FACEAUTH_CONFIG`` names the file, and
``FACEAUTH__TRAINING__EPOCHS=3`` sets ``training.epochs``. In any text, ``${NAME:-value}`` stands
for an environment variable and its default; the result stays text.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from components.decision.config import DecisionConfig
from components.metrics.fairness import FairnessConfig
from components.metrics.sketch import EXACT_PAIRS
from components.metrics.table import METRICS
from components.pair_example_gen.config import DataConfig
from components.pair_scorer.config import ScoringConfig
from components.report.config import ReportConfig
from components.section import Section, is_text
from components.serving_check.config import ServingCheckConfig
from components.storage import check_address, is_address
from components.trainer.config import TrainingConfig, TuningConfig, remedy, spell_out
from components.trainer.networks.config import DLIB_SIDE
from components.trainer.networks.dlib_weights import PACKAGE
from components.transform.config import ImageConfig
from pipeline.beam import BeamConfig
from pipeline.buckets import address_of, gs_address
from pipeline.errors import CommandError
from pipeline.run_folder import ARTIFACTS, METADATA
from pipeline.spans import SpanError, with_span
from pipeline.yaml_file import Place, YamlError, read_yaml

PROJECT = Path(__file__).resolve().parents[1]
_CONFIGS = PROJECT / "pipeline" / "configs"
DEFAULT_CONFIG = _CONFIGS / "synthetic.yaml"
CONFIG_VARIABLE = "FACEAUTH_CONFIG"
OVERRIDE_PREFIX = "FACEAUTH__"

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class ConfigError(CommandError, ValueError):
    """A config cannot be used; the message says which key, which value and what to do."""


class SyntheticConfig(Section):
    """Draws this data set before the run, unless it is there already."""

    identities: int = Field(300, ge=6, description="How many people.")
    images_per_identity: int = Field(10, ge=2, description="How many pictures of each.")
    size: int = Field(112, ge=32, le=1024, description="Side of a picture, in pixels.")
    seed: int = Field(0, ge=0, description="Another seed draws other people.")


class ValidationConfig(Section):
    """What the data must satisfy before anything is trained on it."""

    stop_on_anomalies: bool = Field(
        True, description="Whether what ExampleValidator finds stops the run, or is only reported."
    )
    min_examples: int = Field(2, ge=1, description="How many images, and pairs, each split needs.")
    attribute_drift: float = Field(
        0.3,
        gt=0,
        le=1,
        description="How far the share of an attribute's value may move, among the images of a "
        "split, since the data of the last blessed model. Numbers have their thresholds in "
        "`schemas/images.pbtxt`.",
    )
    served_photos: str | None = Field(
        None,
        min_length=1,
        description="The CSV file to which those who serve add what photos are like "
        "(`FACEAUTH_SERVED_PHOTOS`). The training photos are compared with them before anything is "
        "trained, by the `skew_comparator`s of `schemas/images.pbtxt`.",
    )
    served_days: int | None = Field(
        None, ge=1, le=36_500, description="Of that file, the last days that count; without, all."
    )

    @model_validator(mode="after")
    def _days_of_something(self) -> "ValidationConfig":
        if self.served_days is not None and self.served_photos is None:
            raise ValueError(
                "served_days are days of the file served_photos, which is not given; give it, or "
                "remove served_days"
            )
        return self


class Threshold(Section):
    """A bound that the candidate must keep to be blessed, over all test pairs or on one slice.

    ``min`` and ``max`` bound the candidate's own value. ``may_worsen_by`` compares it with the
    baseline: 0.02 lets accuracy be 0.02 lower, or EER 0.02 higher; a negative value demands that
    the candidate be better by so much. Without a baseline it is not applied. A metric that is
    undefined on the slice keeps no bound.
    """

    metric: str = Field(description="What is bounded.", json_schema_extra={"enum": list(METRICS)})
    slice: dict[str, str] = Field(
        {},
        description="On which test pairs, by attribute or `pair_set`, such as `{gender: female}`; "
        "`{}` is all of them.",
    )
    min: float | None = Field(None, ge=0, le=1, description="The value must be at least this.")
    max: float | None = Field(None, ge=0, le=1, description="The value must be at most this.")
    may_worsen_by: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="How far the candidate may fall behind the last blessed model.",
    )

    @field_validator("metric")
    @classmethod
    def _is_measured(cls, name: str) -> str:
        if name not in METRICS:
            raise ValueError(f"there is no such metric; use one of {', '.join(METRICS)}")
        return name

    @model_validator(mode="after")
    def _bounds_something(self) -> "Threshold":
        if self.min is None and self.max is None and self.may_worsen_by is None:
            raise ValueError(
                f"the threshold on {self.metric} bounds nothing; give min, max or may_worsen_by"
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(
                f"no {self.metric} is at least {self.min:g} and at most {self.max:g}; "
                "make min no larger than max"
            )
        return self


class EvaluationConfig(Section):
    """What is measured on test pairs, and what blesses a model."""

    thresholds: list[Threshold] = Field(
        [Threshold(metric="auc", min=0.6, may_worsen_by=0.02)],
        min_length=1,
        description="Bounds that a model must keep to be blessed. By default, not much better than "
        "guessing is not good enough, nor is a clear step back.",
    )
    fairness: FairnessConfig = FairnessConfig()
    exact_pairs: int = Field(
        EXACT_PAIRS,
        ge=0,
        description="Up to so many pairs of a slice, every score is kept, 9 bytes each, and "
        "metrics are exact. Of more, a sketch of a few megabytes is, in which a score is known to "
        "0.05 % of its distance from 0 or 1. What the decision alone makes (accuracy, precision, "
        "recall, FMR, FNMR) stays exact.",
    )


class ServingConfig(Section):
    """Where blessed models go, and how they are tried out before.

    ``check`` ``local`` serves the candidate in a process of its own and compares its answers with
    the trained model's. ``infra_validator`` is TFX's: it only loads the candidate (and so runs its
    warm-up requests), but in TensorFlow Serving's container; it needs Docker, and TFX's compiler
    for Kubeflow does not know it. ``none`` pushes what the evaluation blessed.
    """

    model_name: Annotated[
        str,
        is_text(
            "[A-Za-z0-9_][A-Za-z0-9_.-]*",
            "a name of letters, digits and _ . - that starts with a letter, a digit or _; it is a "
            "folder and part of an address",
        ),
    ] = Field(
        "faceauth",
        description="What the model is called by its server and its clients.",
    )
    base_dir: str = Field(
        "serving/models",
        description="Pushed models go to `<base_dir>/<model_name>/<version>`; a relative path "
        "starts at the project's folder.",
    )
    check: Literal["local", "infra_validator", "none"] = Field(
        "local", description="How a blessed model is tried out before it is pushed."
    )
    local_check: ServingCheckConfig = ServingCheckConfig()
    tf_serving_tag: str = Field(
        "2.16.1",
        min_length=1,
        description="Of the image `tensorflow/serving` that `infra_validator` runs.",
    )


class ResourceConfig(Section):
    """What a container of a component gets."""

    cpu: float | None = Field(None, gt=0, description="The most CPUs it may use.")
    memory_gb: float | None = Field(None, gt=0, description="The most memory, in 10⁹ bytes.")
    accelerator: str | None = Field(
        None,
        min_length=1,
        description="The accelerator's type, such as `nvidia.com/gpu`, or `NVIDIA_TESLA_T4` on "
        "Vertex AI.",
    )
    accelerators: int = Field(1, ge=1, description="How many of it.")

    def as_spec(self) -> dict[str, Any]:
        """The resources as a pipeline spec has them."""
        found: dict[str, Any] = {}
        if self.cpu is not None:
            found["cpuLimit"] = self.cpu
        if self.memory_gb is not None:
            found["memoryLimit"] = self.memory_gb
        if self.accelerator is not None:
            found["accelerator"] = {"type": self.accelerator, "count": str(self.accelerators)}
        return found


class KubeflowConfig(Section):
    """Where the pipeline runs when it is compiled for Kubeflow; see ``kubeflow_runner``."""

    image: str = Field(
        min_length=1, description="The container image with this package (`make image`)."
    )
    pipeline_root: Annotated[str, AfterValidator(gs_address)] = Field(
        description="Where artifacts go on Kubeflow, `gs://BUCKET/FOLDER`. Pods that have the "
        "bucket mounted as `/gcs/BUCKET` read and write there: Vertex AI mounts it, elsewhere "
        "Cloud Storage FUSE does. Others copy.",
    )
    volume_claim: (
        Annotated[
            str,
            is_text(
                "[a-z0-9]([a-z0-9.-]*[a-z0-9])?",
                "a name of small letters, digits, - and . that starts and ends with a letter or "
                "digit; give the name of the claim",
            ),
        ]
        | None
    ) = Field(
        None,
        description="The PersistentVolumeClaim of that bucket, which Kubeflow mounts in every pod, "
        "below the folder that `FACEAUTH_BUCKETS` names at compile time. Not for Vertex AI.",
    )
    baseline: str | None = Field(
        None, description="The folder of the Model artifact to compare a candidate with."
    )
    cache: bool = Field(
        True, description="Whether a step with the same inputs takes its earlier outputs."
    )
    retries: int = Field(0, ge=0, le=10, description="How often a step that failed is tried again.")
    resources: dict[str, ResourceConfig] = Field(
        {}, description="By component, such as `Trainer`; `default` is for all others."
    )

    @field_validator("pipeline_root", mode="before")
    @classmethod
    def _is_kept_by_kubeflow(cls, root: Any) -> Any:
        if isinstance(root, str) and not root.startswith("gs://"):
            raise ValueError(
                "Kubeflow and Vertex AI keep artifacts in an object store, and pods see a bucket "
                "of Google's as a folder; give gs://BUCKET/FOLDER"
            )
        return root


class PipelineConfig(Section):
    """A run: which data, which model, which bounds, where to."""

    name: Annotated[
        str,
        is_text(
            "[a-z][a-z0-9_-]*",
            "a name of small letters, digits, - and _ that starts with a letter",
        ),
    ] = Field(
        description="Of the pipeline: its folder in `runs_dir`, and its name in ML Metadata.",
    )
    runs_dir: str = Field(
        "runs",
        description="Where runs leave artifacts, metadata and logs; a relative path starts at the "
        "project's folder.",
    )
    pipeline_root: Annotated[str, AfterValidator(gs_address)] | None = Field(
        None,
        description="An address, `gs://BUCKET/FOLDER`, in which artifacts go to a folder of the "
        "pipeline's name, instead of to `artifacts` below `runs_dir`. Metadata, logs and a copy of "
        "the report stay in `runs_dir`. Kubeflow takes `kubeflow.pipeline_root`.",
    )
    keep_runs: int | None = Field(
        None,
        ge=1,
        description="How many runs stay when one has ended well, beside blessed models; all, if it "
        "is not given. `faceauth clean-runs` does the same at any time.",
    )
    synthetic: SyntheticConfig | None = None
    data: DataConfig
    validation: ValidationConfig = ValidationConfig()
    image: ImageConfig = ImageConfig()
    training: TrainingConfig = TrainingConfig()
    tuning: TuningConfig | None = None
    decision: DecisionConfig = DecisionConfig()
    scoring: ScoringConfig = ScoringConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    report: ReportConfig = ReportConfig()
    serving: ServingConfig = ServingConfig()
    kubeflow: KubeflowConfig | None = None
    beam: BeamConfig = BeamConfig()
    beam_args: list[str] = Field(
        [], description="Further arguments for Beam, such as `--sdk_worker_parallelism=2`."
    )

    @field_validator("runs_dir")
    @classmethod
    def _runs_absolute(cls, value: str) -> str:
        return str(absolute(value))

    @model_validator(mode="after")
    def _input_fits(self) -> "PipelineConfig":
        size, view = self.training.input_size, self.training.resize or self.image.size
        if size is not None and size > view:
            key = "training.resize" if self.training.resize else "image.size"
            raise ValueError(
                f"training.input_size is {size} and {key} {view}; "
                "make the network's input no larger than the image it is cut from"
            )
        return self

    @model_validator(mode="after")
    def _drawn_here(self) -> "PipelineConfig":
        if self.synthetic and is_address(self.data.images):
            raise ValueError(
                f"synthetic draws images into a folder of this machine, and data.images is "
                f"{self.data.images}; give a folder, or remove the section synthetic"
            )
        return self

    @model_validator(mode="after")
    def _workers_see_them(self) -> "PipelineConfig":
        if self.beam.runner != "dataflow":
            return self
        if not is_address(self.data.images):
            there = address_of(self.data.images)
            todo = (
                "copy the photos into a bucket and give gs://BUCKET/FOLDER"
                if there == self.data.images
                else f"give {there}"
            )
            raise ValueError(
                f"beam.runner is dataflow, whose workers see no folder of this machine, and "
                f"data.images is {self.data.images}; {todo}"
            )
        if self.pipeline_root is None and self.kubeflow is None:
            raise ValueError(
                "beam.runner is dataflow, whose workers see no folder of this machine, and "
                "artifacts go to runs_dir; set pipeline_root: gs://BUCKET/FOLDER"
            )
        return self

    @model_validator(mode="after")
    def _network_fits(self) -> "PipelineConfig":
        training = self.training
        side = training.input_size or training.resize or self.image.size
        network = training.network
        if network.name == "dlib_resnet" and side != DLIB_SIDE:
            raise ValueError(
                f"training.network dlib_resnet takes faces of {DLIB_SIDE} px, and here they are "
                f"{side}; set image.size: {DLIB_SIDE}, or training.resize"
            )
        if self.tuning and not training.epochs:
            raise ValueError(
                "tuning tries values by training, and with training.epochs: 0 nothing is trained; "
                "remove the section"
            )
        return self

    @model_validator(mode="after")
    def _tunable(self) -> "PipelineConfig":
        for key, knob in (self.tuning.space if self.tuning else {}).items():
            try:
                for value in knob.values or (knob.min, knob.max):
                    self.training.changed({key: value})
            except ValueError as error:
                raise ValueError(f"tuning.space has {key}: {error}") from None
        return self

    @property
    def root(self) -> Path:
        """All that runs under this name leave behind."""
        return Path(self.runs_dir) / self.name

    @property
    def artifacts(self) -> str:
        """Where artifacts go: a folder, or an address."""
        if self.pipeline_root is None:
            return str(self.root / ARTIFACTS)
        return f"{self.pipeline_root.rstrip('/')}/{self.name}"

    @property
    def kept(self) -> str:
        """Where that goes which is kept from run to run: a folder, or an address."""
        return str(self.root) if self.pipeline_root is None else self.artifacts

    @property
    def metadata_path(self) -> Path:
        """The SQLite file of ML Metadata."""
        return self.root / METADATA

    @property
    def serving_dir(self) -> Path:
        """Where TF Serving looks for the model's versions."""
        return absolute(self.serving.base_dir) / self.serving.model_name


def absolute(path: str | Path) -> Path:
    """A path as the config means it: relative ones start at the project's folder.

    Raises:
      ConfigError: It is an address elsewhere, or of a user that this machine does not know.
    """
    if is_address(path):
        raise ConfigError(
            f"{str(path)!r} is an address and not a path of this machine; copy the files here, "
            "or mount where they lie"
        )
    try:
        return (PROJECT / Path(path).expanduser()).resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise ConfigError(f"{str(path)!r} is no path of this machine: {error}") from None


def _data_path(path: str, key: str) -> str:
    """A path that is read: absolute, or an address that Beam can read."""
    if not is_address(path):
        return str(absolute(path))
    try:
        check_address(path)
    except ValueError as error:
        raise ConfigError(f"{key} is {path!r}: {error}") from None
    return path.rstrip("/")


def _expand(value: Any, environment: Mapping[str, str], place: str) -> Any:
    if isinstance(value, dict):
        return {key: _expand(item, environment, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, environment, place) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = environment.get(name) or default
        if found is None:
            raise ConfigError(
                f"{place.lstrip('.')} is {value!r}, and the environment has no {name}; "
                f"set it, or give a default: ${{{name}:-...}}"
            )
        return found

    return _VARIABLE.sub(replace, value)


def _override(tree: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable, text in sorted(environment.items()):
        if not variable.startswith(OVERRIDE_PREFIX):
            continue
        *sections, key = variable[len(OVERRIDE_PREFIX) :].lower().split("__")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{variable} goes through {section!r}, which is not a section")
        try:
            node[key], _ = read_yaml(text)
        except YamlError as error:
            raise ConfigError(f"{variable} is {text!r}, which cannot be used: {error}") from None


def _origin(key: Place, environment: Mapping[str, str], lines: Mapping[Place, int]) -> str:
    """The variable or the line that a value came from, for a message."""
    for length in range(len(key), 0, -1):
        variable = OVERRIDE_PREFIX + "__".join(map(str, key[:length])).upper()
        if variable in environment:
            return f" (from {variable})"
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return f" (line {lines[key[:length]]})"
    return ""


def _keys(place: Place, tree: Any) -> Place:
    """The keys that lead to a place; pydantic also names the kind of a section that has kinds."""
    keys: list[str | int] = []
    for part in place:
        if keys and isinstance(tree, dict) and part not in tree and part == tree.get("name"):
            continue
        keys.append(part)
        try:
            tree = tree[part]
        except (LookupError, TypeError):
            tree = None
    return tuple(keys)


def _explain(
    error: ValidationError,
    tree: dict[str, Any],
    source: str,
    environment: Mapping[str, str],
    lines: Mapping[Place, int],
) -> str:
    said = []
    for problem in error.errors(include_url=False):
        place = _keys(problem["loc"], tree)
        key = ".".join(map(str, place)) or "(the whole config)"
        key += _origin(place, environment, lines)
        given = problem["input"]
        match problem["type"]:
            case "extra_forbidden":
                keys = [str(part) for part in problem["loc"]]
                known = remedy(keys[1:]) if keys[0] == "training" else None
                todo = known or "remove or rename it"
                what = f"{key}: there is no such key (its value is {given!r}); {todo}"
            case "union_tag_invalid":
                named, known = problem["ctx"]["tag"], problem["ctx"]["expected_tags"]
                what = f"{key}.name: there is no {named!r}; use one of {known}"
            case "union_tag_not_found":
                what = f"{key}: {given!r} has no name; add it"
            case "missing":
                what = f"{key}: missing; add it"
            case _:
                message = problem["msg"].removeprefix("Value error, ")
                shown = f"{given!r}: " if not isinstance(given, dict) else ""
                what = f"{key}: {shown}{message}"
        said.append(f"  {what}")
    return f"{source} cannot be used:\n" + "\n".join(said)


def _beam_preset(name: str, source: str, place: str) -> Any:
    folder = _CONFIGS / "beam"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise ConfigError(
            f"{source} cannot be used:\n  {place}: there is no {name!r}; use a section, or one of "
            f"{', '.join(known)}"
        )
    return read_yaml((folder / f"{name}.yaml").read_bytes())[0]


def parse_config(
    tree: Any,
    source: str,
    environment: Mapping[str, str],
    lines: Mapping[Place, int] = MappingProxyType({}),
) -> PipelineConfig:
    """Checks a config that was read.

    Args:
      tree: What YAML gave.
      source: Where it came from, for messages.
      environment: For ``${NAME}`` and for overrides.
      lines: Where keys stand in the source, for messages.

    Raises:
      ConfigError: An unknown key, a wrong type or an impossible value; all of them are listed.
    """
    if not isinstance(tree, dict):
        raise ConfigError(f"{source} holds {type(tree).__name__}, not sections with keys")
    tree = _expand(tree, environment, "")
    _override(tree, environment)
    if isinstance(tree.get("beam"), str):
        place = f"beam{_origin(('beam',), environment, lines)}"
        tree["beam"] = _expand(_beam_preset(tree["beam"], source, place), environment, "beam")
    training = tree.get("training")
    network = None
    if isinstance(training, dict):
        spell_out(training)
        network = training.get("network")
    if isinstance(network, dict) and network.get("weights") not in (None, "imagenet", PACKAGE):
        network["weights"] = str(absolute(str(network["weights"])))
    validation = tree.get("validation")
    if isinstance(validation, dict) and validation.get("served_photos"):
        place = "validation.served_photos"
        validation["served_photos"] = _data_path(str(validation["served_photos"]), place)
    data = tree.get("data")
    if isinstance(data, dict):
        # Paths mean the same from wherever the run is started.
        for key in ("images", "image_list"):
            if isinstance(data.get(key), str):
                data[key] = _data_path(data[key], f"data.{key}")
        lists = data.get("pair_lists")
        if isinstance(lists, dict):
            for split, paths in lists.items():
                if isinstance(paths, list):
                    lists[split] = [
                        _data_path(path, f"data.pair_lists.{split}")
                        if isinstance(path, str)
                        else path
                        for path in paths
                    ]
        try:
            tree["data"] = with_span(data)
        except SpanError as error:
            raise ConfigError(f"{source} cannot be used:\n  {error}") from None
    try:
        # Strict: epochs of "3" or true are mistakes. As JSON: strict Python wants real tuples.
        return PipelineConfig.model_validate_json(json.dumps(tree, default=str), strict=True)
    except ValidationError as error:
        raise ConfigError(_explain(error, tree, source, environment, lines)) from None


def load_config(
    path: str | Path | None = None, environment: Mapping[str, str] | None = None
) -> PipelineConfig:
    """Reads and checks a config.

    Args:
      path: The YAML file. None takes the one that ``FACEAUTH_CONFIG`` names, or else the default.
      environment: Instead of the process's own.

    Raises:
      ConfigError: The file is missing, not YAML, or not a config.
    """
    environment = os.environ if environment is None else environment
    path = Path(path or environment.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)
    try:
        tree, lines = read_yaml(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"config {path} cannot be read ({error.strerror}); give the path of a YAML file"
        ) from None
    except YamlError as error:
        raise ConfigError(f"config {path} cannot be used: {error}") from None
    return parse_config(tree, str(path), environment, lines)


def ensure_data(config: PipelineConfig) -> None:
    """Draws the synthetic data set that the config asks for, unless it is there already."""
    if config.synthetic is None:
        return
    from data import synthetic

    synthetic.generate(
        config.data.images,
        identities=config.synthetic.identities,
        images_per_identity=config.synthetic.images_per_identity,
        size=config.synthetic.size,
        seed=config.synthetic.seed,
    )
