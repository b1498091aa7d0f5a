"""What photos are like that were served: one line each, and nothing of whom they show."""

import io
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.client.calls import embed_calls, verify_calls
from serving.served_photos import COLUMNS, VARIABLE, note_photos


def photo(value: int, width: int = 4, height: int = 3, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height), value if mode == "L" else (value,) * 3).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "served.csv"
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def test_a_line_says_when_and_how_large_and_how_bright(file: Path) -> None:
    note_photos([photo(51), photo(255, 8, 8, "RGB")])
    header, *lines = file.read_text().splitlines()
    assert header == ",".join(COLUMNS)
    days, numbers = zip(*(line.split(",", 1) for line in lines), strict=True)
    assert abs((date.fromisoformat(days[0]) - date.today()).days) <= 1
    # 51/255 and white, one colour all over.
    assert numbers == ("4,3,1,0.2,0,0", "8,8,3,1,0,0")


@pytest.mark.parametrize("kind", ["colours", "grey", "grey in 16 bits", "palette", "transparent"])
def test_it_measures_what_pair_example_gen_measures(file: Path, kind: str) -> None:
    from components.pair_example_gen.images import ImageFacts, inspect

    rng = np.random.default_rng(0)
    # Some of them dark, none of them even.
    colours = (rng.integers(0, 255, (600, 40, 3)) * np.linspace(0, 1, 40)[:, None]).astype(np.uint8)
    image = Image.fromarray(colours)
    if kind == "grey":
        image = image.convert("L")
    elif kind == "grey in 16 bits":
        image = Image.fromarray(colours[..., 0].astype(np.uint16) * 256 + 17)
    elif kind == "palette":
        image = image.quantize(16)
    elif kind == "transparent":
        image.putalpha(100)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    facts = inspect(buffer.getvalue(), 10**7)
    assert isinstance(facts, ImageFacts)
    note_photos([buffer.getvalue()])
    line = file.read_text().splitlines()[1].split(",")[1:]
    expected = [getattr(facts, name) for name in COLUMNS[1:]]
    # Three digits.
    np.testing.assert_allclose([float(text) for text in line], expected, rtol=6e-3)


@pytest.mark.parametrize("kind", ["animated", "four inks", "too large"])
def test_what_is_quarantined_in_training_is_passed_over(file: Path, kind: str) -> None:
    buffer = io.BytesIO()
    if kind == "animated":
        frames = [Image.new("L", (4, 3), value) for value in (0, 200)]
        frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    elif kind == "four inks":
        Image.new("CMYK", (4, 3)).save(buffer, "JPEG")
    else:
        Image.new("1", (10_000, 6_000)).save(buffer, "PNG")
    note_photos([buffer.getvalue()])
    assert len(file.read_text().splitlines()) == 1


def test_what_is_sent_is_noted_once(file: Path) -> None:
    for _ in embed_calls([photo(1), photo(2)]):
        pass
    for _ in verify_calls([photo(3)], [photo(4)]):
        pass
    assert len(file.read_text().splitlines()) == 5


def test_without_the_variable_nothing_is_measured(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    note_photos([photo(1)])
    assert not file.exists()


@pytest.mark.parametrize("content", [b"", b"GIF89a", photo(1)[:30]])
def test_what_no_model_decodes_is_passed_over(file: Path, content: bytes) -> None:
    note_photos([content, photo(51)])
    assert len(file.read_text().splitlines()) == 2


def test_nobody_is_locked_out_for_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none" / "served.csv"))
    with caplog.at_level(logging.WARNING):
        note_photos([photo(1)])
    assert "1 photos are not noted in" in caplog.text
    assert "No such file or directory" in caplog.text


def test_nobody_waits_for_a_pipe_that_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "pipe"))
    note_photos([photo(1)])
    assert "No such device or address" in caplog.text


def test_lines_of_many_at_a_time_are_whole(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note_photos, [[photo(51)] * 3] * 40))
    header, *lines = file.read_text().splitlines()
    assert header == ",".join(COLUMNS)
    assert len(lines) == 120
    assert {line.split(",", 1)[1] for line in lines} == {"4,3,1,0.2,0,0"}
