"""Images of which no process has a table, against the same data set with one."""

import itertools
import os

import pytest
from executor_runs import files, read, run_with_table, run_without_table, summary

from components import features
from components.pair_example_gen import listing_in_beam, many_images, pair_rows
from components.pair_example_gen.config import DataConfig, SplitShares
from components.pair_example_gen.digest import fingerprint
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.hash_bounds import FindBounds
from components.pair_example_gen.sources import Image, ImageTable
from components.pair_example_gen.splitting import hash_fraction, split_images

# Enough that the hashes leave no split without two of them who have two photos.
PEOPLE = {f"p{number:02d}": 1 + number % 4 for number in range(40)}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(listing_in_beam, "IMAGES_A_SHARD", 7)
    monkeypatch.setattr(many_images, "_SHARDS_COMPARED", 3)
    monkeypatch.setattr(pair_rows, "PAIRS_A_SHARD", 6)


@pytest.fixture
def root(tmp_path, write_faces):
    write_faces(tmp_path / "faces", PEOPLE)
    return tmp_path / "faces"


def config_of(root, **changes):
    pairs = {"train": 40, "val": 6, "test": 6}
    return DataConfig(**{"align": "none", "images": str(root), "pairs": pairs, **changes})


def both(config, tmp_path):
    """The artifacts made with a table, and without."""
    return (
        run_with_table(config, tmp_path / "with table"),
        run_without_table(config, tmp_path / "without"),
    )


def image_rows(artifact):
    rows = {split: read(artifact, split) for split in features.SPLITS}
    return {split: sorted(its, key=lambda row: row["image_id"]) for split, its in rows.items()}


def test_the_images_are_the_same(tmp_path, root):
    (root / "p03/0.jpg").write_bytes(b"")
    (root / "p04/more").mkdir()
    (root / "p04/more/notes.txt").write_bytes(b"x")
    (root / "p05/0.jpg").write_bytes((root / "p06/0.jpg").read_bytes())
    config = config_of(root, max_quarantined=0.1, max_duplicates_between_splits=1)
    (with_table, _), (without, _) = both(config, tmp_path)
    assert image_rows(with_table) == image_rows(without)
    for name in ("/summary.json", "/quarantine.csv", "/duplicates.csv"):
        assert files(with_table)[name] == files(without)[name]
    assert len(files(without)["/duplicates.csv"].splitlines()) == 2
    assert summary(without)["other_files_ignored"] == 1
    assert len(files(without)["/quarantine.csv"].splitlines()) == 2


def test_pairs_are_true_balanced_and_all_different(tmp_path, root):
    _, (images, pairs) = both(config_of(root), tmp_path)
    assert summary(pairs)["splits"]["train"]["sampled"] == {
        "same": 20,
        "different": 20,
        "wanted": 40,
    }
    for split in features.SPLITS:
        identity = {row["image_id"]: row["identity"] for row in read(images, split)}
        rows = read(pairs, split)
        named = [frozenset((row["image_id_a"], row["image_id_b"])) for row in rows]
        assert len(set(named)) == len(rows) == getattr(config_of(root).pairs, split)
        assert all(len(two) == 2 for two in named)
        for row in rows:
            assert row["identity_a"] == identity[row["image_id_a"]]
            assert row["identity_b"] == identity[row["image_id_b"]]
            assert row["label"] == (row["identity_a"] == row["identity_b"])
        assert sum(row["label"] for row in rows) == len(rows) // 2
    # All of a person's images are drawn, and almost everybody: 20 pairs of one, 20 of two people.
    train = {row["identity_a"] for row in read(pairs, "train")}
    assert len(train) > 15


