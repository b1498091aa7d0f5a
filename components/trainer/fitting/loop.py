"""Fitting: phases, epochs, the optimizer of each, and what happens after every epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.progress import say
from components.trainer.config import OptimizerConfig, TrainingConfig
from components.trainer.fitting import replicas
from components.trainer.fitting.board import Board
from components.trainer.fitting.checkpoint import Checkpoint
from components.trainer.fitting.siamese import SiameseModel
from components.trainer.fitting.validation import PairValidation, StepMeans
from components.trainer.inputs.arrays import Images, Pairs
from components.trainer.inputs.batches import BatchSource
from components.trainer.networks.backbones import unfreeze
from components.trainer.networks.build import multiply_adds


class Diverged(ValueError):
    """No epoch of a training had a finite loss and left finite weights."""


def build_optimizer(
    config: OptimizerConfig, steps: int, replicas: int = 1
) -> keras.optimizers.Optimizer:
    """AdamW; the rate rises over the warm-up, then falls as a cosine to 0 at the last step.

    Args:
      config: Rates and decays.
      steps: Of the whole training.
      replicas: Of which each gives it its share of the gradient.
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
        clipnorm=config.clip_norm / replicas if config.clip_norm else None,
    )
    # Shrinking a shift or a scale towards 0 is no regularisation.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


@dataclass(frozen=True)
class Phase:
    """Epochs in which the same weights are fitted, with one optimizer.

    Attributes:
      start: First epoch, from 0.
      end: The epoch after the last.
      rate: Factor of the learning rate.
      unfreeze: The layer from which the backbone is unfrozen, if it is now.
    """

    start: int
    end: int
    rate: float = 1.0
    unfreeze: str | None = None


def phases(config: TrainingConfig) -> list[Phase]:
    """One phase; or two, where a frozen network is fitted in the end; none where nothing is."""
    frozen, network = config.frozen_epochs, config.network
    if not config.epochs:
        return []
    if frozen is None:
        rate = network.finetune_rate if network.unfreeze_from else 1.0
        return [Phase(0, config.epochs, rate, network.unfreeze_from)]
    return [
        Phase(0, frozen),
        Phase(frozen, config.epochs, network.finetune_rate, network.unfreeze_from),
    ]


def _embeddings(
    model: SiameseModel, images: Images, strategy: tf.distribute.Strategy
) -> np.ndarray:
    """What hard negatives are found by: the averaged weights' embeddings of the train images."""
    if replicas.worker(strategy)[0] != 0:
        # The last bits may differ between machines, and the batches must not.
        nothing = np.zeros((len(images.ids), model.embedding_size), np.float32)
        return replicas.of_chief(nothing, strategy)
    model.swap_averages()
    embeddings = model.embed_all(images.pixels)
    model.swap_averages()
    return replicas.of_chief(embeddings, strategy)


def _enter(model: SiameseModel, phase: Phase, steps: int) -> None:
    """Makes a model ready for a phase: what is fitted, and a fresh optimizer for it."""
    if phase.unfreeze:
        fitted = unfreeze(model.network, phase.unfreeze)
        say(f"the network is fitted from {phase.unfreeze} on: {fitted:,} parameters more")
    config = model.config.optimizer
    config = config.model_copy(update={"learning_rate": config.learning_rate * phase.rate})
    devices = model.distribute_strategy.num_replicas_in_sync
    optimizer = build_optimizer(config, steps * (phase.end - phase.start), devices)
    # Not Keras's: the step compiles what XLA can, where the config asks for it.
    model.compile(optimizer=optimizer, jit_compile=False)
    optimizer.build(model.trainable_variables)


def fit(
    config: TrainingConfig,
    train_images: Images,
    train_pairs: Pairs,
    val_images: Images,
    val_pairs: Pairs,
    log_dir: str | Path,
    checkpoint: Checkpoint | None = None,
    more: Sequence[keras.callbacks.Callback] = (),
    first: str | Path | None = None,
) -> tuple[SiameseModel, dict[str, list[float]], int]:
    """Trains; the model that comes back has the best epoch's weights, by val EER.

    With a network that comes trained and stays as it is, nothing is trained. Of several workers,
    all take the steps; the first, the chief, judges, writes and has the model.

    Args:
      config: The training section.
      train_images: Train identities.
      train_pairs: Used by sampler ``pairs``.
      val_images: Val identities.
      val_pairs: Judge each epoch.
      log_dir: For TensorBoard.
      checkpoint: Where the state is kept after each epoch, and found again after a stop.
      more: Callbacks, told of each epoch after all else is done with it.
      first: A SavedModel that an earlier training exported; its network's weights are the first.

    Returns:
      The model, the history (one value an epoch), and the number of the best epoch, from 0; -1
      where there are none, and on a worker that is not the chief.

    Raises:
      Diverged: No epoch had a finite loss and left finite weights.
      RuntimeError: The workers see different states of a stopped training.
    """
    model, history, best_epoch = _fit(
        *(config, train_images, train_pairs, val_images, val_pairs),
        *(log_dir, checkpoint or Checkpoint(None), more, replicas.strategy_of(config), first),
    )
    if best_epoch < 0:
        return model, history, best_epoch
    # What is exported is on one device, as exact as any, and has no averages and no optimizer.
    one = config.model_copy(
        update={"distribution": "none", "workers": None, "precision": "float32"}
    )
    classes = int(train_images.classes.max()) + 1
    height, width, channels = train_images.pixels.shape[1:]
    fitted, model = model, SiameseModel(one, (height, width, channels), classes)
    model.restore(fitted.kept_weights())
    return model, history, best_epoch


