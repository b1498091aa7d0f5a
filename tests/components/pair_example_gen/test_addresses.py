"""Data at gs:// addresses, through Beam's own client, against a store on this machine."""

from pathlib import Path

import pytest
from apache_beam.io.gcp import gcsio
from executor_runs import files, run_with_table, run_without_table
from google_storage import Bucket, served

from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.digest import fingerprint
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.images import MISSING, read_as
from components.pair_example_gen.pair_lists import read_pair_list
from components.pair_example_gen.sources import read_images
from components.storage import StorageError, read_stored
from pipeline.config import ConfigError, parse_config
from pipeline.spans import with_span

PEOPLE = {f"p{number}": 3 for number in range(12)}
ROOT = "gs://photos/faces"
ALWAYS = {"align": "none", "pairs": {"train": 20, "val": 4, "test": 4}}


@pytest.fixture
def bucket(monkeypatch):
    bucket = Bucket()
    with served(bucket) as address:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        # Nobody is asked who we are, which takes 20 seconds where there is no answer.
        monkeypatch.setattr(gcsio.auth, "get_service_credentials", lambda options: None)
        yield bucket


@pytest.fixture
def faces(bucket, write_faces, tmp_path) -> Path:
    """The same faces in a folder and in the bucket."""
    root = tmp_path / "faces"
    for image_id in write_faces(root, PEOPLE):
        bucket.put(f"faces/{image_id}", (root / image_id).read_bytes())
    return root


def config(images: str | Path, **changes) -> DataConfig:
    return DataConfig(images=str(images), **{**ALWAYS, **changes})


def test_the_images_of_a_bucket_are_those_of_the_same_folder(faces, bucket):
    bucket.put("faces/", b"")  # as consoles mark folders
    bucket.put("faces/p1/.hidden.jpg", b"x")
    bucket.put("faces/p1/notes.txt", b"x")
    bucket.put("faces_of_others/q/0.jpg", b"x")
    (faces / "p1/notes.txt").write_bytes(b"x")
    assert read_images(config(ROOT)) == read_images(config(faces))


@pytest.mark.parametrize("run", [run_with_table, run_without_table])
def test_the_artifacts_of_a_bucket_are_those_of_the_same_folder(faces, tmp_path, run):
    here, there = (
        [files(made) for made in run(config(images), tmp_path / folder)]
        for images, folder in ((faces, "here"), (ROOT, "there"))
    )
    assert here == there
    assert any("/images-" in path for path in here[0])


def test_the_fingerprint_is_of_sizes_and_times_and_fetches_no_image(faces, bucket):
    before = fingerprint(config(ROOT))
    assert bucket.fetched == []
    assert bucket.listed == ["faces/"]
    assert fingerprint(config(ROOT)) == before
    bucket.put("faces/p1/0.jpg", bucket.objects["faces/p1/0.jpg"], "2026-11-02T10:00:00.000Z")
    later = fingerprint(config(ROOT))
    bucket.put("faces/p1/9.jpg", b"one more")
    assert len({before, later, fingerprint(config(ROOT))}) == 3
    assert fingerprint(config(ROOT)) == fingerprint(config(ROOT, images_in_memory=5))


def test_the_fingerprint_of_a_list_is_of_the_images_that_it_names(faces, bucket):
    rows = ["image,identity", *(f"{who}/0.jpg,{who}" for who in PEOPLE), "p1/gone.jpg,p1"]
    bucket.put("lists/all.csv", "\n".join(rows).encode())
    listed = config(ROOT, image_list="gs://photos/lists/all.csv")
    before = fingerprint(listed)
    assert fingerprint(listed.model_copy(update={"images_in_memory": 5})) == before
    bucket.put("faces/p1/1.jpg", b"another, of which the list says nothing")
    assert fingerprint(listed) == before
    bucket.put("faces/p1/gone.jpg", b"here it is")
    assert fingerprint(listed) != before


def test_lists_are_read_at_addresses(faces, bucket):
    rows = [f"{who}/{number}.jpg,{who}" for who, count in PEOPLE.items() for number in range(count)]
    bucket.put("lists/all.csv", "\n".join(["image,identity", *rows]).encode())
    bucket.put("lists/pairs.csv", b"p1/0.jpg,p1/1.jpg,1\n")
    listed = read_images(config(ROOT, image_list="gs://photos/lists/all.csv"))
    assert sorted(listed.images, key=lambda image: image.image_id) == list(
        read_images(config(faces)).images
    )
    [pair] = read_pair_list("gs://photos/lists/pairs.csv")
    assert (pair.image_a, pair.image_b, pair.label) == ("p1/0.jpg", "p1/1.jpg", 1)
    with pytest.raises(DataError, match=r"'gs://photos/lists/none.csv' cannot be read: No such"):
        read_pair_list("gs://photos/lists/none.csv")


def test_a_missing_image_is_quarantined_and_a_store_that_refuses_stops_the_run(faces, bucket):
    assert read_as(config(ROOT), f"{ROOT}/p1/7.jpg") == (b"", MISSING)
    bucket.forbidden.add("faces/p1/0.jpg")
    with pytest.raises(DataError, match=r"gs://photos/faces/p1/0.jpg cannot be read: .*403"):
        read_as(config(ROOT), f"{ROOT}/p1/0.jpg")


def test_a_bucket_without_images_says_so(bucket):
    with pytest.raises(DataError, match="no images below gs://photos/faces"):
        read_images(config(ROOT))


def test_a_bucket_that_is_not_there_says_so(bucket):
    with pytest.raises(DataError, match=r"gs://absent/faces cannot be listed: .*404"):
        read_images(config("gs://absent/faces"))


def test_no_more_is_read_than_asked_for(bucket):
    bucket.put("large", bytes(5_000))
    assert len(read_stored("gs://photos/large", 100)) == 100
    bucket.forbidden.add("large")
    with pytest.raises(StorageError, match="403"):
        read_stored("gs://photos/large")


def test_spans_are_found_at_addresses(bucket):
    for week in ("08", "09", "10"):
        bucket.put(f"week-{week}/p1/0.jpg", b"x")
    found = with_span({"images": "gs://photos/week-{SPAN}"})
    assert (found["images"], found["span"]) == ("gs://photos/week-10", 10)
    found = with_span({"images": "gs://photos/week-{SPAN}", "spans": 2})
    assert found["images"] == "gs://photos"
    assert found["span_folders"] == ["week-09", "week-10"]


@pytest.mark.parametrize("folder", ["s3://bucket/x", "gs://bucket/x/"])
def test_a_config_takes_an_address_of_data(folder):
    tree = {"name": "a", "data": {"images": folder}}
    assert parse_config(tree, "a.yaml", {}).data.images == folder.rstrip("/")


def test_a_config_refuses_a_place_that_beam_does_not_know():
    tree = {"name": "a", "data": {"images": "ftp://host/x"}}
    with pytest.raises(ConfigError, match=r"data.images is 'ftp://host/x': Beam has no .*gs://"):
        parse_config(tree, "a.yaml", {})


def test_a_config_says_why_beam_cannot_read_at_a_place_that_it_knows():
    tree = {"name": "a", "data": {"images": "hdfs://host/x"}}
    with pytest.raises(ConfigError, match=r"data.images is 'hdfs://host/x': Beam cannot read"):
        parse_config(tree, "a.yaml", {})


def test_faces_are_not_drawn_into_a_bucket():
    tree = {"name": "a", "synthetic": {}, "data": {"images": ROOT}}
    with pytest.raises(ConfigError, match="synthetic draws images into a folder of this machine"):
        parse_config(tree, "a.yaml", {})