def test_few_people_give_as_many_pairs_as_with_a_table(tmp_path, write_faces):
    # Each three of a split are 3 couples, and these have 3 x 5 x 5 pairs of two people.
    who = {f"{split}{number}": split for split in features.SPLITS for number in range(3)}
    ids = write_faces(tmp_path / "faces", dict.fromkeys(who, 5))
    rows = [f"{each},{each.split('/')[0]},{who[each.split('/')[0]]}" for each in ids]
    (tmp_path / "list.csv").write_text("\n".join(["image,identity,split", *rows]))
    listed = {"image_list": str(tmp_path / "list.csv"), "split": "given"}
    pairs = {"train": 20, "val": 100, "test": 6}
    (_, with_table), (_, without) = both(
        config_of(tmp_path / "faces", pairs=pairs, **listed), tmp_path
    )
    assert summary(with_table) == summary(without)
    for split, count in {"train": 20, "val": 60, "test": 6}.items():
        rows = read(without, split)
        named = {frozenset((row["image_id_a"], row["image_id_b"])) for row in rows}
        assert len(named) == len(rows) == count
        assert sum(row["label"] for row in rows) == count // 2


def test_what_lists_name_is_the_same(tmp_path, write_faces):
    root = tmp_path / "faces"
    ids = write_faces(root, PEOPLE)
    split_of = {who: features.SPLITS[number % 3] for number, who in enumerate(PEOPLE)}
    rows = [
        f"{each},{each[:3]},{split_of[each[:3]]},{number % 5}" for number, each in enumerate(ids)
    ]
    (tmp_path / "list.csv").write_text("\n".join(["image,identity,split,light", *rows]))
    tests = [each for each in ids if split_of[each[:3]] == "test"]
    named = [
        f"{one.replace('.jpg', '.png')},{other},{int(one[:3] == other[:3])}"
        for one, other in itertools.islice(itertools.combinations(tests, 2), 25)
    ]
    (tmp_path / "pairs.csv").write_text("\n".join(named))
    (root / tests[1]).write_bytes(b"")
    config = config_of(
        root,
        image_list=str(tmp_path / "list.csv"),
        split="given",
        pair_lists={"test": [str(tmp_path / "pairs.csv")]},
        max_quarantined=0.5,
    )
    (with_table, listed), (without, listed_without) = both(config, tmp_path)
    assert image_rows(with_table) == image_rows(without)
    assert read(listed, "test") == read(listed_without, "test")
    assert summary(listed)["splits"]["test"] == summary(listed_without)["splits"]["test"]
    assert summary(listed)["splits"]["test"]["pairs"]["left_out_quarantined"] > 0
    light = {row["image_id"]: row["light"] for row in image_rows(without)["train"]}
    for row in read(listed_without, "train"):
        one, other = (light[row[key]] for key in ("image_id_a", "image_id_b"))
        assert row["light"] == (one if one == other else b"mixed")


def test_a_limit_keeps_the_same_people(tmp_path, root):
    (with_table, _), (without, _) = both(config_of(root, limit_identities=5), tmp_path)
    assert image_rows(with_table) == image_rows(without)
    assert summary(without)["splits"]["train"]["identities"] == 5


def test_val_is_taken_from_train_where_a_list_has_none(tmp_path, root):
    people = list(PEOPLE)
    rows = [
        f"{who}/{number}.jpg,{who.upper() if number else who},{split}"
        for split, its in (("train", people[:30]), ("test", people[30:]))
        for who in its
        for number in range(PEOPLE[who])
    ]
    # The spelling of the first line counts.
    rows = [row.replace("P", "p") if row.startswith("p01") else row for row in rows]
    (tmp_path / "list.csv").write_text("\n".join(["image,identity,split", *rows]))
    listed = {"image_list": str(tmp_path / "list.csv"), "split": "given", "val_from_train": 0.3}
    (with_table, _), (without, _) = both(config_of(root, **listed), tmp_path)
    assert image_rows(with_table) == image_rows(without)
    assert summary(without)["splits"]["val"]["identities"] > 2


@pytest.mark.parametrize("people", [3, 5, 6, 7, 9, 40])
@pytest.mark.parametrize("train", [0.02, 0.6, 0.97])
def test_few_people_are_split_as_with_a_table(people, train):
    shares = SplitShares(train=train, val=0.01, test=0.99 - train)
    for seed in range(20):
        config = DataConfig(images="faces", seed=seed, shares=shares)
        who = {f"p{number}": hash_fraction(seed, f"p{number}") for number in range(people)}
        find = FindBounds(shares)
        some = find.create_accumulator()
        for fraction in list(who.values())[::2]:
            some = find.add_input(some, fraction)
        others = find.create_accumulator()
        for fraction in list(who.values())[1::2]:
            others = find.add_input(others, fraction)
        bounds = find.extract_output(find.merge_accumulators([some, others]))
        table = ImageTable((), tuple(Image(f"{name}/1.jpg", name) for name in who))
        try:
            split_of = {
                image.identity: split
                for split, images in split_images(table, config).items()
                for image in images
            }
        except DataError:
            assert len({bounds.split(fraction) for fraction in who.values()}) < 3
            continue
        assert {name: bounds.split(fraction) for name, fraction in who.items()} == split_of


