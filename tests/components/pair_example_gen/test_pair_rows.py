"""Rows of pairs against what protocol buffers make of them."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from components.pair_example_gen import pair_rows
from components.pair_example_gen.pair_rows import WritePairs, leave_pairs
from components.pair_example_gen.planning import Pairs, SampledByWorkers, SplitPairs
from components.pair_example_gen.sources import Image

IMAGES = [
    Image("Zoë/1.jpg", "Zoë", ("old", "")),
    # Longer than what fits a length of one byte.
    Image(f"{'b' * 200}/2.jpg", "b" * 200, ("young", "")),
    Image("c/3.png", "c", ("old", "x")),
]
# Sorts between features of the pipeline's own.
NAMES = ("age", "image_note")


def pairs(name: str, *rows: tuple[int, int, int]) -> Pairs:
    return Pairs(name, *np.array(rows, np.int64).reshape(-1, 3).T)


def write(uri: Path, parts: SplitPairs, images: list[Image] = IMAGES) -> list[bytes]:
    """The rows that are written, in order."""
    [*shards] = leave_pairs(str(uri), NAMES, {"test": images}, {"test": parts})
    writer = WritePairs(str(uri))
    for shard in reversed(shards):
        list(writer.process(shard))
    files = sorted(str(path) for path in (uri / "Split-test").iterdir())
    return list(tf.data.TFRecordDataset(files).as_numpy_iterator())


def test_a_row_is_what_protocol_buffers_make_of_it(tmp_path):
    parts = [pairs("one", (0, 1, 0), (2, 2, 1)), pairs("two", (1, 0, 0), (2, 0, 0))]
    found = write(tmp_path, parts)
    expected = []
    for a, b, label, pair_set, age, note in (
        (0, 1, 0, "one", "mixed", ""),
        (2, 2, 1, "one", "old", "x"),
        (1, 0, 0, "two", "mixed", ""),
        (2, 0, 0, "two", "old", "mixed"),
    ):
        example = tf.train.Example()
        for name, text in (
            ("image_id_a", IMAGES[a].image_id),
            ("image_id_b", IMAGES[b].image_id),
            ("identity_a", IMAGES[a].identity),
            ("identity_b", IMAGES[b].identity),
            ("pair_set", pair_set),
            ("age", age),
            ("image_note", note),
        ):
            example.features.feature[name].bytes_list.value.append(text.encode())
        example.features.feature["label"].int64_list.value.append(label)
        expected.append(example.SerializeToString(deterministic=True))
    assert found == expected


def test_shards_have_a_fixed_number_of_rows_and_do_not_mix_splits(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_rows, "PAIRS_A_SHARD", 2)
    parts = [pairs("one", (0, 1, 0)), pairs("none"), pairs("two", (1, 0, 0), (2, 0, 0))]
    assert len(write(tmp_path, parts)) == 3
    files = sorted((tmp_path / "Split-test").iterdir())
    assert [path.name for path in files] == ["pairs-00000", "pairs-00001"]
    # Beam may try a shard again.
    before = [path.read_bytes() for path in files]
    write(tmp_path, parts)
    assert [path.read_bytes() for path in files] == before


def test_workers_write_the_pairs_that_they_draw(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_rows, "PAIRS_A_SHARD", 5)
    # Nobody's image 3 cannot be used; b has three, c two, d one.
    images = [Image(f"{name}/{at}.jpg", name, ("", "")) for at, name in enumerate("dbcbxcb")]
    usable, sizes = np.array([1, 3, 6, 2, 5, 0]), np.array([3, 2, 1])
    drawn = SampledByWorkers(usable, sizes, 3, [0, 2], 8)
    found = write(tmp_path, drawn, images)
    files = sorted(path.name for path in (tmp_path / "Split-test").iterdir())
    assert files == ["pairs-00000", "pairs-00001"]
    expected = []
    for first, second, label in zip(*drawn.rows(0, 6), strict=True):
        expected.append((images[first].image_id, images[second].image_id, int(label)))
    told = []
    for row in found:
        features = tf.train.Example.FromString(row).features.feature
        ids = (features[name].bytes_list.value[0].decode() for name in ("image_id_a", "image_id_b"))
        told.append((*ids, features["label"].int64_list.value[0]))
        assert features["pair_set"].bytes_list.value[0] == b"sampled"
    assert told == expected
    # All three couples of people, and three of the four pairs of one person.
    assert len({frozenset(row[:2]) for row in told}) == 6
    assert all("x/" not in one for row in told for one in row[:2])