def _fit(
    config: TrainingConfig,
    train_images: Images,
    train_pairs: Pairs,
    val_images: Images,
    val_pairs: Pairs,
    log_dir: str | Path,
    checkpoint: Checkpoint,
    more: Sequence[keras.callbacks.Callback],
    strategy: tf.distribute.Strategy,
    first: str | Path | None,
) -> tuple[SiameseModel, dict[str, list[float]], int]:
    keras.utils.set_random_seed(config.seed)
    classes = int(train_images.classes.max()) + 1
    height, width, channels = train_images.pixels.shape[1:]
    with strategy.scope():
        model = SiameseModel(config, (height, width, channels), classes)
    devices = strategy.num_replicas_in_sync
    worker, workers = replicas.worker(strategy)
    if first:
        model.begin_with(first)
        say(f"begins with the weights of the last blessed model: {first}")
    elif config.warm_start:
        say("begins with random weights: there is no blessed model yet")
    progress = checkpoint.progress()
    agreed = int(replicas.of_chief(np.array(progress.next_epoch), strategy))
    if progress.next_epoch != agreed:
        raise RuntimeError(
            f"worker {worker} finds the state of a training after {progress.next_epoch} epochs, "
            f"and the chief after {agreed}; put runs_dir where all workers see the same files"
        )
    if not config.epochs:
        say(
            f"{config.network.name}: {model.network.count_params():,} parameters, "
            f"{multiply_adds(model.network) / 1e6:.1f} M multiply-adds an image; it stays as it "
            "is, so there is nothing to train"
        )
        Board(log_dir, config, PairValidation(val_images, val_pairs, progress, 0, say)).close(model)
        return model, {}, -1
    train_images = replace(train_images, pixels=model.view_all(train_images.pixels))
    source = BatchSource(config, train_images, train_pairs)
    if devices > 1:
        replicas.check_batch(source.images_a_step, source.targets_a_step, devices)
        replicas.synchronise(model.network)
        of = f" of {workers} workers" if workers > 1 else ""
        say(f"each batch is divided among {devices} devices{of}")
    elif config.distribution != "none":
        say(f"training.distribution: {config.distribution} finds one device here")
    say(
        f"{config.loss.name}: {model.network.count_params():,} parameters, "
        f"{multiply_adds(model.network) / 1e6:.1f} M multiply-adds an image; "
        f"{len(train_images.ids):,} images of {classes:,} identities, "
        f"{config.epochs} epochs of {source.steps} steps"
    )
    if progress.next_epoch:
        say(f"going on after epoch {progress.next_epoch}, where this training was stopped")
    validation = PairValidation(val_images, val_pairs, progress, source.images_a_step, say)
    judges: list[keras.callbacks.Callback] = []
    if worker == 0:
        board = Board(log_dir, config, validation)
        board.replay(progress.history)
        judges = [validation, board]
    # In this order: what an epoch measured is shown once it is complete.
    callbacks = [StepMeans(), *judges, keras.callbacks.TerminateOnNaN(), *more]

    dataset = replicas.distributed(source.dataset(worker, workers), strategy)
    stopped_at = progress.next_epoch
    diverged = early = False
    for phase in phases(config):
        with strategy.scope():
            _enter(model, phase, source.steps)
        if phase.start <= stopped_at < phase.end and stopped_at:
            checkpoint.restore(model, with_optimizer=stopped_at > phase.start)
        for epoch in range(max(progress.next_epoch, phase.start), phase.end):
            mined = config.hard_negative_group is not None and epoch > 0
            source.start(epoch, _embeddings(model, train_images, strategy) if mined else None)
            # An epoch a call: nothing of the next is drawn before this one is done with.
            model.fit(
                dataset,
                initial_epoch=epoch,
                epochs=epoch + 1,
                steps_per_epoch=source.steps,
                shuffle=False,  # the source has drawn its order already
                callbacks=callbacks,
                verbose=0,
            )
            waited = epoch - max(progress.best_epoch, phase.start - 1)
            early = config.patience is not None and waited >= config.patience
            verdict = np.array([validation.diverged, early], np.int32)
            diverged, early = map(bool, replicas.of_chief(verdict, strategy))
            if diverged:
                break
            progress.next_epoch = phase.end if early else epoch + 1
            if worker == 0:
                checkpoint.save(model, progress)
            if early:
                break
        if diverged:
            break
    if worker != 0:
        return model, {}, -1
    if progress.best_epoch < 0:
        raise Diverged(
            "training gave no epoch with a finite loss and finite weights; lower "
            f"training.optimizer.learning_rate (now {config.optimizer.learning_rate})"
        )
    model.restore(progress.best)
    board.close(model)
    return model, progress.history, progress.best_epoch
