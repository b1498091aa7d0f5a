import io

import pytest

from faces import PhotoError
from serving.in_process import LocalModel, decision_of, verify


def png_of(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_one_call(face_base, face_in_room, tmp_path):
    left, right = png_of(face_in_room(0)), png_of(face_in_room(300))
    result = verify(face_base, left, right)
    assert result.same
    assert result.threshold == 0.5
    assert 0.5 <= result.score <= 1
    assert result.boxes[1][0] - result.boxes[0][0] == pytest.approx(300, abs=3)
    assert result.faces[0].pixels.shape == (150, 150, 3)
    (tmp_path / "a.png").write_bytes(left)
    model = LocalModel(face_base / "1")
    assert verify(model, str(tmp_path / "a.png"), right).score == result.score


def test_the_score_of_photos_as_they_are_is_the_models(toy_base, toy_model, png):
    model = LocalModel(toy_base)
    result = model.verify(png(1), png(2))
    distance = float(toy_model.distance([png(1)], [png(2)])[0])
    assert result.distance == pytest.approx(distance, abs=1e-4)
    assert result.score == pytest.approx(float(toy_model.score(distance)), abs=1e-3)
    assert result.same == (distance <= 0.5)
    assert result.boxes == (None, None)


def test_what_cannot_be_decided(toy_base, face_base, png, tmp_path):
    with pytest.raises(PhotoError, match="No face"):
        verify(face_base, png(1), png(2))
    with pytest.raises(ValueError, match="cannot decode"):
        # It begins as a PNG file and is none.
        verify(toy_base, png(1)[:40], png(2))
    with pytest.raises(ValueError, match="neither a SavedModel"):
        verify(tmp_path, png(1), png(2))


def test_the_decision_beside_a_model(tmp_path):
    assert decision_of(tmp_path) is None
    (tmp_path / "assets.extra").mkdir()
    path = tmp_path / "assets.extra" / "decision.json"
    path.write_text('{"threshold": 1.5}')
    assert decision_of(tmp_path) == {"threshold": 1.5}
    path.write_text("hello")
    with pytest.raises(ValueError, match="is not JSON"):
        decision_of(tmp_path)
