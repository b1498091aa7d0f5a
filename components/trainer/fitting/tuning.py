"""The search for better hyper-parameters, with KerasTuner: each trial is a training of its own."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine import base_tuner, trial
from tfx.components.tuner.component import TunerFnResult

from components import features
from components.progress import say
from components.trainer.config import TrainingConfig, TuningConfig
from components.trainer.fitting.loop import Diverged, fit
from components.trainer.fitting.replicas import MULTI_WORKER
from components.trainer.inputs.arrays import Images, Pairs, read_images, read_pairs
from components.transform.config import ImageConfig

OBJECTIVE = "val_eer"


def search_space(config: TuningConfig) -> keras_tuner.HyperParameters:
    """What a config lets vary, as KerasTuner takes it."""
    space = keras_tuner.HyperParameters()
    for key, knob in config.space.items():
        if knob.values:
            space.Choice(key, list(knob.values))
        else:
            sampling = "log" if knob.log else "linear"
            space.Float(key, knob.min, knob.max, sampling=sampling)
    return space


def in_words(values: Mapping[str, int | float | str]) -> str:
    """Values by key, on one line for a person."""
    shown = (
        f"{value:.4g}" if isinstance(value, float) else str(value) for value in values.values()
    )
    return ", ".join(f"{key} {value}" for key, value in zip(values, shown, strict=True))


class EerTuner(base_tuner.BaseTuner):
    """Looks for the lowest val EER by Bayesian optimisation (Snoek et al. 2012).

    Nothing of a trial is kept but its score: Trainer fits the chosen values anew, as long as the
    config says.

    Args:
      tuning: Trials, and what may vary.
      training: All that does not.
      folder: For KerasTuner's records.
    """

    def __init__(self, tuning: TuningConfig, training: TrainingConfig, folder: str | Path):
        self._tuning, self._training = tuning, training
        oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            objective=keras_tuner.Objective(OBJECTIVE, "min"),
            max_trials=tuning.trials,
            hyperparameters=search_space(tuning),
            allow_new_entries=False,
            seed=training.seed + 1,  # KerasTuner takes 0 for none
        )
        super().__init__(oracle, directory=str(folder), project_name="tuning")

    def run_trial(
        self,
        trial: trial.Trial,
        train_images: Images,
        train_pairs: Pairs,
        val_images: Images,
        val_pairs: Pairs,
    ) -> dict[str, float]:
        """Trains with a trial's values. Returns its best val EER; 0.5, guessing, if it diverged."""
        values = trial.hyperparameters.values
        chosen = self._training.changed({"projector_images": 0, **values})
        if chosen.distribution == MULTI_WORKER:
            # One process has the losses of many, and a search needs no cluster.
            chosen = chosen.changed({"distribution": "none", "workers": None})
        if self._tuning.epochs:
            chosen = chosen.changed({"epochs": self._tuning.epochs})
        say(f"trial {int(trial.trial_id) + 1} of {self._tuning.trials}: {in_words(values)}")
        keras.utils.clear_session()
        try:
            with tempfile.TemporaryDirectory() as logs:
                _, history, best = fit(
                    chosen, train_images, train_pairs, val_images, val_pairs, logs
                )
        except Diverged:
            return {OBJECTIVE: 0.5}
        return {OBJECTIVE: history[OBJECTIVE][best]}

    def get_best_models(self, num_models: int = 1) -> list[Any]:
        """No trial's model is kept."""
        return []


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """What TFX's Tuner calls.

    Args:
      fn_args: TFX's ``FnArgs``. ``custom_config`` holds ``training``, ``tuning`` and ``image`` as
        JSON, and under ``folders`` the split folders that the executor looked up.
    """
    given = fn_args.custom_config
    training = TrainingConfig.model_validate_json(given["training"])
    tuning = TuningConfig.model_validate_json(given["tuning"])
    shape = ImageConfig.model_validate_json(given["image"]).shape
    working = Path(fn_args.working_dir)
    working.mkdir(parents=True, exist_ok=True)
    data: dict[str, Any] = {}
    for split in (features.TRAIN, features.VAL):
        images = read_images(
            given["folders"]["images"][split], shape, training.image_memory_mb << 20, working
        )
        data[f"{split}_images"] = images
        data[f"{split}_pairs"] = read_pairs(given["folders"]["pairs"][split], images)
    return TunerFnResult(EerTuner(tuning, training, working), data)
