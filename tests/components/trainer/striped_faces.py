"""Data that a tiny network learns from in a few steps, and a config for one."""

import numpy as np

from components.trainer.config import TrainingConfig
from components.trainer.inputs.arrays import Images, Pairs

SHAPE = (16, 16, 1)


def stripes(identities: int, images: int, seed: int, side: int = SHAPE[0]) -> Images:
    """Identities that are patterns; images that are the pattern under noise."""
    random = np.random.default_rng(seed)
    patterns = random.integers(40, 216, (identities, 4, 4, 1))
    classes = np.repeat(np.arange(identities), images).astype(np.int32)
    clean = patterns.repeat(side // 4, axis=1).repeat(side // 4, axis=2)[classes]
    pixels = np.clip(clean + random.normal(0, 25, clean.shape), 0, 255)
    people = np.array([f"id_{value:03d}".encode() for value in range(identities)])
    ids = np.array([b"%s/%04d" % (people[each], at) for at, each in enumerate(classes)])
    return Images(pixels.astype(np.uint8), ids, people, classes)


def pairs_of(images: Images, count: int) -> Pairs:
    random = np.random.default_rng(0)
    a = random.integers(len(images.ids), size=20 * count)
    b = random.integers(len(images.ids), size=20 * count)
    a, b = a[a != b], b[a != b]
    labels = (images.classes[a] == images.classes[b]).astype(np.int32)
    chosen = np.concatenate(
        [np.flatnonzero(labels == 1)[: count // 2], np.flatnonzero(labels == 0)[: count // 2]]
    )
    return Pairs(a[chosen], b[chosen], labels[chosen])


def config(**changes: object) -> TrainingConfig:
    by_sampler = (
        {"identities_per_batch": 16, "images_per_identity": 4}
        if changes.get("sampler") == "identities"
        else {"batch_pairs": 32}
    )
    small = {
        **by_sampler,
        # Small: most of the time goes into tracing, not into steps.
        "network": {"name": "cnn", "width": 32, "embedding_size": 8, "dropout": 0},
        "augmentation": {"rotation": 0, "flip": False, "cutout": 0},
        "input_size": 14,
        "steps_per_epoch": 12,
        "epochs": 3,
    }
    return TrainingConfig(**{**small, **changes})
