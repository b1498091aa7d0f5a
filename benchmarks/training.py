"""Does the input pipeline starve the step? Images a second, from data and from one batch.

    python -m benchmarks.training

The same model takes the same step twice: on batches that the sampler draws and the input pipeline
gathers, and on one batch that already lies in memory. The share of the second that the first
reaches is what the input pipeline leaves of the step's speed.
"""

import argparse
import time
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from components.trainer.config import TrainingConfig
from components.trainer.fitting.loop import build_optimizer
from components.trainer.fitting.siamese import SiameseModel
from components.trainer.inputs.arrays import Images, Pairs
from components.trainer.inputs.batches import BatchSource
from pipeline.config import load_config

# Steps that compile and warm up.
_FIRST = 3


def made_up_images(count: int, images_per_identity: int, size: int, channels: int) -> Images:
    """Noise in the place of faces: the time of a step does not depend on what it sees."""
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(count // images_per_identity), images_per_identity)
    pixels = random.integers(0, 256, (len(classes), size, size, channels), dtype=np.uint8)
    ids, people = (
        np.char.zfill(np.arange(each).astype(np.bytes_), 8)
        for each in (len(classes), classes.max() + 1)
    )
    return Images(pixels, ids, people, classes.astype(np.int32))


def images_per_second(step: Callable, batches: Iterable) -> float:
    """The speed of a step on these batches, without the first few."""
    seen, began = 0, 0.0
    for number, batch in enumerate(batches):
        step(batch)["loss"].numpy()
        if number >= _FIRST:
            seen += len(batch[0])
        elif number == _FIRST - 1:
            began = time.perf_counter()
    return seen / (time.perf_counter() - began)


def main(argv: list[str] | None = None) -> None:
    """Prints a table: images a second from the pipeline, from one batch, and their ratio."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description="Training from the input pipeline, against training on one batch in memory.",
    )
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3, help="of both, in turn; the best counts")
    options = parser.parse_args(argv)
    recipe = load_config("pipeline/configs/lfw.yaml")
    images = made_up_images(8_000, 4, recipe.image.size, recipe.image.channels)
    random = np.random.default_rng(0)
    rows = random.integers(len(images.ids), size=(2, 40_000))
    pairs = Pairs(rows[0], rows[1], (rows[0] % 2).astype(np.int32))
    steps = _FIRST + options.steps
    size = recipe.training.input_size
    print(f"Training: the default network, {size} px, made-up images")
    print(
        f"{'sampler':<12} {'batch':>6} {'pipeline':>10} {'one batch':>10} {'share':>7}   images/s"
    )
    for config in (
        recipe.training.changed({"steps_per_epoch": steps}),
        TrainingConfig(input_size=size, steps_per_epoch=steps),
    ):
        keras.utils.set_random_seed(0)
        model = SiameseModel(config, recipe.image.shape, int(images.classes.max()) + 1)
        model.compile(optimizer=build_optimizer(config.optimizer, 1_000), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        step = tf.function(model.train_step, reduce_retracing=True)
        source = BatchSource(config, images, pairs)
        dataset = source.dataset()
        source.start(0)
        for batch in dataset:
            held = batch
        best = [0.0, 0.0]
        for number in range(options.rounds):
            source.start(number + 1)
            best[0] = max(best[0], images_per_second(step, dataset))
            best[1] = max(best[1], images_per_second(step, (held for _ in range(steps))))
        print(
            f"{config.sampler:<12} {len(held[0]):>6} {best[0]:>10,.0f} {best[1]:>10,.0f} "
            f"{best[0] / best[1]:>7.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
