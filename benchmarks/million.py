"""How much memory a training on very many images takes.

    python -m benchmarks.million --images 1000000

Draws some people, writes so many changed copies of their pictures as Transform would, 64 pixels
wide and in colour, and trains a small network on them: 24 KB of disk a picture. With cgroups,
``systemd-run --scope -p MemoryMax=4G`` before the command holds it to 4 GB.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.scoring import say
from data.synthetic import draw_face

SIZE: Final = 64
DRAWN: Final = (250, 4)  # people, and pictures of each
CHANGES: Final = 10  # of each picture
IMAGES_A_PERSON: Final = 4
IMAGES_A_SHARD: Final = 10_000


def write_images(folder: Path, images: int) -> None:
    """Writes TFRecords of prepared images, of other shifts and lights of what was drawn."""
    import tensorflow as tf

    from components import features

    people, pictures = DRAWN
    drawn = [draw_face(0, who, at, SIZE) for who in range(people) for at in range(pictures)]
    random = np.random.default_rng(0)
    changed = [
        (np.roll(face, random.integers(-6, 7, 2), (0, 1)) * random.uniform(0.7, 1.0))
        .astype(np.uint8)
        .tobytes()
        for face in drawn
        for _ in range(CHANGES)
    ]
    folder.mkdir()
    for start in range(0, images, IMAGES_A_SHARD):
        with tf.io.TFRecordWriter(str(folder / f"images-{start:08d}")) as writer:
            for number in range(start, min(start + IMAGES_A_SHARD, images)):
                example = tf.train.Example()
                for name, value in (
                    (features.IMAGE_ID, f"{number:08d}.jpg".encode()),
                    (features.IDENTITY, f"{number // IMAGES_A_PERSON:07d}".encode()),
                    (features.IMAGE_RAW, changed[number % len(changed)]),
                ):
                    example.features.feature[name].bytes_list.value.append(value)
                writer.write(example.SerializeToString())


class Memory(threading.Thread):
    """Watches this process.

    Attributes:
      own: Most bytes of its own, which the system cannot take away.
      all: Most bytes with the pages of files that it has mapped, which the system can.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = self.all = 0

    def run(self) -> None:
        """Looks ten times a second."""
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            found = {
                line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")
            }
            own = int(found["RssAnon"]) << 10
            self.own = max(self.own, own)
            self.all = max(self.all, own + (int(found["RssFile"]) << 10))
            time.sleep(0.1)


def train(folder: Path, work: Path, steps: int) -> dict[str, float]:
    """Reads and trains. Returns seconds and bytes."""
    from components.trainer.config import TrainingConfig
    from components.trainer.fitting.loop import fit
    from components.trainer.inputs.arrays import Pairs, read_images

    memory = Memory()
    memory.start()
    config = TrainingConfig.model_validate(
        {
            "loss": {"name": "supcon"},
            "sampler": "identities",
            "network": {"name": "residual", "width": 8},
            "input_size": SIZE // 2,
            "epochs": 1,
            "steps_per_epoch": steps,
            "projector_images": 0,
        }
    )
    began = time.perf_counter()
    images = read_images(
        folder, (SIZE, SIZE, 3), memory_limit=config.image_memory_mb << 20, spill=work
    )
    read = time.perf_counter()
    few = images.classes < 50
    val = type(images)(images.pixels[few], images.ids[few], images.people, images.classes[few])
    rows = np.arange(len(val.ids) - 1)
    same = (val.classes[rows] == val.classes[rows + 1]).astype(np.int32)
    pairs = Pairs(rows, rows + 1, same)
    model, _, _ = fit(config, images, pairs, val, pairs, work / "logs")
    fitted = time.perf_counter()
    model.embed_all(images.pixels)
    ended = time.perf_counter()
    return {
        "read_s": read - began,
        "fit_s": fitted - read,
        "embed_s": ended - fitted,
        "own": memory.own,
        "all": memory.all,
    }


def main(argv: list[str] | None = None) -> None:
    """Prints a line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--work", type=Path, help="folder for 24 GB of temporary files")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        folder = Path(work, "images")
        say(f"writing {options.images:,} images of {SIZE} px")
        write_images(folder, options.images)
        say("reading, training and embedding them")
        found = train(folder, Path(work), options.steps)
    print(
        f"{options.images:,} images of {SIZE} px: read in {found['read_s']:,.0f} s, "
        f"{options.steps} steps in {found['fit_s']:,.0f} s, all embedded in "
        f"{found['embed_s']:,.0f} s; {found['own'] / 1e9:.2f} GB of memory, with mapped files "
        f"{found['all'] / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    main()
