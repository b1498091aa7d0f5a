"""What is set when a compiled pipeline is submitted: its parameters, from the spec to a component.

TFX's own ``RuntimeParameter`` stands for a whole execution property, and ours are whole sections as
JSON. So a parameter comes to a task as one more input, named as the variable that overrides the key
(``training__epochs``), and what starts in the container merges it into the section.

Kubeflow's cache takes a task's inputs for its key: another value is another key, for the tasks that
take it and all that come after them, and no other.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from tfx.utils import json_utils, proto_utils

from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.sources import attribute_names
from components.section import Section
from components.storage import is_address
from components.trainer.config import TrainingConfig
from pipeline.buckets import SCHEME, as_folder
from pipeline.config import ConfigError, EvaluationConfig, PipelineConfig, absolute
from pipeline.evaluation import build_eval_config
from pipeline.spans import PLACEHOLDER

_AnySection = TypeVar("_AnySection", bound=Section)


@dataclass(frozen=True)
class Parameter:
    """A value of the config that is set at submission.

    Attributes:
      name: At submission.
      section: Of the config.
      key: In the section.
      type: As a spec names it.
      wanted: What to give, for people.
    """

    name: str
    section: str
    key: str
    type: str
    wanted: str

    @property
    def task_input(self) -> str:
        """Its name among a task's inputs."""
        return f"{self.section}__{self.key}"

    def refused(self, value: Any, why: str) -> ConfigError:
        """The error of a value that cannot be used."""
        return ConfigError(
            f"parameter {self.name} is {value!r}, which cannot be used: {why}; submit the run "
            f"again with {self.wanted}"
        )

    def read(self, value: Any, folders: bool = True) -> Any:
        """A value as a config's file would have it.

        Args:
          value: As it was submitted.
          folders: Whether the address of a bucket that is mounted here becomes a path.

        Raises:
          ConfigError: It is none.
        """
        if self.section == "data":
            if not value:
                raise self.refused(value, "it is empty")
            if PLACEHOLDER in str(value):
                raise self.refused(value, f"{PLACEHOLDER} was looked up when this was compiled")
            place = as_folder(str(value)) if folders else str(value)
            if place.startswith(SCHEME):
                return place  # which Beam reads
            try:
                return str(absolute(place))
            except ConfigError as error:
                raise self.refused(value, str(error)) from None
        if isinstance(value, str):
            # Kubeflow's command line passes numbers as texts, too.
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise self.refused(value, f"it is no JSON ({error})") from None
        # A spec knows no whole numbers.
        return int(value) if isinstance(value, float) and value.is_integer() else value


IMAGES: Final = Parameter(
    "images", "data", "images", "STRING", "the folder of the images, gs://BUCKET/FOLDER or a path"
)
THRESHOLDS: Final = Parameter(
    "thresholds",
    "evaluation",
    "thresholds",
    "STRING",
    'a JSON list of bounds, such as [{"metric": "auc", "min": 0.9}]',
)
PARAMETERS: Final = (
    IMAGES,
    Parameter(
        "image_list",
        "data",
        "image_list",
        "STRING",
        "the CSV file that lists the images, with the columns of the one that was compiled",
    ),
    Parameter(
        "epochs", "training", "epochs", "NUMBER_INTEGER", "a whole number of epochs, 1 or more"
    ),
    THRESHOLDS,
)

# Not of the config: the bytes of the data are in no other input of a task.
DATA_VERSION: Final = "data_version"
_DATA_VERSION_MEANS: Final = (
    "any text; another one reads the data again, which have changed where they lie. By default the "
    "digest of what was there when this was compiled"
)

# Before anything is trained. Trainer and Tuner wait for it and take nothing from it, so that to run
# it again costs no training.
_CHECKS: Final = "AnomalyGate-pairs"

# What these tasks are given of the config, since their own properties do not hold it.
_WHOLE: Final = "config__whole"
_EVALUATION: Final = "config__evaluation"
_ATTRIBUTES: Final = "config__attributes"
# Properties that say where something is kept from run to run.
_KEPT: Final = ("kept_faces", "kept_embeddings")
_OURS: Final = frozenset(
    (_WHOLE, _EVALUATION, _ATTRIBUTES, *(each.task_input for each in PARAMETERS))
)


