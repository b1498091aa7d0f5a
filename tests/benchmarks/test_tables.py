"""What the benchmarks make up and print; how fast anything is, they measure themselves."""

import numpy as np
import pytest

from benchmarks import ageing
from benchmarks.identify import draw, newest_model
from benchmarks.losses import overrides, row
from pipeline.config import load_config


def test_templates_are_drawn_like_the_embeddings():
    random = np.random.default_rng(0)
    # Of length 5, most of them near one direction.
    embeddings = random.standard_normal((500, 4)) * [0.2, 0.4, 0.1, 0.3] + [3, 0, 4, 0]
    embeddings *= 5 / np.linalg.norm(embeddings, axis=1, keepdims=True)
    drawn = draw(embeddings, 40_001, random)
    assert drawn.shape == (40_001, 4)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 5, rtol=1e-5)
    np.testing.assert_allclose(drawn.mean(axis=0), embeddings.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(embeddings.T), atol=0.02)
    # Two of one person share half of their variance: they lie nearer than strangers, by sqrt(0.5).
    first, second = drawn[0:-1:2], drawn[1::2]
    same = np.square(first - second).sum(axis=1).mean()
    different = np.square(first - np.roll(second, 1, axis=0)).sum(axis=1).mean()
    assert same / different == pytest.approx(0.5, abs=0.03)


def test_the_newest_version_has_the_largest_number(tmp_path):
    with pytest.raises(SystemExit, match="make run"):
        newest_model(tmp_path)
    for version in ("9", "10", "11"):
        (tmp_path / version).mkdir()
    for version in ("9", "10"):
        (tmp_path / version / "saved_model.pb").touch()
    assert newest_model(tmp_path).name == "10"


@pytest.mark.parametrize(
    ("loss", "comparison"), [("contrastive", "plda"), ("binary", "sigmoid"), ("arcface", "plda")]
)
def test_each_loss_is_a_config_that_fits_together(loss, comparison, tmp_path):
    environment = overrides(loss, 2, tmp_path)
    config = load_config("pipeline/configs/lfw.yaml", environment)
    assert config.training.loss.name == loss
    assert config.training.chosen_comparison == comparison
    assert config.training.seed == 2
    assert config.runs_dir == str(tmp_path)


def test_a_line_has_percent_and_images_a_second():
    measured = {
        "binary_accuracy": 0.886,
        "precision": 0.877,
        "recall": 0.898,
        "eer": 0.11,
        "auc": 0.9557,
        "tar_at_far_0.01": 0.478,
    }
    assert row("supcon, 0", measured, 1007.6).split() == [
        *("supcon,", "0", "88.6", "87.7", "89.8", "11.0", "95.6", "47.8", "1,008"),
    ]


def test_ageing_sets_the_two_thresholds_side_by_side():
    decision = {
        "objective": {"objective": "max_far", "max_far": 0.25},
        "threshold": 1.5,
        "strictest": "blur",
        "on": {"plain": {"threshold": 2.5}},
    }
    labels = np.array([1, 1, 0, 0, 0, 0])
    distances = {
        "plain": np.float32([1, 2, 3, 3, 3, 3]),
        "blur": np.float32([1, 1, 2, 2, 1, 3]),
        "small+jpeg": np.float32([1, 3, 1, 1, 3, 3]),
    }
    lines = ageing.table(decision, distances, labels)
    assert [line.split() for line in lines[2:5]] == [
        ["plain", "6", "0.000%", "0.000%", "0.00%", "50.00%"],
        ["blur", "6", "75.000%", "25.000%", "0.00%", "0.00%"],
        ["small+jpeg", "6", "50.000%", "50.000%", "50.00%", "50.00%"],
    ]
    assert lines[5:] == [
        "worst FMR of those looked at: before 75.000%, after 25.000%",
        "worst FMR of those never seen: before 50.000%, after 50.000%",
    ]


def test_ageing_without_a_pair_of_one_person():
    fmr, fnmr = ageing.rates(np.float32([1, 2, np.nan]), np.array([0, 0, 1]), 1.5)
    assert fmr == 0.5
    assert np.isnan(fnmr)
