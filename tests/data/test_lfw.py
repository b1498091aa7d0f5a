"""Labeled Faces in the Wild: found, checked, and laid out from what scikit-learn stores.

The images are made here; no download is tried.
"""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import lfw

PEOPLE = {"Ann_Example": 2, "Bob_Sample": 1, "Cy_Instance": 2, "Di_Case": 1, "Ed_Nobody": 1}
DEV_TRAIN = "1\nAnn_Example\t1\t2\nAnn_Example\t1\tBob_Sample\t1\n"
DEV_TEST = "1\nCy_Instance\t1\t2\nCy_Instance\t2\tDi_Case\t1\n"


@pytest.fixture
def sklearn_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What scikit-learn leaves on disk, small: ``lfw_home`` in its data folder."""
    home = tmp_path / "sklearn"
    funneled = home / "lfw_home" / "lfw_funneled"
    for person, images in PEOPLE.items():
        (funneled / person).mkdir(parents=True)
        for number in range(1, images + 1):
            pixels = np.full((250, 250, 3), 40 * number, dtype=np.uint8)
            Image.fromarray(pixels).save(funneled / person / f"{person}_{number:04d}.jpg")
    (funneled / "pairs_01.txt").write_text("the archive holds such lists too")
    (home / "lfw_home" / "pairsDevTrain.txt").write_text(DEV_TRAIN)
    (home / "lfw_home" / "pairsDevTest.txt").write_text(DEV_TEST)
    monkeypatch.setattr(lfw, "IMAGES", 7)
    monkeypatch.setattr(lfw, "PEOPLE", 5)
    monkeypatch.delenv("LFW_DIR", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    monkeypatch.setattr("sklearn.datasets.fetch_lfw_people", lambda **kwargs: None)
    return home


@pytest.fixture
def folder(sklearn_home: Path, tmp_path: Path) -> Path:
    return lfw.fetch(tmp_path / "lfw")


def _rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_fetch_asks_scikit_learn_for_funneled_images(
    sklearn_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[dict] = []
    monkeypatch.setattr("sklearn.datasets.fetch_lfw_people", lambda **kwargs: asked.append(kwargs))
    monkeypatch.delenv("SCIKIT_LEARN_DATA")
    lfw.fetch(tmp_path / "lfw", data_home=sklearn_home)
    (kwargs,) = asked
    assert kwargs["data_home"] == sklearn_home
    assert kwargs["funneled"] is True


def test_what_fetch_calls_accepts_these_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The real fetcher, on files that are there already: it validates its arguments."""
    home = tmp_path / "lfw_home"
    (home / "lfw_funneled" / "Ann_Example").mkdir(parents=True)
    Image.new("RGB", (250, 250)).save(home / "lfw_funneled/Ann_Example/Ann_Example_0001.jpg")
    for name in ("pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt"):
        (home / name).write_text("")
    monkeypatch.setattr(lfw, "_FEW_PEOPLE", 1)
    with pytest.raises(OSError, match="1 images of 1 people instead of 13233 of 5749"):
        lfw.fetch(tmp_path / "lfw", data_home=tmp_path)


def test_layout(folder: Path, sklearn_home: Path):
    assert sorted(path.name for path in folder.iterdir()) == [
        "images",
        "images.csv",
        "pairsDevTest.txt",
        "pairsDevTrain.txt",
    ]
    source = sklearn_home / "lfw_home" / "lfw_funneled"
    images = sorted(path.relative_to(source) for path in source.rglob("*.jpg"))
    assert sorted(path.relative_to(folder / "images") for path in folder.rglob("*.jpg")) == images
    for image in images:
        assert (folder / "images" / image).read_bytes() == (source / image).read_bytes()


def test_split_is_test_for_the_people_of_the_test_pairs_and_train_for_all_others(folder: Path):
    with (folder / "images.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["image", "identity", "split"],
        ["Ann_Example/Ann_Example_0001.jpg", "Ann_Example", "train"],
        ["Ann_Example/Ann_Example_0002.jpg", "Ann_Example", "train"],
        ["Bob_Sample/Bob_Sample_0001.jpg", "Bob_Sample", "train"],
        ["Cy_Instance/Cy_Instance_0001.jpg", "Cy_Instance", "test"],
        ["Cy_Instance/Cy_Instance_0002.jpg", "Cy_Instance", "test"],
        ["Di_Case/Di_Case_0001.jpg", "Di_Case", "test"],
        ["Ed_Nobody/Ed_Nobody_0001.jpg", "Ed_Nobody", "train"],
    ]


def test_pair_lists_lose_only_their_count(folder: Path):
    assert (folder / "pairsDevTrain.txt").read_text() == DEV_TRAIN.partition("\n")[2]
    assert (folder / "pairsDevTest.txt").read_text() == DEV_TEST.partition("\n")[2]


def test_progress_counts_people(sklearn_home: Path, tmp_path: Path):
    calls: list[tuple[int, int]] = []
    lfw.fetch(tmp_path / "lfw", progress=lambda *done: calls.append(done))
    assert calls == [(done, 5) for done in range(1, 6)]


