"""The command on toy models, where an image is a number and two are as far apart as theirs."""

import json
from pathlib import Path

import pytest
import tensorflow as tf

from components.pair_example_gen.pair_lists import read_pair_list
from components.pair_scorer.ten_fold import folds_of
from pipeline.faceauth import main

NUMBERS = {"Ann": (1, 2, 9), "Bob": (20, 21), "Cat": (40, 41)}


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    for name, numbers in NUMBERS.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        for at, number in enumerate(numbers, start=1):
            (tmp_path / "images" / name / f"{name}_{at:04d}.jpg").write_text(str(number))
    return tmp_path


def run(faces: Path, model: Path, pairs: str, *more: str) -> int:
    path = faces / "pairs.txt"
    path.write_text(pairs.replace(" ", "\t"))
    folder = str(model / "Format-Serving")
    options = ["--images", str(faces / "images"), "--pairs", str(path)]
    return main(["ten-fold", folder, *options, *more])


# Two folds of two same and two different pairs each.
PAIRS = """2 2
Ann 1 2
Ann 1 3
Ann 1 Bob 1
Ann 3 Bob 1
Bob 1 2
Cat 1 2
Bob 2 Cat 1
Bob 1 Cat 2
"""


def test_folds_of_the_list_by_hand(faces, models, capsys):
    assert run(faces, models[0], PAIRS, "--json", str(faces / "result.json")) == 0
    # Distances: 1, 8 | 19, 11 in the first fold, and 1, 1 | 19, 21 in the second. On the second,
    # a threshold between 1 and 19 is perfect: 10, which accepts 8 and refuses 11. On the first,
    # between 8 and 11.
    assert capsys.readouterr().out.splitlines()[:4] == [
        "fold  pairs  threshold  accuracy",
        "   1      4    10.0000    1.0000",
        "   2      4     9.5000    1.0000",
        "mean accuracy 1.0000 ± 0.0000 (standard error of the mean over 2 folds)",
    ]
    found = json.loads((faces / "result.json").read_text())
    assert (found["mean"], [fold["pairs"] for fold in found["folds"]]) == (1.0, [4, 4])


def test_the_threshold_comes_from_the_other_folds_alone(faces, models, capsys):
    # The form with labels can call Ann and Bob one person, which makes the folds disagree.
    rows = [("Ann", 1, "Ann", 2, 1), ("Ann", 1, "Bob", 1, 1)]
    rows += [("Ann", 3, "Bob", 1, 0), ("Bob", 1, "Cat", 1, 0)]
    lines = [f"{a}/{a}_{i:04d}.jpg,{b}/{b}_{j:04d}.jpg,{label}" for a, i, b, j, label in rows]
    assert run(faces, models[0], "\n".join(lines), "--folds", "2") == 0
    # Fold 1: 1 (same) and 11 (different). Fold 2: 19 (same) and 20 (different).
    # On fold 2 the threshold is 19.5, which accepts the 11 of fold 1; on fold 1 it is 6, which
    # refuses the 19 of fold 2.
    assert capsys.readouterr().out.splitlines()[1:4] == [
        "   1      2    19.5000    0.5000",
        "   2      2     6.0000    0.5000",
        "mean accuracy 0.5000 ± 0.0000 (standard error of the mean over 2 folds)",
    ]


def test_folds_are_made_of_consecutive_pairs_of_each_class(tmp_path):
    path = tmp_path / "pairs.csv"
    labels = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    path.write_text("".join(f"a{n}.jpg,b{n}.jpg,{label}\n" for n, label in enumerate(labels)))
    found = folds_of(str(path), read_pair_list(str(path)), 2)
    assert found.tolist() == [1, 1, 2, 2, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("pairs", "more", "message"),
    [
        (PAIRS, ["--folds", "1"], "--folds is 1; a threshold comes from another fold"),
        (PAIRS, ["--folds", "3"], "has 2 folds of its own; leave out --folds 3"),
        (PAIRS.removeprefix("2 2\n"), [], "says nothing of folds"),
        (PAIRS.removeprefix("2 2\n"), ["--folds", "5"], "4 same pairs, too few for 5 folds"),
        (PAIRS.replace("Cat 1 2", "Cat 1 7"), [], r"Cat_0007.jpg, named in line 7"),
    ],
)
def test_what_cannot_be_done_is_said(faces, models, capsys, pairs, more, message):
    assert run(faces, models[0], pairs, *more) == 2
    assert message in capsys.readouterr().err


def test_another_model_is_refused(faces, tmp_path, capsys):
    module = tf.Module()
    module.serve = tf.function(
        lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], tf.string, name="x")]
    )
    tf.saved_model.save(module, str(tmp_path / "other" / "Format-Serving"), {"serve": module.serve})
    assert run(faces, tmp_path / "other", PAIRS) == 2
    assert "['serve'], and not ['compare', 'embed']" in capsys.readouterr().err
    assert run(faces, tmp_path / "nowhere", PAIRS) == 2
    assert "is no SavedModel" in capsys.readouterr().err
