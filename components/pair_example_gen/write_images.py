"""Reads, inspects and writes images, a shard at a time."""

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apache_beam as beam
from absl import logging

from components.pair_example_gen import duplicates, records
from components.pair_example_gen import images as image_files
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.kept_faces import KeptFaces
from components.pair_example_gen.sources import Image
from components.side_by_side import side_by_side
from components.storage import is_address
from faces import CANVASES


class WriteImages(beam.DoFn):
    """Reads, inspects and writes a shard of images, each file once.

    Args:
      config: Where images are, and how they are wanted.
      attribute_names: The features beside the standard ones.
      uri: Folder of the artifact.
      kept: Faces that were aligned before.
    """

    def __init__(
        self,
        config: DataConfig,
        attribute_names: Sequence[str],
        uri: str,
        kept: KeptFaces | None = None,
    ) -> None:
        self.uri = uri
        self._kept = kept
        self._root = config.images
        self._config = config
        self.attribute_names = tuple(attribute_names)
        self._read = beam.metrics.Metrics.counter("PairExampleGen", "images_read")
        self._quarantined = beam.metrics.Metrics.counter("PairExampleGen", "images_quarantined")

    def process(self, shard: tuple[str, str, Sequence[Image]]) -> Iterator[dict[str, Any]]:
        """Yields one report: quarantined (image id, identity, reason), how many are rotated, and
        the hashes of the usable ones (image id, hexadecimal)."""
        split, name, images = shard
        report: dict[str, Any] = {"quarantined": [], "rotated": 0, "hashes": []}
        records.write_shard(self.uri, split, name, self._examples(images, report))
        self._read.inc(len(images))
        self._quarantined.inc(len(report["quarantined"]))
        logging.info(
            "%s of %s: %d images read, %d quarantined",
            name,
            split,
            len(images),
            len(report["quarantined"]),
        )
        yield report

    def _examples(self, images: Sequence[Image], report: dict[str, Any]) -> Iterator[bytes]:
        paths = [os.path.join(self._root, image.image_id) for image in images]
        if is_address(self._root):
            yield from self._written(images, side_by_side(self._read_file, paths), report)
            return
        if self._config.align == "none":
            yield from self._written(images, map(self._read_file, paths), report)
            return
        # Looking for a face keeps one core busy, mostly. What waits to be written is aligned faces,
        # which are small.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from self._written(images, pool.map(self._read_file, paths), report)

    def _read_file(self, path: str) -> image_files.Found:
        if self._kept is None:
            return image_files.read_as(self._config, path)
        canvas, which = CANVASES[self._config.align], self._config.face
        make = functools.partial(image_files.align, canvas=canvas, which=which)
        return image_files.read_and(path, functools.partial(self._kept.get, make=make))

    def _written(
        self,
        images: Sequence[Image],
        read: Iterable[image_files.Found],
        report: dict[str, Any],
    ) -> Iterator[bytes]:
        for image, (data, facts) in zip(images, read, strict=True):
            if isinstance(facts, str):
                report["quarantined"].append((image.image_id, image.identity, facts))
                continue
            report["rotated"] += facts.rotated
            code = duplicates.picture_hash(data)
            if code is not None:
                report["hashes"].append((image.image_id, code.hex()))
            yield records.image_example(image, data, facts, self.attribute_names)