def test_an_interruption_leaves_nothing(sklearn_home: Path, tmp_path: Path):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lfw.fetch(tmp_path / "lfw", progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["sklearn"]


def test_a_failed_download_says_what_to_do(
    sklearn_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(**kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_lfw_people", fail)
    with pytest.raises(OSError, match="no route to host") as caught:
        lfw.provide(tmp_path / "lfw")
    for remedy in (str(sklearn_home / "lfw_home"), str(tmp_path / "lfw"), "LFW_DIR"):
        assert remedy in str(caught.value)
    assert not (tmp_path / "lfw").exists()


def test_an_interrupted_extraction_is_noticed(sklearn_home: Path, tmp_path: Path):
    funneled = sklearn_home / "lfw_home" / "lfw_funneled"
    shutil.rmtree(funneled / "Ed_Nobody")
    with pytest.raises(OSError, match=r"6 images of 4 people instead of 7 of 5.*Remove"):
        lfw.fetch(tmp_path / "lfw")
    assert not (tmp_path / "lfw").exists()


def test_pairs_that_do_not_fit_the_images_are_noticed(sklearn_home: Path, tmp_path: Path):
    _rewrite(sklearn_home / "lfw_home" / "pairsDevTrain.txt", "Bob_Sample\t1", "Bob_Sample\t9")
    with pytest.raises(OSError, match=r"do not fit together.*Bob_Sample_0009"):
        lfw.fetch(tmp_path / "lfw")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sklearn"]


def test_fetch_does_not_touch_a_folder_in_use(sklearn_home: Path, tmp_path: Path):
    (tmp_path / "lfw").mkdir()
    (tmp_path / "lfw" / "mine.txt").write_text("")
    with pytest.raises(FileExistsError, match="is not empty"):
        lfw.fetch(tmp_path / "lfw")


def test_a_complete_folder_has_no_problems(folder: Path):
    assert lfw.problems(folder) == []
    assert lfw.check(folder) == folder


@pytest.mark.parametrize("name", ["images", "images.csv", "pairsDevTrain.txt", "pairsDevTest.txt"])
def test_a_missing_part_is_named(folder: Path, name: str):
    (folder / name).rename(folder / "elsewhere")
    assert lfw.problems(folder) == [f"no {name}"]


def test_missing_images_are_counted_and_named(folder: Path):
    shutil.rmtree(folder / "images" / "Ann_Example")
    assert lfw.problems(folder) == [
        "2 of 7 images (Ann_Example/Ann_Example_0001.jpg, Ann_Example/Ann_Example_0002.jpg)"
    ]


def test_columns_are_checked(folder: Path):
    _rewrite(folder / "images.csv", "image,identity,split", "file,identity,split")
    (problem,) = lfw.problems(folder)
    assert "['file', 'identity', 'split']" in problem


def test_images_that_only_a_pair_list_knows_are_named(folder: Path):
    _rewrite(folder / "pairsDevTest.txt", "Di_Case\t1", "Di_Case\t4")
    assert lfw.problems(folder) == [
        "images.csv lacks 1 images of pairsDevTest.txt (Di_Case/Di_Case_0004.jpg)"
    ]


def test_people_on_the_wrong_side_of_the_split_are_named(folder: Path):
    _rewrite(folder / "images.csv", "Di_Case,test", "Di_Case,train")
    assert lfw.problems(folder) == [
        "1 images of pairsDevTest.txt are not in split test (Di_Case/Di_Case_0001.jpg)"
    ]


@pytest.mark.parametrize("line", ["Ann_Example\t1", "Ann_Example 1 2", "Ann_Example\tx\t2"])
def test_a_malformed_line_of_a_pair_list_is_named(folder: Path, line: str):
    _rewrite(folder / "pairsDevTrain.txt", "Ann_Example\t1\tBob_Sample\t1", line)
    with pytest.raises(ValueError, match=r"pairsDevTrain.txt, line 2: .* is neither"):
        lfw.problems(folder)


def test_provide_prefers_the_folder_that_is_there(folder: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LFW_DIR", str(tmp_path / "nowhere"))
    assert lfw.provide(folder) == folder


def test_provide_takes_the_folder_of_the_environment(folder: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LFW_DIR", str(folder))
    assert lfw.provide(tmp_path / "absent") == folder
    assert not (tmp_path / "absent").exists()


def test_provide_fetches_when_nothing_is_there(sklearn_home: Path, tmp_path: Path):
    (tmp_path / "lfw").mkdir()
    assert lfw.provide(tmp_path / "lfw") == tmp_path / "lfw"
    assert lfw.problems(tmp_path / "lfw") == []


def test_an_incomplete_folder_is_refused_with_a_remedy(folder: Path):
    (folder / "images.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"no images.csv.*faceauth data lfw --out"):
        lfw.provide(folder)


def test_the_real_data_set_is_complete():
    real = Path(os.environ.get("LFW_DIR", "data/lfw"))
    if not real.is_dir():
        pytest.skip(f"no Labeled Faces in the Wild at {real}; LFW_DIR can name its folder")
    assert lfw.problems(real) == []
    with (real / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), len({row["identity"] for row in rows})) == (lfw.IMAGES, lfw.PEOPLE)
