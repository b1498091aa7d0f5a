"""The fingerprint changes with what is read, and with nothing else."""

import os
import shutil
import subprocess
import sys

import pytest

from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.digest import fingerprint


@pytest.fixture
def config(tmp_path):
    root = tmp_path / "faces"
    for name, content in (("a/1.jpg", b"one"), ("a/2.jpg", b"two"), ("b/1.jpg", b"three")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (tmp_path / "list.csv").write_text("image,identity\na/1.jpg,A\nb/1.jpg,B\n")
    (tmp_path / "pairs.csv").write_text("a/1.jpg,b/1.jpg,0\n")
    return DataConfig(
        images=str(root),
        image_list=str(tmp_path / "list.csv"),
        pair_lists={"test": [str(tmp_path / "pairs.csv")]},
    )


def test_it_is_the_same_for_the_same_files_elsewhere(tmp_path, config):
    before = fingerprint(config)
    assert len(before) == 64
    (tmp_path / "copy").mkdir()
    for name in ("faces", "list.csv", "pairs.csv"):
        shutil.move(tmp_path / name, tmp_path / "copy" / name)
    moved = DataConfig(
        images=str(tmp_path / "copy/faces"),
        image_list=str(tmp_path / "copy/list.csv"),
        pair_lists={"test": [str(tmp_path / "copy/pairs.csv")]},
    )
    assert fingerprint(moved) == before


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("faces/b/1.jpg", b"thrEe"),
        ("list.csv", b"image,identity\nb/1.jpg,B\na/1.jpg,A\n"),
        ("list.csv", b"image,identity\na/1.jpg,A\nb/1.jpg,C\n"),
        ("pairs.csv", b"b/1.jpg,a/1.jpg,0\n"),
    ],
)
def test_it_changes_with_a_byte_that_is_read(tmp_path, config, path, content):
    before = fingerprint(config)
    (tmp_path / path).write_bytes(content)
    assert fingerprint(config) != before


def test_it_does_not_change_with_a_file_that_is_not_read(tmp_path, config):
    before = fingerprint(config)
    (tmp_path / "faces/a/2.jpg").write_bytes(b"not in the list")
    assert fingerprint(config) == before


def test_a_missing_image_is_a_change_and_no_error(tmp_path, config):
    before = fingerprint(config)
    (tmp_path / "faces/b/1.jpg").unlink()
    missing = fingerprint(config)
    (tmp_path / "faces/b/1.jpg").write_bytes(b"")
    assert len({before, missing, fingerprint(config)}) == 3


def test_names_count_in_a_folder(tmp_path, config):
    folder = DataConfig(images=config.images)
    before = fingerprint(folder)
    (tmp_path / "faces/a/2.jpg").rename(tmp_path / "faces/a/3.jpg")
    assert fingerprint(folder) != before


def test_defining_a_pipeline_loads_no_heavy_library():
    code = (
        "import sys\n"
        "from components.pair_example_gen import digest, sources\n"
        "print(sorted({'numpy', 'PIL', 'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_no_file_does_not_stop_it(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(b"x")
    before = fingerprint(DataConfig(images=str(tmp_path)))
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    (tmp_path / "b" / "zero.jpg").symlink_to("/dev/zero")
    assert fingerprint(DataConfig(images=str(tmp_path))) != before