def add_parameters(spec: dict[str, Any], config: PipelineConfig) -> None:
    """Gives a compiled spec its parameters, with the config's values as defaults.

    Args:
      spec: Changed in place.
      config: What it was compiled from.
    """
    root = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    tree = config.model_dump(mode="json")
    for parameter in PARAMETERS:
        value = tree[parameter.section][parameter.key]
        if not value:
            continue  # No list, or nothing to train.
        if parameter.section == "evaluation":
            bounds = config.evaluation.thresholds
            value = json.dumps([each.model_dump(exclude_defaults=True) for each in bounds])
        root[parameter.name] = _root_input(parameter.type, value, parameter.wanted)
        for task in _takers(parameter, config):
            source = {"componentInputParameter": parameter.name}
            _add_input(spec, task, parameter.task_input, parameter.type, source)

    # The executor passes over the fingerprint, which is there for the cache alone: of what the
    # folder held when this was compiled. Another folder misses the cache by its path, whatever
    # stands here. Other photos in the same folder do not, until this is compiled again or another
    # version is submitted.
    inputs = spec["root"]["dag"]["tasks"]["PairExampleGen"]["inputs"]["parameters"]
    compiled = inputs["fingerprint"]["runtimeValue"]["constant"]
    root[DATA_VERSION] = _root_input("STRING", compiled, _DATA_VERSION_MEANS)
    inputs["fingerprint"] = {"componentInputParameter": DATA_VERSION}

    attributes = json.dumps(attribute_names(config.data))
    for task, name, text in (
        ("Evaluator", _EVALUATION, config.evaluation.model_dump_json()),
        ("Evaluator", _ATTRIBUTES, attributes),
        (_CHECKS, _WHOLE, config.model_dump_json()),
        (_CHECKS, _ATTRIBUTES, attributes),
    ):
        _add_input(spec, task, name, "STRING", {"runtimeValue": {"constant": text}})


def _takers(parameter: Parameter, config: PipelineConfig) -> list[str]:
    """The tasks whose properties hold a value."""
    match parameter.section:
        case "data":
            tasks = ["PairExampleGen"]
        case "training":
            tunes = config.tuning is not None and config.tuning.epochs is None
            tasks = ["Tuner", "Trainer"] if tunes else ["Trainer"]
        case _:
            tasks = ["Evaluator"]
    return [*tasks, "Report", _CHECKS]


def _root_input(kind: str, value: Any, wanted: str) -> dict[str, Any]:
    return {
        "parameterType": kind,
        "defaultValue": value,
        "isOptional": True,
        "description": wanted,
    }


def _add_input(
    spec: dict[str, Any], task: str, name: str, kind: str, source: dict[str, Any]
) -> None:
    inputs = spec["root"]["dag"]["tasks"][task].setdefault("inputs", {})
    inputs.setdefault("parameters", {})[name] = source
    definitions = spec["components"][task].setdefault("inputDefinitions", {})
    definitions.setdefault("parameters", {})[name] = {"parameterType": kind}


def merged(values: dict[str, Any], folders: bool = True) -> dict[str, Any]:
    """A task's parameter values as its executor takes them, with what was submitted in them.

    Args:
      values: By name.
      folders: Whether addresses of buckets that are mounted here become paths; not where Dataflow
        works, whose machines have none mounted.

    Raises:
      ConfigError: A value cannot be used.
    """
    found = {name: value for name, value in values.items() if name not in _OURS}
    if folders:
        found |= {name: as_folder(found[name]) for name in _KEPT if name in found}
    given = [(each, values[each.task_input]) for each in PARAMETERS if each.task_input in values]
    if not given:
        return found
    if "data_config" in found:
        data = _changed(DataConfig, found["data_config"], given, folders)
        _check_folder(data, given)
        found["data_config"] = data.model_dump_json()
    if "custom_config" in found:
        sections = json_utils.loads(found["custom_config"])
        training = _changed(TrainingConfig, sections["training"], given)
        sections["training"] = training.model_dump_json()
        found["custom_config"] = json_utils.dumps(sections)
    if "eval_config" in found:
        section = _changed(EvaluationConfig, values[_EVALUATION], given)
        found["eval_config"] = _eval_config(section, values)
    if "run_config" in found:
        whole = _changed(PipelineConfig, found["run_config"], given, folders)
        found["run_config"] = whole.model_dump_json()
    if _WHOLE in values:
        whole = _changed(PipelineConfig, values[_WHOLE], given, folders)
        _eval_config(whole.evaluation, values)
    return found


def _changed(
    section: type[_AnySection],
    text: str,
    given: Iterable[tuple[Parameter, Any]],
    folders: bool = True,
) -> _AnySection:
    """A section, or the whole config, with what was submitted; one by one, to know which is bad."""
    changed = section.model_validate_json(text, strict=True)
    for parameter, value in given:
        tree = changed.model_dump(mode="json")
        node = tree[parameter.section] if section is PipelineConfig else tree
        node[parameter.key] = parameter.read(value, folders)
        try:
            changed = section.model_validate_json(json.dumps(tree), strict=True)
        except ValidationError as error:
            raise parameter.refused(value, _said(error)) from None
    return changed


def _eval_config(section: EvaluationConfig, values: dict[str, Any]) -> str:
    """TFMA's config, as a component has it."""
    try:
        proto = build_eval_config(section, json.loads(values[_ATTRIBUTES]))
    except ConfigError as error:
        raise THRESHOLDS.refused(values[THRESHOLDS.task_input], str(error)) from None
    return proto_utils.proto_to_json(proto)


def _said(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False):
        place = ".".join(map(str, problem["loc"]))
        said = problem["msg"].removeprefix("Value error, ")
        problems.append(f"{place}: {said}" if place else said)
    return "; ".join(problems)


def _check_folder(data: DataConfig, given: Iterable[tuple[Parameter, Any]]) -> None:
    for parameter, value in given:
        here = not is_address(data.images)
        if parameter is IMAGES and here and not Path(data.images).is_dir():
            raise parameter.refused(value, f"{data.images} is not a folder in this container")
