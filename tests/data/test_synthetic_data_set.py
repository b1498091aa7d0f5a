"""The data set on disk: reproducible, consistent, and whole or not there."""

import csv
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components import features
from data import synthetic

SMALL = {"identities": 3, "images_per_identity": 2, "size": 32}


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "images.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_worker_two_workers_and_direct_calls_give_the_same_bytes(tmp_path: Path):
    alone = synthetic.generate(tmp_path / "one", seed=9, workers=1, **SMALL)
    together = synthetic.generate(tmp_path / "two", seed=9, workers=2, **SMALL)
    assert _digests(alone) == _digests(together)
    for identity in range(3):
        for index in range(2):
            path = alone / f"id_000{identity}" / f"id_000{identity}_0{index}.jpg"
            assert path.read_bytes() == synthetic.face_jpeg(9, identity, index, 32)


def test_pictures_do_not_depend_on_how_many_there_are(tmp_path: Path):
    few = _digests(synthetic.generate(tmp_path / "few", workers=1, **SMALL))
    more = {**SMALL, "identities": 4, "images_per_identity": 3}
    many = _digests(synthetic.generate(tmp_path / "many", workers=1, **more))
    images = [name for name in few if name.endswith(".jpg")]
    assert len(images) == 6
    assert all(many[name] == few[name] for name in images)


def test_the_list_names_every_file_once_with_its_attributes(tmp_path: Path):
    folder = synthetic.generate(tmp_path / "faces", workers=1, **SMALL)
    rows = _rows(folder)
    assert list(rows[0]) == ["image", "identity", *synthetic.ATTRIBUTES]
    on_disk = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))
    assert [row["image"] for row in rows] == on_disk
    assert on_disk[:3] == [
        "id_0000/id_0000_00.jpg",
        "id_0000/id_0000_01.jpg",
        "id_0001/id_0001_00.jpg",
    ]
    for row in rows:
        assert row["image"].split("/")[0] == row["identity"]
        attributes = synthetic.face_attributes(
            0, int(row["identity"][3:]), int(row["image"][-6:-4])
        )
        assert {key: row[key] for key in synthetic.ATTRIBUTES} == attributes


def test_no_attribute_takes_a_reserved_name():
    assert not features.RESERVED & set(synthetic.ATTRIBUTES)


def test_a_data_set_with_the_same_parameters_is_left_alone(tmp_path: Path):
    folder = synthetic.generate(tmp_path / "faces", workers=1, **SMALL)
    before = folder.stat().st_mtime_ns, _digests(folder)
    calls: list[tuple[int, int]] = []
    synthetic.generate(folder, progress=lambda *done: calls.append(done), **SMALL)
    assert (folder.stat().st_mtime_ns, _digests(folder)) == before
    assert calls == []


def test_other_parameters_are_an_error_that_names_them(tmp_path: Path):
    folder = synthetic.generate(tmp_path / "faces", workers=1, **SMALL)
    before = _digests(folder)
    with pytest.raises(FileExistsError, match=r"seed 0 instead of 4.*ask to overwrite"):
        synthetic.generate(folder, seed=4, **SMALL)
    assert _digests(folder) == before


def test_overwrite_replaces_the_whole_folder(tmp_path: Path):
    folder = synthetic.generate(tmp_path / "faces", workers=1, **SMALL)
    fewer = {**SMALL, "identities": 2}
    synthetic.generate(folder, seed=4, workers=1, overwrite=True, **fewer)
    assert _digests(folder) == _digests(
        synthetic.generate(tmp_path / "fresh", seed=4, workers=1, **fewer)
    )
    assert json.loads((folder / "dataset.json").read_text())["seed"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "fresh"]


def test_a_folder_drawn_by_an_older_version_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = synthetic.generate(tmp_path / "faces", workers=1, **SMALL)
    newer = synthetic.DRAWING_VERSION + 1
    monkeypatch.setattr(synthetic, "DRAWING_VERSION", newer)
    with pytest.raises(FileExistsError, match=f"drawing_version {newer - 1} instead of {newer}"):
        synthetic.generate(folder, **SMALL)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["holiday.jpg", "dataset.json"])
def test_what_is_no_synthetic_data_set_is_never_replaced(
    tmp_path: Path, name: str, overwrite: bool
):
    (tmp_path / name).write_text("[]")
    with pytest.raises(FileExistsError, match="no synthetic data set"):
        synthetic.generate(tmp_path, overwrite=overwrite, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_way_is_named(tmp_path: Path):
    (tmp_path / "faces").write_text("")
    with pytest.raises(FileExistsError, match="faces is a file"):
        synthetic.generate(tmp_path / "faces", **SMALL)


def test_an_empty_folder_is_filled(tmp_path: Path):
    assert len(_rows(synthetic.generate(tmp_path, workers=1, **SMALL))) == 6


class _Interrupted(Exception):
    pass


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("there_before", [False, True])
def test_an_interruption_leaves_no_half_data_set(tmp_path: Path, workers: int, there_before: bool):
    folder = tmp_path / "faces"
    before = {}
    if there_before:
        before = _digests(synthetic.generate(folder, workers=1, **SMALL))

    def interrupt(done: int, total: int) -> None:
        raise _Interrupted

    with pytest.raises(_Interrupted):
        synthetic.generate(
            folder, seed=1, workers=workers, overwrite=True, progress=interrupt, **SMALL
        )
    assert (_digests(folder) if folder.exists() else {}) == before
    assert [path.name for path in tmp_path.iterdir()] == (["faces"] if there_before else [])


def test_a_killed_process_leaves_nothing_in_the_place(tmp_path: Path):
    folder = tmp_path / "faces"
    program = (
        "import os, signal, sys\n"
        "from data import synthetic\n"
        "kill = lambda done, total: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"synthetic.generate(sys.argv[1], workers=1, progress=kill, **{SMALL})\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not folder.exists()
    synthetic.generate(folder, workers=1, **SMALL)
    assert len(_rows(folder)) == 6


def test_progress_counts_people(tmp_path: Path):
    calls: list[tuple[int, int]] = []
    synthetic.generate(
        tmp_path / "faces", workers=1, progress=lambda *done: calls.append(done), **SMALL
    )
    assert calls == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identities": 0}, "identities is 0; it must be 1 or more"),
        ({"images_per_identity": 0}, "images_per_identity is 0"),
        ({"size": 16}, "size is 16; it must be 32 or more"),
        ({"seed": -1}, "seed is -1"),
        ({"workers": 0}, "workers is 0"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, change: dict[str, int], message: str):
    with pytest.raises(ValueError, match=message):
        synthetic.generate(tmp_path / "faces", **{**SMALL, **change})
    assert list(tmp_path.iterdir()) == []
