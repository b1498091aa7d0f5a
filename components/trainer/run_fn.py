"""What Trainer calls: read, fit, calibrate, export."""

import hashlib
import json
import platform
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components import features
from components.metrics.bootstrap import threshold_interval
from components.metrics.decision import (
    Decision,
    DecisionConfig,
    check_reachable,
    choose_threshold,
    format_reference_table,
    reference_sweep,
)
from components.progress import say
from components.trainer import pictures
from components.trainer.arrays import Images, Pairs, read_images, read_pairs
from components.trainer.checkpoint import Checkpoint
from components.trainer.comparers import build_comparison
from components.trainer.config import TrainingConfig
from components.trainer.embedder import Embedder
from components.trainer.fitting import fit
from components.trainer.network_record import network_record
from components.trainer.texture import fit_texture
from components.trainer.validation import pair_distances
from components.trainer.verifier import Verifier, save_verifier
from components.transform.config import ImageConfig


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


def pairs_digest(images: Images, pairs: Pairs) -> str:
    """SHA-256 of which pairs these are, whatever their order, as 64 hex digits."""
    rows = zip(images.ids[pairs.a], images.ids[pairs.b], pairs.labels, strict=True)
    lines = sorted(f"{a}\t{b}\t{label}\n" for a, b, label in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def describe_decision(
    decision: Decision,
    objective: DecisionConfig,
    images: Images,
    pairs: Pairs,
    distances: np.ndarray,
    comparer: str,
) -> dict[str, Any]:
    """The decision as it is kept in the model.

    Args:
      decision: What was chosen.
      objective: For what.
      images: The val images.
      pairs: The val pairs.
      distances: float ``[P]``, theirs.
      comparer: Its name.
    """
    interval = threshold_interval(
        distances,
        pairs.labels,
        images.identities[pairs.a],
        images.identities[pairs.b],
        objective,
    )
    return {
        "threshold": decision.threshold,
        "threshold_interval_95": [interval.low, interval.high],
        "slope": decision.slope,
        "objective": objective.model_dump(exclude_none=True),
        "objective_value": decision.value,
        "comparer": comparer,
        "calibrated_on": {
            "split": features.VAL,
            "pairs": len(pairs.labels),
            "same": int(pairs.labels.sum()),
            "sha256": pairs_digest(images, pairs),
        },
        "confusion": {"tp": decision.tp, "fp": decision.fp, "fn": decision.fn, "tn": decision.tn},
    }


def run_fn(fn_args: Any) -> None:
    """Trains and exports one model. Called by the Trainer component.

    Args:
      fn_args: TFX's ``FnArgs``. ``custom_config`` holds ``training``, ``image`` and ``decision`` as
        JSON, under ``folders`` the split folders that the executor looked up, and under
        ``checkpoint_dir`` where a training that is stopped leaves its state. ``hyperparameters``,
        from a Tuner, go over the config.
    """
    given = fn_args.custom_config
    config = TrainingConfig.model_validate_json(given["training"])
    if fn_args.hyperparameters:
        config = config.changed(fn_args.hyperparameters["values"])
        say(f"tuned: {json.dumps(fn_args.hyperparameters['values'])}")
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
        # Before hours of training, not after.
        same = int(val_pairs.labels.sum())
        check_reachable(same, len(val_pairs.labels) - same, objective)
        checkpoint = Checkpoint(given.get("checkpoint_dir"))
        model, history, best = fit(
            config,
            train_images,
            train_pairs,
            val_images,
            val_pairs,
            run_dir / "logs",
            checkpoint,
        )
        texture = None
        if config.texture:
            texture = fit_texture(train_images.pixels, config.texture, config.seed)
        embedder = Embedder(model, texture)
        comparison = build_comparison(
            model,
            lambda: embedder.embed_all(train_images.pixels),
            train_images.classes,
            embedder.size,
        )
        if comparison.note:
            say(comparison.note)
        comparer = comparison.comparer
        distances = pair_distances(comparer, embedder.embed_all(val_images.pixels), val_pairs)

    decision = choose_threshold(distances, val_pairs.labels, objective)
    table = format_reference_table(reference_sweep(distances, val_pairs.labels), decision)
    say("thresholds on val pairs: nine fixed ones, and the chosen one")
    for line in table.splitlines():
        say(f"  {line}")
    (run_dir / "thresholds.txt").write_text(table + "\n")
    if history:
        pictures.learning_curves(history, best, run_dir / "learning_curves.png")
    pictures.distance_histogram(
        distances, val_pairs.labels, decision.threshold, run_dir / "distances.png"
    )
    record = {
        "history": {key: [float(value) for value in values] for key, values in history.items()},
        "best_epoch": best + 1,
        "embedding_size": embedder.size,
        "comparer_note": comparison.note,
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
    described = describe_decision(
        decision, objective, val_images, val_pairs, distances, comparison.name
    )
    network = network_record(config, embedder.size, comparison)
    save_verifier(verifier, fn_args.serving_model_dir, described, network)
    checkpoint.delete()
    epoch = f"best epoch {best + 1}; " if history else ""
    say(
        f"{epoch}threshold {decision.threshold:.4g} gives "
        f"{decision.objective} {decision.value:.4f} on val pairs"
    )
