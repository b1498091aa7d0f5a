"""Lists and splits images in Beam, for data sets of which no process holds a table.

A person's images come together by the name, a shard's people by a hash; so the shards are the same
whatever the number of workers. Each is a file of names until its images are read.
"""

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import AsDict, AsSingleton, TaggedOutput
from apache_beam.utils import shared
from tfx.dsl.io import fileio

from components import features
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.hash_bounds import Bounds, FindBounds
from components.pair_example_gen.sources import Image, Listing, listed_twice, two_spellings
from components.pair_example_gen.splitting import hash_fraction, in_two_splits
from components.whole_file import write_whole
from serving.names import one_name

# A shard holds about so many images: its people are whole.
IMAGES_A_SHARD: Final = 1_000

_FOUND: Final = "found"
# Beam takes it for a combiner, which its types up to 2.65 do not say.
_SUM: Final[Any] = sum

# Beam encodes plain tuples by their parts, and pickles the others: ``Image``, and its line.
_Row = tuple[str, str, tuple[str, ...], str | None, int]
# An identity, its split (None beyond ``limit_identities``), its images.
_Person = tuple[str, str | None, list[_Row]]


class ListedShard(NamedTuple):
    """A shard of images whose names are in a file.

    Attributes:
      split: Its split.
      name: Its file's name.
      images: How many images it names.
      people: How many people they show.
    """

    split: str
    name: str
    images: int
    people: int


def list_images(pipeline: beam.Pipeline, config: DataConfig, folder: str, named: str | None) -> Any:
    """Lists and splits images, and writes the names of each shard's.

    Args:
      pipeline: Gets the steps.
      config: Names the data set.
      folder: Gets a file a shard, see ``read_shard``.
      named: A file of the image ids that pair lists name, each as JSON in a line; None if there are
        no lists.

    Returns:
      Lines of JSON of five kinds: ``{"people": count}``; ``{"shard": [split, name, images,
      people]}``; ``{"problem": text, "line": line of the list}``, why the data set is refused;
      ``{"ignored": count, "unusable": [...]}`` as in ``ImageTable``; and of the images that are
      named, whatever their suffix, ``{"named": [image id, identity, attributes], "split": split or
      null}``.
    """
    listed = (
        pipeline
        | "DataSet" >> beam.Create([config])
        | "List" >> beam.FlatMap(_list).with_outputs(_FOUND, main="rows")
    )
    people = (
        listed.rows
        | "ByName" >> beam.Map(lambda row: (one_name(row[1]), row))
        | "People" >> beam.GroupByKey()
        | "Check" >> beam.FlatMap(_checked, config).with_outputs(_FOUND, main="people")
    )
    counted = (
        people.people
        | "CountPeople" >> beam.combiners.Count.Globally()
        | "TellPeople" >> beam.Map(lambda count: json.dumps({"people": count}))
    )
    found = [listed[_FOUND], people[_FOUND], counted]
    if config.image_list is not None:
        found.append(
            listed.rows
            | "ByImage" >> beam.Map(lambda row: (row[0], row[4]))
            | "LinesOfImage" >> beam.GroupByKey()
            | "ListedTwice" >> beam.FlatMap(_listed_twice, config.image_list)
        )
    split = _split(people.people, config)
    if named is not None:
        found.append(split | "Named" >> beam.ParDo(_Named(named)))
    kept = split | "InASplit" >> beam.Filter(lambda person: person[1] is not None)
    images = AsDict(
        kept
        | "ImagesOfPerson" >> beam.Map(lambda person: (person[1], len(person[2])))
        | "ImagesOfSplit" >> beam.CombinePerKey(_SUM)
    )
    found.append(
        kept
        | "ByShard" >> beam.Map(_by_shard, config.seed, images)
        | "Shards" >> beam.GroupByKey()
        | "WriteNames" >> beam.Map(_write_names, folder)
    )
    return found | "Found" >> beam.Flatten()


def read_shard(folder: str, shard: ListedShard) -> list[Image]:
    """The images of a shard, person by person."""
    with fileio.open(_path(folder, shard.split, shard.name)) as lines:
        return [_image(json.loads(line)) for line in lines]


def _list(config: DataConfig) -> Iterator[Any]:
    listing = Listing(config)
    try:
        for image, line in listing.rows():
            yield (image.image_id, image.identity, image.attributes, image.split, line)
    except DataError as error:
        yield TaggedOutput(_FOUND, _problem(error))
    told = {"ignored": listing.ignored, "unusable": listing.unusable}
    yield TaggedOutput(_FOUND, json.dumps(told))


