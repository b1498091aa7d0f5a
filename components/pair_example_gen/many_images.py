"""PairExampleGen for more images than one process holds a table of.

The same steps as with a table, each a pipeline of Beam: list and split, read and write the images,
look for photos that are alike, draw and write the pairs. What the driver holds of the images is how
many each person has, and what is quarantined, alike or named in lists; what a worker holds, a shard
or two of a thousand images, or the hashes of two thousand shards. An engine in one process holds
what it brings together: it takes a cluster to hold less than with a table.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import apache_beam as beam
import numpy as np
from absl import logging
from tfx.dsl.io import fileio

from components import features
from components.pair_example_gen import duplicates, reporting
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.drawing import most_drawn
from components.pair_example_gen.duplicates import Duplicate, Hashed
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.listing_in_beam import ListedShard, list_images, read_shard
from components.pair_example_gen.pair_lists import pairs_of
from components.pair_example_gen.pair_rows import WritePairs, columns_of, leave_pairs
from components.pair_example_gen.pairs_in_beam import Drawing, draw_pairs
from components.pair_example_gen.planning import (
    Pairs,
    final_pairs,
    no_pairs,
    read_listed_pairs,
    sample_at_once,
    warn_of_few_people,
)
from components.pair_example_gen.records import UNFINISHED
from components.pair_example_gen.sources import Image
from components.pair_example_gen.splitting import no_images
from components.pair_example_gen.told import told_by
from components.pair_example_gen.write_images import WriteImages
from components.side_by_side import side_by_side
from components.stored_arrays import read_arrays, write_arrays

# Photos are compared by so many shards with so many others: a million with a million.
_SHARDS_COMPARED: Final = 1_000

_MakePipeline = Callable[[], Any]


class _Listed(NamedTuple):
    """What is known of a data set before an image is opened.

    Attributes:
      shards: Its images, shard by shard.
      ignored: As in ``ImageTable``.
      unusable: Likewise.
      named: Images that pair lists name: who they show, by their ids.
      pairs: The pairs of these lists.
      splits: The images among the named ones that are in a split.
    """

    shards: list[ListedShard]
    ignored: int
    unusable: list[reporting.Quarantined]
    named: dict[str, str]
    pairs: dict[str, list[Pairs]]
    splits: dict[str, list[Image]]


class ManyImages:
    """Makes both artifacts.

    Args:
      make_pipeline: Makes a Beam pipeline, which is run when its context is left.
      config: Names the data set.
      write: Writes the images.
      pairs_uri: Of the artifact of pairs.
    """

    def __init__(
        self, make_pipeline: _MakePipeline, config: DataConfig, write: WriteImages, pairs_uri: str
    ):
        self._pipeline, self._config, self._write = make_pipeline, config, write
        self._pairs_uri = pairs_uri
        self._folder = f"{write.uri}/{UNFINISHED}"

    def make(self) -> None:
        """Makes them.

        Raises:
          DataError: The data set is not usable, or too many of its images are quarantined.
        """
        listed = self._list()
        reports = self._write_images()
        uri, images = self._write.uri, sum(shard.images for shard in listed.shards)
        quarantined = reporting.tell_quarantine(uri, listed.unusable, reports, images, self._config)
        reporting.tell_duplicates(uri, self._duplicates(reports), self._config)
        counts = {split: _count(split, reports) for split in features.SPLITS}
        reporting.write_image_summary(uri, counts, quarantined, reports, listed.ignored)
        reasons = {image_id: reason for image_id, _, reason in quarantined}
        given = {split: listed.splits[split] for split in listed.pairs}
        usable = {split: count.images for split, count in counts.items()}
        of_lists = final_pairs(given, listed.pairs, reasons, self._config, usable)
        drawings = [
            self._drawing(split, number, reports)
            for number, split in enumerate(features.SPLITS)
            if split not in of_lists
        ]
        self._write_pairs(given, of_lists, drawings)
        summaries = reporting.summaries_of(of_lists)
        for drawing in drawings:
            wanted = getattr(self._config.pairs, drawing.split)
            half = drawing.count // 2
            counted = {"same": half, "different": half, "wanted": wanted}
            summaries[drawing.split] = {features.SAMPLED: counted}
        in_order = {split: summaries[split] for split in features.SPLITS}
        reporting.write_pair_summary(self._pairs_uri, in_order)

    def _run(self, name: str, steps: Callable[[Any], Any]) -> Iterator[Any]:
        return told_by(self._pipeline, f"{self._folder}/{name}.jsonl", steps)

    def _list(self) -> _Listed:
        config = self._config
        paths = [path for split in features.SPLITS for path in getattr(config.pair_lists, split)]
        wanted = f"{self._folder}/wanted.txt" if paths else None
        if wanted is not None:
            fileio.makedirs(self._folder)
            ids = {each for path in paths for pair in pairs_of(path) for each in pair[:2]}
            with fileio.open(wanted, "w") as file:
                file.write("\n".join(map(json.dumps, sorted(ids))))
        listed = _Listed([], 0, [], {}, {}, {split: [] for split in features.SPLITS})
        problem, ignored, people = None, 0, 0
        for told in self._run(
            "listed", lambda pipeline: list_images(pipeline, config, self._folder, wanted)
        ):
            if "problem" in told:
                one = (told["line"], told["problem"])
                problem = min(problem or one, one)
            elif "people" in told:
                people = told["people"]
            elif "shard" in told:
                listed.shards.append(ListedShard(*told["shard"]))
            elif "named" in told:
                image_id, identity, attributes = told["named"]
                listed.named[image_id] = identity
                if told["split"] is not None:
                    image = Image(image_id, identity, tuple(attributes))
                    listed.splits[told["split"]].append(image)
            else:
                ignored += told["ignored"]
                listed.unusable.extend(told["unusable"])
        if problem is not None:
            raise DataError(problem[1])
        listed.shards.sort()
        empty = [
            split
            for split in features.SPLITS
            if not any(shard.split == split for shard in listed.shards)
        ]
        if empty:
            raise no_images(empty, people, config)
        for images in listed.splits.values():
            images.sort(key=lambda image: image.image_id)
        logging.info(
            "%d images of %d identities in %d shards; %d other files ignored",
            sum(shard.images for shard in listed.shards),
            sum(shard.people for shard in listed.shards),
            len(listed.shards),
            ignored,
        )
        pairs = read_listed_pairs(listed.splits, listed.named, config)
        return listed._replace(ignored=ignored, pairs=pairs)

    def _write_images(self) -> list[dict[str, Any]]:
        """Writes the usable images; returns what ``_WriteShard`` tells of each shard."""
        write = _WriteShard(self._folder, self._write)

        def steps(pipeline: Any) -> Any:
            return (
                pipeline
                | "Listed" >> beam.Create([f"{self._folder}/listed.jsonl"])
                | "ImageShards" >> beam.FlatMap(_listed_shards)
                | "SpreadImages" >> beam.Reshuffle()
                | "WriteImages" >> beam.ParDo(write)
                | "TellImages" >> beam.Map(json.dumps)
            )

        return sorted(self._run("inspected", steps), key=lambda report: report["shard"])

    def _duplicates(self, reports: Sequence[Mapping[str, Any]]) -> list[Duplicate]:
        names = ["/".join(report["shard"]) for report in reports]
        # Not in the graph: there may be a hundred thousand.
        write_arrays(f"{self._folder}/shards.npz", {"names": np.array(names)})
        self._refuse_one_picture(names, [report["hashed"] for report in reports])
        parts = -(-len(reports) // _SHARDS_COMPARED)
        both = itertools.combinations_with_replacement(range(parts), 2)

        def steps(pipeline: Any) -> Any:
            return (
                pipeline
                | "Parts" >> beam.Create(list(both))
                | "SpreadParts" >> beam.Reshuffle()
                | "Compare" >> beam.FlatMap(_compare, self._folder)
                | "TellAlike" >> beam.Map(json.dumps)
            )

        found = []
        for told in self._run("alike", steps):
            first, split_of_first, second, split_of_second, bits = told
            images = Image(*first), split_of_first, Image(*second), split_of_second
            found.append(Duplicate(*images, bits))
        return duplicates.in_order(found)

    def _refuse_one_picture(self, names: Sequence[str], hashed: Sequence[int]) -> None:
        ends = np.cumsum(hashed)
        drawn = np.array(duplicates.drawn_to_look_at(int(ends[-1])), np.int64)
        of = np.searchsorted(ends, drawn, side="right")
        looked_at = [
            # Counted from the shard's end.
            Hashed(**read_arrays(_hashes(self._folder, names[at]))).take(
                (drawn[of == at] - ends[at]).tolist()
            )
            for at in np.unique(of).tolist()
        ]
        if looked_at:
            parts = side_by_side(read_arrays, (_hashes(self._folder, name) for name in names))
            duplicates.refuse_one_picture(_joined(looked_at), (Hashed(**part) for part in parts))

    def _drawing(self, split: str, number: int, reports: Sequence[Mapping[str, Any]]) -> Drawing:
        its = [report for report in reports if report["shard"][0] == split]
        sizes = np.array([size for report in its for size in report["sizes"]], np.int64)
        wanted = getattr(self._config.pairs, split)
        seed = (self._config.seed, number)
        images = np.array([sum(report["sizes"]) for report in its], np.int64)
        names = np.array([report["shard"][1].encode() for report in its])
        at_once = np.zeros((2, 0), np.int64)
        count = wanted // 2 * 2
        if wanted // 2 > most_drawn(sizes):
            warn_of_few_people(split, wanted, sizes)
            who = np.repeat(np.arange(len(sizes)), sizes)
            pairs = sample_at_once(split, np.arange(len(who)), who, wanted, list(seed))
            at_once, count = np.stack([pairs.first, pairs.second]), pairs.count
        if not count:
            raise no_pairs(split, int(sizes.sum()))
        logging.info("Pairs of %s: %d are drawn, half of them of one person", split, count)
        return Drawing(split, count, seed, sizes, np.cumsum(images) - images, names, at_once)

    def _write_pairs(
        self,
        splits: Mapping[str, Sequence[Image]],
        of_lists: Mapping[str, Any],
        drawings: Sequence[Drawing],
    ) -> None:
        shards = leave_pairs(self._pairs_uri, self._write.attribute_names, splits, of_lists)
        for drawing in drawings:
            drawing.leave(self._pairs_uri)
        with self._pipeline() as pipeline:
            if shards:
                _ = (
                    pipeline
                    | "PairShards" >> beam.Create(shards)
                    | "WritePairs" >> beam.ParDo(WritePairs(self._pairs_uri))
                )
            for drawing in drawings:
                draw_pairs(pipeline, self._pairs_uri, drawing, f"{self._folder}/columns")


class _WriteShard(beam.DoFn):
    """Writes the images of a shard, and beside them what pairs need of those that are usable."""

    def __init__(self, folder: str, write: WriteImages):
        self._folder, self._write = folder, write

    def process(self, shard: ListedShard) -> Iterator[dict[str, Any]]:
        images = read_shard(self._folder, shard)
        [report] = self._write.process((shard.split, shard.name, images))
        left_out = {image_id for image_id, *_ in report["quarantined"]}
        usable = [image for image in images if image.image_id not in left_out]
        path = f"{self._folder}/columns/{shard.split}/{shard.name}.npz"
        write_arrays(path, columns_of(usable, self._write.attribute_names))
        hashes = {image_id: bytes.fromhex(code) for image_id, code in report["hashes"]}
        hashed = duplicates.hashed_images({shard.split: usable}, hashes)
        write_arrays(_hashes(self._folder, f"{shard.split}/{shard.name}"), hashed._asdict())
        people = itertools.groupby(usable, key=lambda image: image.identity)
        yield {
            "shard": [shard.split, shard.name],
            "quarantined": report["quarantined"],
            "rotated": report["rotated"],
            "hashed": len(hashed.ids),
            "sizes": [len(list(its)) for _, its in people],
        }


def _listed_shards(path: str) -> Iterator[ListedShard]:
    with fileio.open(path) as lines:
        for told in map(json.loads, lines):
            if "shard" in told:
                yield ListedShard(*told["shard"])


def _compare(parts: tuple[int, int], folder: str) -> Iterator[list[Any]]:
    part, other = parts
    images = _hashed(folder, part)
    of_others = images if other == part else _hashed(folder, other)
    for found in duplicates.duplicates_of(images, of_others):
        first, second = ([each.image_id, each.identity] for each in (found.first, found.second))
        yield [first, found.split_of_first, second, found.split_of_second, found.bits]


def _hashed(folder: str, part: int) -> Hashed:
    names = read_arrays(f"{folder}/shards.npz")["names"].tolist()
    its = names[part * _SHARDS_COMPARED : (part + 1) * _SHARDS_COMPARED]
    parts = side_by_side(read_arrays, (_hashes(folder, name) for name in its))
    return _joined([Hashed(**each) for each in parts])


def _joined(parts: Sequence[Hashed]) -> Hashed:
    return Hashed(*map(np.concatenate, zip(*parts, strict=True)))


def _hashes(folder: str, name: str) -> str:
    return f"{folder}/hashes/{name}.npz"


def _count(split: str, reports: Sequence[Mapping[str, Any]]) -> reporting.SplitCounts:
    its = [report for report in reports if report["shard"][0] == split]
    return reporting.SplitCounts(
        sum(sum(report["sizes"]) for report in its),
        sum(len(report["sizes"]) for report in its),
        sum(len(report["quarantined"]) for report in its),
    )
