"""What Trainer calls: read, fit, calibrate, export."""

import json
import platform
import tempfile
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging

from components import features
from components.metrics.decision import (
    Decision,
    DecisionConfig,
    choose_threshold,
    format_reference_table,
    reference_sweep,
)
from components.progress import say
from components.trainer import pictures
from components.trainer.arrays import Images, Pairs, read_images, read_pairs
from components.trainer.comparers import build_comparer
from components.trainer.config import OptimizerConfig, TrainingConfig
from components.trainer.embedder import Embedder
from components.trainer.samplers import fresh_pair_batches, identity_batches, pair_batches
from components.trainer.siamese import SiameseModel
from components.trainer.texture import fit_texture
from components.trainer.validation import PairValidation, pair_distances
from components.trainer.verifier import Verifier, save_verifier
from components.transform.config import ImageConfig


def build_optimizer(config: OptimizerConfig, steps: int) -> keras.optimizers.Optimizer:
    """AdamW; the rate rises over the warm-up, then falls as a cosine to 0 at the last step.

    Args:
      config: Rates and decays.
      steps: Of the whole training.
    """
    warmup = round(config.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        decay_steps=max(steps - warmup, 1),
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        beta_2=config.beta_2,
        clipnorm=config.clip_norm,
    )
    # Shrinking a shift or a scale towards 0 is no regularisation.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def training_batches(
    config: TrainingConfig, images: Images, pairs: Pairs
) -> tuple[tf.data.Dataset, int]:
    """The batches of the sampler, and how many make an epoch.

    Only row numbers come from Python, one call a batch; pixels are gathered from memory or the
    memory map just before they are needed.

    Returns:
      uint8 ``[B, H, W, C]`` and int32 targets without end, and the steps of an epoch.
    """
    if config.sampler == "identities":
        p, k = config.identities_per_batch, config.images_per_identity
        batches = identity_batches(images.classes, p, k, config.seed)
        steps = len(images.ids) // (p * k)
    elif config.sampler == "fresh_pairs":
        batches = fresh_pair_batches(images.classes, config.batch_pairs, config.seed)
        steps = len(pairs.labels) // config.batch_pairs
    else:
        batches = pair_batches(pairs, config.batch_pairs, config.seed)
        steps = len(pairs.labels) // config.batch_pairs

    def gather(rows: np.ndarray) -> np.ndarray:
        return images.pixels[rows]

    def pixels_of(rows: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.numpy_function(gather, [rows], tf.uint8, stateful=False)
        return tf.ensure_shape(pixels, (None, *images.pixels.shape[1:])), targets

    dataset = tf.data.Dataset.from_generator(
        lambda: batches,
        output_signature=(
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([None], tf.int32),
        ),
    )
    return dataset.map(pixels_of).prefetch(4), config.steps_per_epoch or max(steps, 1)


def fit(
    config: TrainingConfig,
    train_images: Images,
    train_pairs: Pairs,
    val_images: Images,
    val_pairs: Pairs,
    log_dir: str | Path,
) -> tuple[SiameseModel, dict[str, list[float]], int]:
    """Trains; the model that comes back has the best epoch's weights, by val EER.

    Args:
      config: The training section.
      train_images: Train identities.
      train_pairs: Used by sampler ``pairs``.
      val_images: Val identities.
      val_pairs: Judge each epoch.
      log_dir: For TensorBoard.

    Returns:
      The model, Keras's history, and the number of the best epoch, from 0.
    """
    keras.utils.set_random_seed(config.seed)
    classes = int(train_images.classes.max()) + 1
    height, width, channels = train_images.pixels.shape[1:]
    model = SiameseModel(config, (height, width, channels), classes)
    train_images = replace(train_images, pixels=model.view_all(train_images.pixels))
    dataset, steps = training_batches(config, train_images, train_pairs)
    # XLA and mixed precision made the step slower on CPUs when measured; both stay off.
    optimizer = build_optimizer(config.optimizer, steps * config.epochs)
    model.compile(optimizer=optimizer, jit_compile=False)
    say(
        f"{config.paradigm}: {model.network.count_params():,} parameters, "
        f"{len(train_images.ids):,} images of {classes:,} identities, "
        f"{config.epochs} epochs of {steps} steps"
    )
    validation = PairValidation(val_images, val_pairs, say)
    callbacks: list[keras.callbacks.Callback] = [
        validation,
        keras.callbacks.TensorBoard(log_dir=str(log_dir), write_graph=False, update_freq="epoch"),
        keras.callbacks.TerminateOnNaN(),
    ]
    if config.patience:
        callbacks.append(
            keras.callbacks.EarlyStopping("val_eer", mode="min", patience=config.patience)
        )
    history = model.fit(
        dataset, epochs=config.epochs, steps_per_epoch=steps, callbacks=callbacks, verbose=0
    )
    if validation.best_epoch < 0:
        raise ValueError(
            "training gave no epoch with a finite loss; lower training.optimizer.learning_rate "
            f"(now {config.optimizer.learning_rate})"
        )
    return model, history.history, validation.best_epoch


def prepare_function(transform_output: tft.TFTransformOutput, config: ImageConfig) -> Any:
    """Transform's graph as a function from image files to pixels, and what holds its tables.

    Returns:
      A function from string ``[N]`` to uint8 ``[N, H, W, C]``, and an object for a ``tf.Module`` to
      track.
    """
    layer = transform_output.transform_features_layer()

    def prepare(image: tf.Tensor) -> tf.Tensor:
        rows = image[:, tf.newaxis]
        # The graph also passes ids through; serving has none.
        raw = layer(
            {
                features.IMAGE_ENCODED: rows,
                features.IMAGE_ID: rows,
                features.IDENTITY: rows,
            }
        )[features.IMAGE_RAW]
        pixels = tf.io.decode_raw(tf.reshape(raw, [-1]), tf.uint8)
        return tf.reshape(pixels, (-1, *config.shape))

    return prepare, layer


def describe_decision(
    decision: Decision, objective: DecisionConfig, pairs: Pairs, comparer: str
) -> dict[str, Any]:
    """The decision as it is kept in the model."""
    return {
        "threshold": decision.threshold,
        "slope": decision.slope,
        "objective": objective.model_dump(exclude_none=True),
        "objective_value": decision.value,
        "comparer": comparer,
        "calibrated_on": {
            "split": features.VAL,
            "pairs": len(pairs.labels),
            "same": int(pairs.labels.sum()),
        },
        "confusion": {"tp": decision.tp, "fp": decision.fp, "fn": decision.fn, "tn": decision.tn},
    }


def run_fn(fn_args: Any) -> None:
    """Trains and exports one model. Called by the Trainer component.

    Args:
      fn_args: TFX's ``FnArgs``. ``custom_config`` holds ``training``, ``image`` and ``decision`` as
        JSON, and under ``folders`` the split folders that the executor looked up.
    """
    given = fn_args.custom_config
    config = TrainingConfig.model_validate_json(given["training"])
    image_config = ImageConfig.model_validate_json(given["image"])
    objective = DecisionConfig.model_validate_json(given["decision"])
    folders = given["folders"]
    run_dir = Path(fn_args.model_run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory() as spill:
        train_images, val_images = (
            read_images(folders["images"][split], image_config.shape, spill=spill)
            for split in (features.TRAIN, features.VAL)
        )
        train_pairs = read_pairs(folders["pairs"][features.TRAIN], train_images)
        val_pairs = read_pairs(folders["pairs"][features.VAL], val_images)
        model, history, best = fit(
            config, train_images, train_pairs, val_images, val_pairs, run_dir / "logs"
        )
        texture = None
        if config.texture:
            texture = fit_texture(train_images.pixels, config.texture, config.seed)
        embedder = Embedder(model, texture)
        comparer = build_comparer(
            model, embedder.embed_all(train_images.pixels), train_images.classes
        )
        distances = pair_distances(comparer, embedder.embed_all(val_images.pixels), val_pairs)

    decision = choose_threshold(distances, val_pairs.labels, objective)
    table = format_reference_table(reference_sweep(distances, val_pairs.labels), decision)
    logging.info("Thresholds on val pairs:\n%s", table)
    (run_dir / "thresholds.txt").write_text(table + "\n")
    pictures.learning_curves(history, best, run_dir / "learning_curves.png")
    pictures.distance_histogram(
        distances, val_pairs.labels, decision.threshold, run_dir / "distances.png"
    )
    record = {
        "history": {key: [float(value) for value in values] for key, values in history.items()},
        "best_epoch": best + 1,
        "training": config.model_dump(),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("tensorflow", "keras", "tfx", "numpy")},
        },
    }
    (run_dir / "training.json").write_text(json.dumps(record, indent=2) + "\n")

    prepare, layer = prepare_function(
        tft.TFTransformOutput(fn_args.transform_graph_path), image_config
    )
    verifier = Verifier(
        prepare,
        embedder,
        comparer,
        embedder.size,
        decision.threshold,
        decision.slope,
        tracked=[layer],
    )
    described = describe_decision(decision, objective, val_pairs, config.chosen_comparer)
    save_verifier(verifier, fn_args.serving_model_dir, described)
    say(
        f"best epoch {best + 1}; threshold {decision.threshold:.4g} gives "
        f"{decision.objective} {decision.value:.4f} on val pairs"
    )
