"""The executor of PairExampleGen: Beam reads images, pure modules decide."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
from absl import logging
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components import features
from components.code_digest import code_digest
from components.pair_example_gen import duplicates, kept_faces, records, reporting
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.kept_faces import KeptFaces
from components.pair_example_gen.many_images import ManyImages
from components.pair_example_gen.pair_rows import WritePairs, leave_pairs
from components.pair_example_gen.planning import SplitPairs, final_pairs, read_listed_pairs
from components.pair_example_gen.sources import (
    Image,
    ImageTable,
    attribute_names,
    read_some_images,
)
from components.pair_example_gen.splitting import split_images
from components.pair_example_gen.told import told_by
from components.pair_example_gen.write_images import WriteImages
from faces import CANVASES

# Shards have a fixed number of rows, so that files do not depend on how many workers write them.
_IMAGES_A_SHARD = 1_000

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

        kept = None
        if config.align != "none" and exec_properties.get("kept_faces"):
            code = code_digest(kept_faces.__name__)
            wanted = f"{CANVASES[config.align].model_dump_json()} {config.face}"
            kept = KeptFaces(exec_properties["kept_faces"], code, wanted)
            kept.clean()
        table = read_some_images(config)
        names = attribute_names(config) if table is None else table.attribute_names
        write = WriteImages(config, names, images_artifact.uri, kept)
        if table is None:
            logging.info("More than %d images: listed in Beam", config.images_in_memory)
            ManyImages(self._make_beam_pipeline, config, write, pairs_artifact.uri).make()
        else:
            self._make(table, config, write, pairs_artifact.uri)
        for artifact in (images_artifact, pairs_artifact):
            unfinished = os.path.join(artifact.uri, records.UNFINISHED)
            if fileio.exists(unfinished):
                fileio.rmtree(unfinished)
            artifact.split_names = artifact_utils.encode_split_names(list(features.SPLITS))
            artifact.span = 0
            artifact.version = 0
            examples_utils.set_payload_format(artifact, _TF_EXAMPLE)

    def _make(
        self, table: ImageTable, config: DataConfig, write: WriteImages, pairs_uri: str
    ) -> None:
        """Makes both artifacts of images that this process has a table of."""
        # What can be seen without opening an image is checked before the first one is opened.
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

        reports = self._write_images(splits, write)
        images = sum(len(images) for images in splits.values())
        quarantined = reporting.tell_quarantine(write.uri, table.unusable, reports, images, config)
        hashes = {
            image_id: bytes.fromhex(code)
            for report in reports
            for image_id, code in report["hashes"]
        }
        found = duplicates.find_duplicates(splits, hashes)
        reporting.tell_duplicates(write.uri, found, config)
        counts = reporting.count_splits(splits, quarantined)
        reporting.write_image_summary(write.uri, counts, quarantined, reports, table.ignored)

        reasons = {image_id: reason for image_id, _, reason in quarantined}
        pairs = final_pairs(splits, listed, reasons, config)
        self._write_pairs(pairs_uri, table.attribute_names, splits, pairs)
        reporting.write_pair_summary(pairs_uri, reporting.summaries_of(pairs))

    def _write_images(
        self, splits: Mapping[str, Sequence[Image]], write: WriteImages
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

        def steps(pipeline: Any) -> Any:
            return (
                pipeline
                | "ImageShards" >> beam.Create(shards)
                | "WriteImages" >> beam.ParDo(write)
                | "ToJson" >> beam.Map(json.dumps)
            )

        path = os.path.join(write.uri, records.UNFINISHED, "inspected.jsonl")
        return list(told_by(self._make_beam_pipeline, path, steps))

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
