"""A data set on which a network learns in a second, and one that sees only the centre never does.

Each identity is a colour. An image shows it in a ring around a centre of grey noise; how bright the
image is says nothing about who is shown. The ring and the centre are whole JPEG blocks, so that no
colour leaks from one into the other.
"""

import colorsys
import csv
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, CENTRE = 32, slice(8, 24)

# Hues lie between each other, so that no split knows another's colours. Images an identity.
SPLITS = {"train": (8, 0.0, 6), "val": (4, 0.03, 8), "test": (4, 0.1, 10)}


def draw(hue: float, bright: bool, seed: int) -> Image.Image:
    """One image: ``hue`` in 0 to 1 is the identity, the rest is noise."""
    rng = np.random.default_rng(seed)
    value = rng.uniform(0.75, 0.95) if bright else rng.uniform(0.45, 0.65)
    colour = 255 * np.array(colorsys.hsv_to_rgb(hue, 0.9, value))
    pixels = colour + rng.normal(0, 8, (SIDE, SIDE, 3))
    pixels[CENTRE, CENTRE] = rng.uniform(0, 255 * value, (16, 16, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def save(image: Image.Image, path: Path) -> None:
    """Writes a JPEG that keeps colours where they are."""
    image.save(path, quality=95, subsampling=0)


def redraw(folder: Path, identity: str) -> None:
    """Gives an identity another colour, and its images other noise."""
    for path in sorted((folder / identity).iterdir()):
        save(draw(0.17, int(path.stem) % 2 == 0, seed=1_000 + int(path.stem)), path)


def write(folder: Path) -> Path:
    """Draws the data set; returns its image list, with splits and the attribute ``light``."""
    rows = [("image", "identity", "split", "light")]
    for split, (identities, offset, images) in SPLITS.items():
        for number in range(identities):
            identity = f"{split}_{number}"
            (folder / identity).mkdir(parents=True)
            for index in range(images):
                name = f"{identity}/{index}.jpg"
                image = draw(offset + number / identities, index % 2 == 0, seed=len(rows))
                save(image, folder / name)
                rows.append((name, identity, split, "bright" if index % 2 == 0 else "dim"))
    path = folder / "images.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path
