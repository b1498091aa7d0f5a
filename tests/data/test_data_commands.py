"""The commands of ``faceauth data``."""

from pathlib import Path

import pytest
from PIL import Image

from data import synthetic
from data._preview import contact_sheet
from pipeline.faceauth import main


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Three people with 3, 1 and 2 pictures of one colour each; a file that is no picture."""
    for person, colours in {
        "a": ["red", "lime", "blue"],
        "b": ["white"],
        "c": ["black", "yellow"],
    }.items():
        (tmp_path / "faces" / person).mkdir(parents=True)
        for index, colour in enumerate(colours):
            Image.new("RGB", (20, 30), colour).save(tmp_path / "faces" / person / f"{index}.png")
    (tmp_path / "faces" / "a" / "notes.txt").write_text("")
    return tmp_path / "faces"


def test_synthetic_writes_the_data_set_and_shows_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "made"
    command = ["synthetic", "--out", str(out), "--identities", "2", "--images", "1"]
    assert main(["data", *command, "--size", "32", "--seed", "3", "--workers", "1"]) == 0
    assert (out / "id_0001/id_0001_00.jpg").read_bytes() == synthetic.face_jpeg(3, 1, 0, 32)
    shown = capsys.readouterr()
    assert str(out) in shown.out
    assert "drawing people: 2/2" in shown.err


def test_errors_are_messages_with_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["data", "synthetic", "--out", str(tmp_path / "made"), "--images", "0"]) == 2
    assert capsys.readouterr().err == ("error: images_per_identity is 0; it must be 1 or more\n")


def test_overwrite_is_passed_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["synthetic", "--out", str(tmp_path / "made"), "--identities", "1", "--images", "1"]
    assert main(["data", *command, "--size", "32"]) == 0
    assert main(["data", *command, "--size", "40"]) == 2
    assert "size 32 instead of 40" in capsys.readouterr().err
    assert main(["data", *command, "--size", "40", "--overwrite"]) == 0
    with Image.open(tmp_path / "made/id_0000/id_0000_00.jpg") as image:
        assert image.size == (40, 40)


def test_lfw_reports_an_incomplete_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "images").mkdir()
    assert main(["data", "lfw", "--out", str(tmp_path)]) == 2
    assert "no images.csv" in capsys.readouterr().err


def test_sheet_has_a_row_for_each_identity_the_fullest_first(faces: Path):
    sheet = contact_sheet(faces, rows=2, columns=3, cell=10)
    assert sheet.size == (30, 20)
    colours = [[sheet.getpixel((5 + 10 * x, 5 + 10 * y)) for x in range(3)] for y in range(2)]
    assert colours == [
        [(255, 0, 0), (0, 255, 0), (0, 0, 255)],
        [(0, 0, 0), (255, 255, 0), (255, 255, 255)],  # the last is the empty sheet
    ]


def test_sheet_spreads_over_the_folder(faces: Path):
    sheet = contact_sheet(faces, rows=2, columns=1, cell=10)
    # a (red), b (white) and c (black) all have one picture: the first, and the one half way.
    assert [sheet.getpixel((5, 5)), sheet.getpixel((5, 15))] == [(255, 0, 0), (255, 255, 255)]


def test_sheet_takes_the_folder_above_images_too(faces: Path):
    faces.rename(faces.parent / "images")
    assert contact_sheet(faces.parent, cell=10).size == (30, 30)


def test_preview_writes_the_sheet(faces: Path, tmp_path: Path):
    out = tmp_path / "new" / "sheet.png"
    assert main(["data", "preview", str(faces), "--out", str(out), "--rows", "1"]) == 0
    with Image.open(out) as sheet:
        assert sheet.size == (3 * 112, 112)
    assert [path.name for path in out.parent.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "sheet.txt"], "must end in .png or .jpg"),
        (["--rows", "0"], "rows is 0; it must be 1 or more"),
        (["--columns", "-1"], "columns is -1"),
    ],
)
def test_preview_refuses_what_it_cannot_do(
    faces: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["data", "preview", str(faces), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_preview_of_nothing_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["data", "preview", str(tmp_path / "absent")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert main(["data", "preview", str(tmp_path)]) == 2
    assert "has no folder with pictures" in capsys.readouterr().err
