"""The Trainer component: TFX's, with one more input, the pairs."""

import hashlib
from pathlib import Path

from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts
from tfx.types.standard_component_specs import TrainerSpec, TunerSpec
from tfx.utils import json_utils

from components import features
from components.code_digest import code_digest, started_by
from components.trainer.config import TrainingConfig, TuningConfig
from components.trainer.executor import SiameseTrainerExecutor, SiameseTunerExecutor
from components.trainer.networks.dlib_weights import network_file
from components.trainer.workers.launch import COMMAND
from components.transform.config import ImageConfig

RUN_FN = "components.trainer.run_fn.run_fn"
TUNER_FN = "components.trainer.fitting.tuning.tuner_fn"


class SiameseTrainerSpec(component_spec.ComponentSpec):
    """TrainerSpec and the input ``pairs``."""

    PARAMETERS = TrainerSpec.PARAMETERS
    INPUTS = {
        **TrainerSpec.INPUTS,
        "pairs": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = TrainerSpec.OUTPUTS


def weights_digest(training: TrainingConfig) -> str | None:
    """16 hex digits of a network's file or folder of weights, for the cache; None without one.

    Raises:
      FileNotFoundError: The network is ``dlib_resnet``, and its file is missing.
    """
    network = training.network
    path = Path(network.weights or "").expanduser()
    if network.name == "dlib_resnet":
        path = network_file(network.weights)
    elif network.weights is None:
        return None
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        digest.update(str(file.relative_to(path)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


class SiameseTrainer(base_component.BaseComponent):
    """Fits a Siamese model on images and pairs, and exports it without a decision.

    Args:
      examples: Transform's images.
      pairs: Pairs by image id.
      transform_graph: Goes into the exported model.
      training: The training section.
      image: The image section.
      align: How faces were aligned, ``data.align``; the model carries it.
      hyperparameters: From a Tuner; optional.
      base_model: The training begins with its network's weights; optional.
    """

    SPEC_CLASS = SiameseTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(SiameseTrainerExecutor)

    def __init__(
        self,
        examples: BaseChannel,
        pairs: BaseChannel,
        transform_graph: BaseChannel,
        training: TrainingConfig,
        image: ImageConfig,
        align: str,
        hyperparameters: BaseChannel | None = None,
        base_model: BaseChannel | None = None,
    ):
        spec = SiameseTrainerSpec(
            examples=examples,
            pairs=pairs,
            transform_graph=transform_graph,
            hyperparameters=hyperparameters,
            base_model=base_model,
            run_fn=RUN_FN,
            train_args=trainer_pb2.TrainArgs(splits=[features.TRAIN]),
            eval_args=trainer_pb2.EvalArgs(splits=[features.VAL]),
            custom_config=json_utils.dumps(
                {
                    "training": training.model_dump_json(),
                    "image": image.model_dump_json(),
                    "align": align,
                    "code_digest": code_digest(
                        SiameseTrainerExecutor.__module__, RUN_FN, *started_by(COMMAND)
                    ),
                    "weights_digest": weights_digest(training),
                }
            ),
            model=Channel(type=standard_artifacts.Model),
            model_run=Channel(type=standard_artifacts.ModelRun),
        )
        super().__init__(spec=spec)


class SiameseTunerSpec(component_spec.ComponentSpec):
    """TunerSpec and the input ``pairs``."""

    PARAMETERS = TunerSpec.PARAMETERS
    INPUTS = {
        **TunerSpec.INPUTS,
        "pairs": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = TunerSpec.OUTPUTS


class SiameseTuner(base_component.BaseComponent):
    """Searches values of the training section for a lower val EER, by short trainings.

    Its output ``best_hyperparameters`` goes into ``SiameseTrainer``.

    Args:
      examples: Transform's images.
      pairs: Pairs by image id.
      training: The training section; values that are not searched stay as they are.
      tuning: The tuning section.
      image: The image section.
    """

    SPEC_CLASS = SiameseTunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(SiameseTunerExecutor)

    def __init__(
        self,
        examples: BaseChannel,
        pairs: BaseChannel,
        training: TrainingConfig,
        tuning: TuningConfig,
        image: ImageConfig,
    ):
        spec = SiameseTunerSpec(
            examples=examples,
            pairs=pairs,
            tuner_fn=TUNER_FN,
            train_args=trainer_pb2.TrainArgs(splits=[features.TRAIN]),
            eval_args=trainer_pb2.EvalArgs(splits=[features.VAL]),
            custom_config=json_utils.dumps(
                {
                    "training": training.model_dump_json(),
                    "tuning": tuning.model_dump_json(),
                    "image": image.model_dump_json(),
                    "code_digest": code_digest(SiameseTunerExecutor.__module__, TUNER_FN),
                    "weights_digest": weights_digest(training),
                }
            ),
            best_hyperparameters=Channel(type=standard_artifacts.HyperParameters),
            tuner_results=Channel(type=standard_artifacts.TunerResults),
        )
        super().__init__(spec=spec)