def _checked(person: tuple[str, Iterable[_Row]], config: DataConfig) -> Iterator[Any]:
    """A person's name and rows; or what these show together that is wrong."""
    rows = sorted(person[1], key=lambda row: (row[4], row[0]))
    spellings = list(dict.fromkeys(row[1] for row in rows))
    if config.image_list is None and len(spellings) > 1:
        one, twin = sorted(spellings)[:2]
        twins = two_spellings(one, twin, config.images)
        yield TaggedOutput(_FOUND, _problem(twins))
        return
    other = next((row for row in rows if row[3] != rows[0][3]), None)
    if config.split == "given" and other is not None:
        apart = in_two_splits(config, spellings[0], _image(rows[0]), _image(other))
        yield TaggedOutput(_FOUND, _problem(apart, other[4]))
        return
    yield spellings[0], rows


def _listed_twice(image: tuple[str, Iterable[int]], path: str) -> Iterator[str]:
    first, *others = sorted(image[1])
    if others:
        yield _problem(listed_twice(image[0], path, first, others[0]), others[0])


def _split(people: Any, config: DataConfig) -> Any:
    """Puts the split into each person: None beyond ``limit_identities``."""
    if config.split == "given":
        has_val = AsSingleton(
            people
            | "Val" >> beam.Filter(lambda person: person[1][0][3] == features.VAL)
            | "HasVal" >> beam.combiners.Count.Globally()
        )
        split = people | "GivenSplit" >> beam.Map(_by_list, config, has_val)
    else:
        bounds = AsSingleton(
            people
            | "Hash" >> beam.Map(lambda person: hash_fraction(config.seed, person[0]))
            | "Bounds" >> beam.CombineGlobally(FindBounds(config.shares))
        )
        split = people | "HashSplit" >> beam.Map(_by_hash, config.seed, bounds)
    if not config.limit_identities:
        return split
    last = AsDict(
        split
        | "Place" >> beam.Map(lambda person: (person[1], _place(person[0], config.seed)))
        | "First" >> beam.combiners.Top.SmallestPerKey(config.limit_identities)
        | "LastOfThem" >> beam.MapTuple(lambda name, places: (name, max(places)))
    )
    return split | "Limit" >> beam.Map(_within, config.seed, last)


def _by_hash(person: tuple[str, list[_Row]], seed: int, bounds: Bounds) -> _Person:
    identity, rows = person
    return identity, bounds.split(hash_fraction(seed, identity)), rows


def _by_list(person: tuple[str, list[_Row]], config: DataConfig, val: int) -> _Person:
    identity, rows = person
    split = rows[0][3]
    if (
        not val
        and split == features.TRAIN
        and hash_fraction(config.seed, identity) < config.val_from_train
    ):
        split = features.VAL
    return identity, split, rows


def _place(identity: str, seed: int) -> tuple[float, str]:
    return hash_fraction(seed, identity), identity


def _within(person: _Person, seed: int, last: Mapping[str, tuple[float, str]]) -> _Person:
    identity, split, rows = person
    if split is not None and _place(identity, seed) > last[split]:
        split = None
    return identity, split, rows


class _Named(beam.DoFn):
    """Yields the images that a file names; the suffix may be another, see ``with_suffixes``."""

    def __init__(self, path: str):
        self._path = path
        self._handle = shared.Shared()

    def setup(self) -> None:
        self._stems = self._handle.acquire(partial(_stems, self._path))

    def process(self, person: _Person) -> Iterator[str]:
        identity, split, rows = person
        for image_id, _, attributes, *_ in rows:
            if posixpath.splitext(image_id)[0] in self._stems:
                yield json.dumps({"named": [image_id, identity, attributes], "split": split})


def _stems(path: str) -> frozenset[str]:
    with fileio.open(path) as lines:
        return frozenset(posixpath.splitext(json.loads(line))[0] for line in lines)


def _by_shard(person: _Person, seed: int, images: Mapping[str, int]) -> tuple[str, Any]:
    identity, split, rows = person
    # Another number than the one that decides about splits, which is not spread within one.
    fraction = hash_fraction(seed, f"shard of {identity}")
    number = int(fraction * -(-images[str(split)] // IMAGES_A_SHARD))
    return f"{split}/images-{number:05d}", (identity, rows)


def _write_names(shard: tuple[str, Iterable[tuple[str, list[_Row]]]], folder: str) -> str:
    split, _, name = shard[0].partition("/")
    people = sorted(shard[1], key=lambda person: person[0])
    lines = [
        json.dumps([image_id, identity, attributes]) + "\n"
        for identity, rows in people
        for image_id, _, attributes, *_ in sorted(rows)
    ]
    write_whole(_path(folder, split, name), "".join(lines).encode())
    return json.dumps({"shard": [split, name, len(lines), len(people)]})


def _path(folder: str, split: str, name: str) -> str:
    return f"{folder}/{split}/{name}.jsonl"


def _image(row: Any) -> Image:
    image_id, identity, attributes, *split = row
    return Image(image_id, identity, tuple(attributes), split[0] if split else None)


def _problem(error: DataError, line: int = 0) -> str:
    return json.dumps({"problem": str(error), "line": line})