def test_one_picture_again_and_again_is_refused_in_the_same_words(tmp_path, root):
    photos = sorted(root.rglob("*.jpg"))
    for photo in photos[::3] + photos[1::3]:
        photo.write_bytes(photos[0].read_bytes())
    for run in (run_with_table, run_without_table):
        with pytest.raises(DataError, match=r"67 of 100 images are the same picture"):
            run(config_of(root), tmp_path / run.__name__)


def test_one_picture_of_one_person_is_no_reason_to_refuse_all(tmp_path, root):
    # Of 115 photos, half of those of the part in which this person's are.
    burst = root / "p39"
    for number in range(4, 20):
        (burst / f"{number}.jpg").write_bytes((burst / "0.jpg").read_bytes())
    (with_table, _), (without, _) = both(config_of(root), tmp_path)
    assert image_rows(with_table) == image_rows(without)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a/1.jpg,ann,train\na/1.jpg,ann,train", r"line 3: 'a/1.jpg' is listed already, in line 2"),
        ("a/1.jpg,ann,train\na/1.jpg,bob,train", r"line 3: 'a/1.jpg' is listed already, in line 2"),
        ("a/1.jpg,ann,train\na/2.jpg,ann,test", r"'ann' is in two splits, train \(a/1.jpg\) and"),
        ("a/1.jpg,ann,train\nb/2.jpg,bob", r"line 3: 2 values for the 3 columns"),
        ("a/1.jpg,ann,train\nb/2.jpg,bob,val\nc/1.jpg,cid,val", r"of the 3 in .* split test"),
        ("a/1.jpg,ann,train\nb/2.jpg,bob,val", r"of the 2 in .* falls into the split test"),
    ],
)
def test_a_list_is_refused_in_the_same_words(tmp_path, root, lines, message):
    (tmp_path / "list.csv").write_text(f"image,identity,split\n{lines}\n")
    config = config_of(
        root, image_list=str(tmp_path / "list.csv"), split="given", limit_identities=1
    )
    for run in (run_with_table, run_without_table):
        with pytest.raises(DataError, match=message):
            run(config, tmp_path / run.__name__)


def test_two_spellings_of_one_name_are_refused_in_the_same_words(tmp_path, root):
    (root / "p01").rename(root / "Jose\u0301")
    (root / "p02").rename(root / "Jos\xe9")
    for run in (run_with_table, run_without_table):
        with pytest.raises(DataError, match=r"'Jose\\u0301' and 'Jos\\xe9' in .* two spellings"):
            run(config_of(root), tmp_path / run.__name__)


def test_people_who_form_no_pair_are_refused(tmp_path, write_faces):
    write_faces(tmp_path / "faces", dict.fromkeys(PEOPLE, 1))
    for run in (run_with_table, run_without_table):
        with pytest.raises(DataError, match=r"the split train has \d+ usable images and no pairs"):
            run(config_of(tmp_path / "faces"), tmp_path / run.__name__)


def test_the_fingerprint_is_of_sizes_and_times_and_reads_no_image(root):
    config = config_of(root, images_in_memory=3)
    photo = root / "p00/0.jpg"
    written = photo.stat()
    seen = [fingerprint(config)]
    photo.write_bytes(bytes(written.st_size))
    os.utime(photo, ns=(written.st_atime_ns, written.st_mtime_ns))
    seen.append(fingerprint(config))
    os.utime(photo, ns=(written.st_atime_ns, written.st_mtime_ns + 1))
    seen.append(fingerprint(config))
    photo.unlink()
    seen.append(fingerprint(config))
    assert seen[0] == seen[1]
    assert len({*seen}) == 3
