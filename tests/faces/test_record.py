import json

import pytest

from faces import DLIB_150, LFW
from faces.record import canvas_from_text, canvas_of, named_canvas


def test_a_record_is_read(tmp_path):
    face_record = json.dumps({"canvas": DLIB_150.model_dump(mode="json")})
    assert canvas_from_text(face_record) == DLIB_150
    assert canvas_from_text(DLIB_150.model_dump_json()) == DLIB_150
    assert canvas_from_text('{"canvas": null}') is None
    assert canvas_from_text("") is None
    assert canvas_of(tmp_path) is None
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "faces.json").write_text(
        json.dumps({"canvas": LFW.model_dump(mode="json")})
    )
    assert canvas_of(tmp_path) == LFW


@pytest.mark.parametrize("text", ["hello", "[]", "{}", "3", '{"canvas": 3}', '{"canvas": {}}'])
def test_something_else_is_an_error_that_names_the_file(text, tmp_path):
    with pytest.raises(ValueError):  # noqa: PT011
        canvas_from_text(text)
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "faces.json").write_text(text)
    with pytest.raises(ValueError, match=r"faces\.json does not say"):
        canvas_of(tmp_path)


def test_names():
    assert named_canvas("dlib_150") == DLIB_150
    assert named_canvas("lfw") == LFW
    with pytest.raises(ValueError, match="'round'; there are dlib_150, lfw"):
        named_canvas("round")
