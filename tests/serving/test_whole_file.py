"""Files that are whole or not there."""

from pathlib import Path

import pytest

from serving.whole_file import whole_file


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "new" / "file.txt"
    with whole_file(place) as partial:
        partial.write_text("one")
        assert not place.exists()
        assert partial.parent == place.parent
    with whole_file(place) as partial:
        partial.write_text("two")
        assert place.read_text() == "one"
    assert place.read_text() == "two"
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_what_was_there(error, tmp_path: Path) -> None:
    place = tmp_path / "file.txt"
    place.write_text("one")

    def interrupted() -> None:
        with whole_file(place) as partial:
            partial.write_text("tw")
            raise error

    with pytest.raises(error):
        interrupted()
    assert place.read_text() == "one"
    assert list(tmp_path.iterdir()) == [place]
