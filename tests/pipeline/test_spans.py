"""Which folder a path with {SPAN} stands for."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.config import ConfigError, parse_config
from pipeline.spans import SpanError, with_span


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("week-2", "week-09", "week-10", "week-x", "month-11"):
        (tmp_path / name / "faces").mkdir(parents=True)
    return tmp_path


def test_the_largest_number_is_taken_and_goes_into_the_lists(photos: Path) -> None:
    given = {
        "images": f"{photos}/week-{{SPAN}}/faces",
        "image_list": f"{photos}/week-{{SPAN}}/images.csv",
        "pair_lists": {"test": [f"{photos}/pairs-{{SPAN}}.csv"]},
        "seed": 3,
    }
    assert with_span(given) == {
        "images": f"{photos}/week-10/faces",
        "image_list": f"{photos}/week-10/images.csv",
        "pair_lists": {"test": [f"{photos}/pairs-10.csv"]},
        "seed": 3,
        "span": 10,
    }
    # Digits as they are written there.
    nine = with_span({**given, "span": 9})
    assert (nine["images"], nine["span"]) == (f"{photos}/week-09/faces", 9)
    plain = {"images": f"{photos}/week-2"}
    assert with_span(plain) == plain


def test_a_rolling_range_of_spans(photos: Path) -> None:
    given = {"images": f"{photos}/week-{{SPAN}}/faces", "spans": 2, "image_list": "all.csv"}
    assert with_span(given) == {
        "images": str(photos),
        "image_list": "all.csv",
        "spans": 2,
        "span": 10,
        "span_folders": ["week-09/faces", "week-10/faces"],
    }
    assert with_span({**given, "span": 9})["span_folders"] == ["week-2/faces", "week-09/faces"]
    # As many as there are.
    assert len(with_span({**given, "spans": 7})["span_folders"]) == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"images": "{}/week-{SPAN}", "span": 3},
            "span is 3, and {} has no such span; there is 2,",
        ),
        ({"images": "{}/day-{SPAN}"}, "{} has nothing that is called day-"),
        ({"images": "{}/none/week-{SPAN}"}, "{}/none cannot be listed (No such file"),
        ({"images": "{}/week-2", "span": 2}, "data.span is 2, and data.images has no"),
        ({"images": "{}/week-2", "spans": 2}, "data.spans is 2, and data.images has no"),
        (
            {"images": "{}/week-{SPAN}", "spans": 2, "image_list": "{}/week-{SPAN}.csv"},
            "data.spans is 2, and a list has {SPAN}; give one list for all spans, with paths below",
        ),
        ({"images": "{}/week-{SPAN}", "span_folders": ["a"]}, "span_folders is filled in"),
        ({"images": "{}/week-{SPAN}/{SPAN}"}, "twice"),
        ({"images": "{}/{SPAN}-{SPAN}"}, "twice"),
    ],
)
def test_what_is_not_there_is_said(photos: Path, data: dict[str, Any], message: str) -> None:
    data = {**data, "images": data["images"].replace("{}", str(photos))}
    with pytest.raises(SpanError) as error:
        with_span(data)
    assert message.replace("{}", str(photos)) in str(error.value)


def test_a_config_names_the_span_that_it_took(photos: Path) -> None:
    tree = {"name": "weekly", "data": {"images": f"{photos}/week-{{SPAN}}"}}
    config = parse_config(tree, "my.yaml", {})
    assert (config.data.images, config.data.span) == (f"{photos}/week-10", 10)
    several = parse_config(tree, "my.yaml", {"FACEAUTH__DATA__SPANS": "2"})
    assert several.data.span_folders == ("week-09", "week-10")
    with pytest.raises(ConfigError, match=r"data\.spans: 0: Input should be greater than or eq"):
        parse_config({**tree, "data": {**tree["data"], "spans": 0}}, "my.yaml", {})
    chosen = parse_config(tree, "my.yaml", {"FACEAUTH__DATA__SPAN": "2"})
    assert chosen.data.images == f"{photos}/week-2"
    with pytest.raises(ConfigError, match=r"my\.yaml cannot be used:\n  data\.span is 3"):
        parse_config(tree, "my.yaml", {"FACEAUTH__DATA__SPAN": "3"})
    with pytest.raises(ConfigError, match=r"data\.span: \[3\]: Input should be a valid integer"):
        parse_config({**tree, "data": {**tree["data"], "span": [3]}}, "my.yaml", {})
