"""The executor of PairExampleGen: Beam reads images, pure modules decide."""

import collections
import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apache_beam as beam
from absl import logging
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.code_digest import code_digest
from components.pair_example_gen import duplicates, kept_faces, records, reporting
from components.pair_example_gen import images as image_files
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.kept_faces import KeptFaces
from components.pair_example_gen.pair_rows import WritePairs, leave_pairs
from components.pair_example_gen.planning import SplitPairs, final_pairs, read_listed_pairs
from components.pair_example_gen.sources import Image, read_images
from components.pair_example_gen.splitting import split_images
from components.storage import is_address
from faces import CANVASES

# Shards have a fixed number of rows, so that files do not depend on how many workers write them.
_IMAGES_A_SHARD = 1_000
_FETCHED_AT_A_TIME = 16

_TF_EXAMPLE = example_gen_pb2.PayloadFormat.Value("FORMAT_TF_EXAMPLE")

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the Examples artifacts ``images`` and ``pairs``."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Reads the data set that ``exec_properties["data_config"]`` describes.

        Raises:
          DataError: The data set is not usable, or too many of its images are quarantined.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = DataConfig.model_validate_json(exec_properties["data_config"])
        images_artifact = artifact_utils.get_single_instance(output_dict["images"])
        pairs_artifact = artifact_utils.get_single_instance(output_dict["pairs"])

        # What can be seen without opening an image is checked before the first one is opened.
        table = read_images(config)
        splits = split_images(table, config)
        identity_of = {image.image_id: image.identity for image in table.images}
        listed = read_listed_pairs(splits, identity_of, config)
        logging.info(
            "%d images of %d identities; in splits: %s; %d other files ignored",
            len(table.images),
            len(set(identity_of.values())),
            {split: len(images) for split, images in splits.items()},
            table.ignored,
        )

        kept = None
        if config.align != "none" and exec_properties.get("kept_faces"):
            code = code_digest(kept_faces.__name__)
            wanted = f"{CANVASES[config.align].model_dump_json()} {config.face}"
            kept = KeptFaces(exec_properties["kept_faces"], code, wanted)
            kept.clean()
        write = WriteImages(config, table.attribute_names, images_artifact.uri, kept)
        reports = self._write_images(splits, write)
        quarantined = [
            *table.unusable,
            *(row for report in reports for row in report["quarantined"]),
        ]
        rotated = sum(report["rotated"] for report in reports)
        total = len(table.unusable) + sum(len(images) for images in splits.values())
        reporting.check_quarantine(quarantined, total, config.max_quarantined)
        reporting.write_quarantine(images_artifact.uri, quarantined)
        hashes = {
            image_id: bytes.fromhex(code)
            for report in reports
            for image_id, code in report["hashes"]
        }
        found = duplicates.find_duplicates(splits, hashes)
        reporting.write_duplicates(images_artifact.uri, found)
        duplicates.check_duplicates(found, config)
        reporting.write_image_summary(
            images_artifact.uri, splits, quarantined, rotated, table.ignored
        )

        reasons = {image_id: reason for image_id, _, reason in quarantined}
        pairs = final_pairs(splits, listed, reasons, config)
        self._write_pairs(pairs_artifact.uri, table.attribute_names, splits, pairs)
        reporting.write_pair_summary(pairs_artifact.uri, pairs)
        for artifact in (images_artifact, pairs_artifact):
            unfinished = os.path.join(artifact.uri, records.UNFINISHED)
            if fileio.exists(unfinished):
                fileio.rmtree(unfinished)
            artifact.split_names = artifact_utils.encode_split_names(list(splits))
            artifact.span = 0
            artifact.version = 0
            examples_utils.set_payload_format(artifact, _TF_EXAMPLE)

    def _write_images(
        self, splits: Mapping[str, Sequence[Image]], write: "WriteImages"
    ) -> list[dict[str, Any]]:
        """Writes the usable images; returns what ``WriteImages`` reports of each shard."""
        shards = [
            (
                split,
                f"images-{start // _IMAGES_A_SHARD:05d}",
                images[start : start + _IMAGES_A_SHARD],
            )
            for split, images in splits.items()
            for start in range(0, len(images), _IMAGES_A_SHARD)
        ]
        # Through a file, since not every runner hands results back to where a pipeline is built.
        path = os.path.join(write.uri, records.UNFINISHED, "inspected.jsonl")
        fileio.makedirs(os.path.dirname(path))
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "ImageShards" >> beam.Create(shards)
                | "WriteImages" >> beam.ParDo(write)
                | "ToJson" >> beam.Map(json.dumps)
                | "WriteReports" >> beam.io.WriteToText(path, num_shards=1, shard_name_template="")
            )
        with fileio.open(path) as lines:
            return [json.loads(line) for line in lines]

    def _write_pairs(
        self,
        uri: str,
        attribute_names: Sequence[str],
        splits: Mapping[str, Sequence[Image]],
        pairs: Mapping[str, SplitPairs],
    ) -> None:
        """Writes the pairs of each split, list after list, each in its order."""
        shards = leave_pairs(uri, attribute_names, splits, pairs)
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "PairShards" >> beam.Create(shards)
                | "WritePairs" >> beam.ParDo(WritePairs(uri))
            )


def _fetched(
    read: Callable[[str], image_files.Found], paths: Sequence[str]
) -> Iterator[image_files.Found]:
    """``map`` side by side, since reading mostly waits; so many files at most are held."""
    with ThreadPoolExecutor(_FETCHED_AT_A_TIME) as pool:
        waiting = collections.deque(pool.submit(read, path) for path in paths[:_FETCHED_AT_A_TIME])
        for path in paths[_FETCHED_AT_A_TIME:]:
            found = waiting.popleft().result()
            waiting.append(pool.submit(read, path))
            yield found
        for each in waiting:
            yield each.result()


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
        self._attribute_names = tuple(attribute_names)
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
            yield from self._written(images, _fetched(self._read_file, paths), report)
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
            yield records.image_example(image, data, facts, self._attribute_names)
