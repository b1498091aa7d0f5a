"""What Trainer calls: read, fit, export."""

import json
import platform
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components import features
from components.exported_model import NETWORK_FILE
from components.progress import say
from components.trainer.comparison.comparisons import build_comparison
from components.trainer.config import TrainingConfig
from components.trainer.export.embedder import Embedder
from components.trainer.export.network_record import network_record
from components.trainer.export.verifier import Verifier, save_verifier
from components.trainer.fitting import replicas
from components.trainer.fitting.checkpoint import Checkpoint
from components.trainer.fitting.learning_curves import learning_curves
from components.trainer.fitting.loop import fit
from components.trainer.fitting.replicas import MULTI_WORKER
from components.trainer.inputs.arrays import read_images, read_pairs
from components.trainer.networks.texture import fit_texture
from components.trainer.workers.launch import train_together
from components.transform.config import ImageConfig
from faces import CANVASES
from faces import record as faces_record

# What ``train`` takes of ``FnArgs``.
_READ = (
    *("custom_config", "hyperparameters", "base_model", "transform_graph_path"),
    *("model_run_dir", "serving_model_dir"),
)


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


def run_fn(fn_args: Any) -> None:
    """Trains and exports one model; several workers do so in processes of their own.

    Called by the Trainer component.

    Args:
      fn_args: As for ``train``.
    """
    config = TrainingConfig.model_validate_json(fn_args.custom_config["training"])
    if config.distribution == MULTI_WORKER and config.workers:
        train_together({name: getattr(fn_args, name) for name in _READ}, config.workers)
    else:
        train(fn_args)


def train(fn_args: Any) -> None:
    """Trains and exports one model, in this process; as one of several workers, trains it.

    Args:
      fn_args: TFX's ``FnArgs``. ``custom_config`` holds ``training`` and ``image`` as JSON, under
        ``align`` how faces were aligned, under ``folders`` the split folders that the executor
        looked up, and under ``checkpoint_dir`` where a training that is stopped leaves its state.
        ``hyperparameters``, from a Tuner, go over the config. The training begins with the weights
        of the SavedModel ``base_model``, if there is one.
    """
    given = fn_args.custom_config
    config = TrainingConfig.model_validate_json(given["training"])
    if fn_args.hyperparameters:
        config = config.changed(fn_args.hyperparameters["values"])
        say(f"tuned: {json.dumps(fn_args.hyperparameters['values'])}")
    image_config = ImageConfig.model_validate_json(given["image"])
    folders = given["folders"]
    run_dir = Path(fn_args.model_run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory() as spill:
        train_images, val_images = (
            read_images(
                folders["images"][split], image_config.shape, config.image_memory_mb << 20, spill
            )
            for split in (features.TRAIN, features.VAL)
        )
        train_pairs = read_pairs(folders["pairs"][features.TRAIN], train_images)
        val_pairs = read_pairs(folders["pairs"][features.VAL], val_images)
        checkpoint = Checkpoint(given.get("checkpoint_dir"))
        model, history, best = fit(
            config,
            train_images,
            train_pairs,
            val_images,
            val_pairs,
            run_dir / "logs",
            checkpoint,
            first=fn_args.base_model,
        )
        if not replicas.is_chief(config):
            return
        texture = None
        if config.texture:
            texture = fit_texture(train_images.pixels, config.texture, config.seed)
        embedder = Embedder(model, texture)
        comparison = build_comparison(
            config,
            lambda: embedder.embed_all(train_images.pixels),
            train_images.classes,
            embedder.size,
            model.learned_head,
        )
        if comparison.note:
            say(comparison.note)

    if history:
        learning_curves(history, best, run_dir / "learning_curves.png")
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
    canvas = CANVASES.get(given["align"])
    verifier = Verifier(
        prepare, embedder, comparison.comparison, embedder.size, tracked=[layer], canvas=canvas
    )
    records = {
        NETWORK_FILE: network_record(config, embedder.size, comparison),
        faces_record.NAME: {"canvas": canvas.model_dump() if canvas else None},
    }
    save_verifier(verifier, fn_args.serving_model_dir, records)
    checkpoint.delete()
    say(f"best epoch {best + 1}" if history else "nothing was trained")
