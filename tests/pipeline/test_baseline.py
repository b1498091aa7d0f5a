"""Which model is the baseline, on hand-made histories."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tfx import types
from tfx.types import standard_artifacts

from pipeline.baseline import BlessedBeforeStrategy, StatisticsBeforeStrategy


def model(number: int) -> types.Artifact:
    artifact = standard_artifacts.Model()
    artifact.id = number
    return artifact


def blessing(number: int, of: int, blessed: bool) -> types.Artifact:
    # As TFX's Evaluator writes it.
    artifact = standard_artifacts.ModelBlessing()
    artifact.id = number
    artifact.set_int_custom_property("blessed", int(blessed))
    artifact.set_int_custom_property("current_model_id", of)
    return artifact


def resolve(
    candidate: int, models: list[int], blessings: list[tuple[int, int, bool]]
) -> tuple[list[int], list[int]]:
    """The ids of the baseline and of its blessing."""
    given: dict[str, list[Any]] = {
        "candidate": [model(candidate)],
        "model": [model(number) for number in models],
        "model_blessing": [blessing(*each) for each in blessings],
    }
    found = BlessedBeforeStrategy().resolve_artifacts(None, given)
    assert found is not None
    assert found["candidate"] == given["candidate"]
    return [each.id for each in found["model"]], [each.id for each in found["model_blessing"]]


@pytest.mark.parametrize(
    ("candidate", "models", "blessings", "baseline"),
    [
        pytest.param(1, [1], [], ([], []), id="the first model has none"),
        pytest.param(1, [1], [(2, 1, True)], ([], []), id="it is not its own, once blessed"),
        pytest.param(3, [3, 1], [(2, 1, True)], ([1], [2]), id="the blessed one before"),
        pytest.param(3, [3, 1], [(2, 1, False)], ([], []), id="not one that was refused"),
        pytest.param(
            7,
            [7, 5, 3, 1],
            [(2, 1, True), (4, 3, True), (6, 5, False)],
            ([3], [4]),
            id="the newest of those blessed, past a refused one",
        ),
        pytest.param(
            3,
            [5, 3, 1],
            [(2, 1, True), (4, 3, True), (6, 5, True)],
            ([1], [2]),
            id="back at an older model: still the one before it",
        ),
        pytest.param(
            9, [1, 5, 9, 3], [(6, 5, True), (2, 1, True)], ([5], [6]), id="in whatever order"
        ),
        pytest.param(5, [5], [(2, 1, True)], ([], []), id="a blessed model that is gone"),
        pytest.param(
            5, [5, 1], [(2, 1, False), (3, 1, True)], ([1], [3]), id="refused first, then blessed"
        ),
    ],
)
def test_the_baseline_is_the_newest_blessed_model_before_the_candidate(
    candidate: int,
    models: list[int],
    blessings: list[tuple[int, int, bool]],
    baseline: tuple[list[int], list[int]],
) -> None:
    assert resolve(candidate, models, blessings) == baseline


def test_without_a_candidate_there_is_no_baseline() -> None:
    given = {"candidate": [], "model": [model(1)], "model_blessing": [blessing(2, 1, True)]}
    found = BlessedBeforeStrategy().resolve_artifacts(None, given)
    assert found == {"candidate": [], "model": [], "model_blessing": []}


def test_a_model_whose_folder_is_gone_is_passed_over_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [model(number) for number in (1, 3, 5)]
    for each in models:
        each.uri = str(tmp_path / str(each.id))
        (tmp_path / str(each.id) / "Format-Serving").mkdir(parents=True)
    given = {
        "candidate": [model(7)],
        "model": models,
        "model_blessing": [blessing(2 * each.id, each.id, True) for each in models],
    }

    def baseline() -> tuple[list[int], str]:
        found = BlessedBeforeStrategy().resolve_artifacts(None, given)
        return [each.id for each in found["model"]], capsys.readouterr().err

    assert baseline() == ([5], "")
    shutil.rmtree(tmp_path / "5")
    found, said = baseline()
    assert found == [3]
    assert f"the last blessed model is gone ({tmp_path}/5)" in said
    assert f"the next older one, {tmp_path}/3" in said
    for name in ("1", "3"):
        shutil.rmtree(tmp_path / name)
    found, said = baseline()
    assert found == []
    assert "no baseline" in said


def test_without_a_candidate_it_is_the_newest_blessed_model_of_all() -> None:
    given: dict[str, list[Any]] = {
        "model": [model(5), model(3), model(1)],
        "model_blessing": [blessing(2, 1, True), blessing(4, 3, True), blessing(6, 5, False)],
    }
    found = BlessedBeforeStrategy().resolve_artifacts(None, given)
    assert [each.id for each in found["model"]] == [3]
    assert found.keys() == given.keys()
    nothing = BlessedBeforeStrategy().resolve_artifacts(None, {**given, "model_blessing": []})
    assert nothing["model"] == []


@pytest.mark.parametrize(
    ("candidate", "statistics", "blessings", "found"),
    [
        pytest.param(1, [1], [], [], id="nothing was blessed"),
        pytest.param(1, [1], [(4, 3, True)], [], id="the same data again is not compared"),
        pytest.param(5, [5, 1], [(4, 3, True)], [1], id="other data, with what was blessed"),
        pytest.param(5, [5, 1], [(4, 3, False)], [], id="not with what was refused"),
        pytest.param(5, [5, 1], [(4, 3, True), (8, 7, True)], [1], id="nor with itself, blessed"),
        pytest.param(9, [9, 5, 1], [(4, 3, True), (8, 7, True)], [5], id="the newest blessed"),
    ],
)
def test_the_data_of_the_last_blessed_model(
    candidate: int,
    statistics: list[int],
    blessings: list[tuple[int, int, bool]],
    found: list[int],
    tmp_path: Path,
) -> None:
    def of(number: int) -> types.Artifact:
        artifact = standard_artifacts.ExampleStatistics()
        artifact.id, artifact.uri = number, str(tmp_path)
        return artifact

    given: dict[str, list[Any]] = {
        "candidate": [of(candidate)],
        "statistics": [of(number) for number in statistics],
        "model": [model(number) for number in (3, 7)],
        "model_blessing": [blessing(*each) for each in blessings],
    }
    resolved = StatisticsBeforeStrategy().resolve_artifacts(None, given)
    assert [each.id for each in resolved["statistics"]] == found
