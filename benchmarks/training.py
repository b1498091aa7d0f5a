"""Does the input pipeline starve the step? Images a second of training, from data and from one batch.

The same model takes the same step twice: on batches that the sampler draws and the input pipeline
gathers, and on one batch that already lies in memory. The share of the second that the first reaches is
what the input pipeline leaves of the step's speed.
"""

import argparse
import time
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from components.trainer.arrays import Images, Pairs
from components.trainer.config import TrainingConfig
from components.trainer.run_fn import build_optimizer, training_batches
from components.trainer.siamese import SiameseModel


def made_up_images(count: int, images_per_identity: int, size: int, channels: int) -> Images:
    """Noise in the place of faces: the time of a step does not depend on what it sees."""
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(count // images_per_identity), images_per_identity)
    pixels = random.integers(0, 256, (len(classes), size, size, channels), dtype=np.uint8)
    names = np.char.zfill(np.arange(len(classes)).astype(str), 8)
    return Images(pixels, names, classes.astype(str), classes.astype(np.int32))


def images_per_second(model: SiameseModel, batches: Iterable, steps: int) -> float:
    """The speed of ``steps`` steps, after three that compile and warm up."""
    step = tf.function(model.train_step, reduce_retracing=True)
    seen, started = 0, 0.0
    for number, batch in enumerate(batches):
        if number == 3:
            started = time.perf_counter()
        if number >= 3:
            seen += len(batch[0])
        step(batch)["loss"].numpy()
        if number == steps + 2:
            break
    return seen / (time.perf_counter() - started)


def main(argv: list[str] | None = None) -> None:
    """Prints a table: images a second from the pipeline, from one batch, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3, help="of both, in turn; the best counts")
    options = parser.parse_args(argv)
    images = made_up_images(8_000, 4, size=78, channels=1)
    random = np.random.default_rng(0)
    rows = random.integers(len(images.ids), size=(2, 40_000))
    pairs = Pairs(rows[0], rows[1], (rows[0] % 2).astype(np.int32))
    print(f"{'sampler':<12} {'pipeline':>10} {'one batch':>10} {'share':>7}   images/s")
    for sampler, paradigm in (("identities", "supcon"), ("pairs", "contrastive")):
        config = TrainingConfig(paradigm=paradigm, sampler=sampler, input_size=64)
        keras.utils.set_random_seed(0)
        model = SiameseModel(config, images.pixels.shape[1:], int(images.classes.max()) + 1)
        model.compile(optimizer=build_optimizer(config.optimizer, 1_000), jit_compile=False)
        dataset, _ = training_batches(config, images, pairs)
        held = next(iter(dataset))
        best = [0.0, 0.0]
        for _ in range(options.rounds):
            best[0] = max(best[0], images_per_second(model, dataset, options.steps))
            repeated = (held for _ in range(options.steps + 3))
            best[1] = max(best[1], images_per_second(model, repeated, options.steps))
        print(f"{sampler:<12} {best[0]:10.0f} {best[1]:10.0f} {best[0] / best[1]:7.1%}")


if __name__ == "__main__":
    main()
