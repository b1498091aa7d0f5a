"""Data at s3:// addresses, through Beam's own client, against a store in this process."""

import os
from pathlib import Path

import boto3
import pytest
from executor_runs import files, run_with_table, run_without_table
from moto.server import ThreadedMotoServer

from components import storage
from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.digest import fingerprint
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.images import MISSING, read_as
from components.pair_example_gen.sources import read_images
from pipeline.config import ConfigError, parse_config

PEOPLE = {f"p{number}": 3 for number in range(12)}
ROOT = "s3://photos/faces"
ALWAYS = {"align": "none", "pairs": {"train": 20, "val": 4, "test": 4}}


@pytest.fixture
def client(monkeypatch):
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="photos")
    yield client
    server.stop()


@pytest.fixture
def faces(client, write_faces, tmp_path) -> Path:
    """The same faces in a folder and in the bucket."""
    root = tmp_path / "faces"
    for image_id in write_faces(root, PEOPLE):
        client.upload_file(str(root / image_id), "photos", f"faces/{image_id}")
    return root


def config(images: str | Path, **changes) -> DataConfig:
    return DataConfig(images=str(images), **{**ALWAYS, **changes})


@pytest.mark.parametrize("run", [run_with_table, run_without_table])
def test_the_artifacts_of_a_bucket_are_those_of_the_same_folder(faces, tmp_path, run):
    here, there = (
        [files(made) for made in run(config(images), tmp_path / folder)]
        for images, folder in ((faces, "here"), (ROOT, "there"))
    )
    assert here == there
    assert any("/images-" in path for path in here[0])


def test_a_list_is_read_there(faces, client):
    rows = [f"{who}/{number}.jpg,{who}" for who, count in PEOPLE.items() for number in range(count)]
    client.put_object(
        Bucket="photos", Key="list.csv", Body="\n".join(["image,identity", *rows]).encode()
    )
    listed = read_images(config(ROOT, image_list="s3://photos/list.csv"))
    by_id = sorted(listed.images, key=lambda image: image.image_id)
    assert by_id == list(read_images(config(faces)).images)


def test_the_fingerprint_follows_what_is_stored(faces, client):
    before = fingerprint(config(ROOT))
    assert fingerprint(config(ROOT)) == before
    client.put_object(Bucket="photos", Key="faces/p1/9.jpg", Body=os.urandom(10))
    assert fingerprint(config(ROOT)) != before


def test_what_is_not_there_is_said(faces):
    assert read_as(config(ROOT), f"{ROOT}/p1/7.jpg") == (b"", MISSING)
    with pytest.raises(DataError, match="no images below s3://photos/none"):
        read_images(config("s3://photos/none"))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(storage, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"s3://photos/faces': s3:// takes the package boto3"):
        parse_config({"name": "a", "data": {"images": ROOT}}, "a.yaml", {})
