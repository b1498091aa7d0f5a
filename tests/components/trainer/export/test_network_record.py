"""What an exported model says about its network."""

import pytest

from components.trainer.comparison.comparisons import ChosenComparison, DistanceComparison
from components.trainer.config import TrainingConfig
from components.trainer.export.network_record import network_record, published_threshold
from components.trainer.networks.config import NetworkConfig


def dlib(**changes: object) -> NetworkConfig:
    return NetworkConfig(name="dlib_resnet", **changes)


def test_the_published_threshold_is_for_what_was_published():
    found = published_threshold(dlib(normalize=False), "euclidean")
    assert (found.threshold, found.comparer) == (0.6, "euclidean")
    assert found.source == "published with dlib's face network"


@pytest.mark.parametrize(
    "views", [{}, {"mirror": True}, {"zoom": 0.04}, {"mirror": True, "zoom": 0.04}]
)
def test_thresholds_of_unit_vectors_are_one_angle(views):
    cosine = published_threshold(dlib(**views), "cosine").threshold
    euclidean = published_threshold(dlib(**views), "euclidean").threshold
    # |a - b|^2 = 2 (1 - cos), and 0.6 between vectors of length 1.41 is about 0.6^2 / 2 / 1.41^2.
    assert euclidean**2 == pytest.approx(2 * cosine)
    assert cosine == pytest.approx(0.09, abs=0.006)


@pytest.mark.parametrize(
    ("network", "comparison"),
    [
        (NetworkConfig(), "cosine"),
        (dlib(), "plda"),
        (dlib(unfreeze_from="block13"), "cosine"),
        (NetworkConfig(name="file", weights="a.keras", input_range=(0.0, 1.0)), "cosine"),
    ],
)
def test_there_is_none_where_nobody_published_one(network, comparison):
    assert published_threshold(network, comparison) is None


def test_the_record_says_how_it_compares_and_why_not_as_asked():
    config = TrainingConfig(network=dlib(mirror=True), epochs=0, comparison="plda")
    chosen = ChosenComparison(DistanceComparison("cosine"), "cosine", "few people")
    record = network_record(config, 128, chosen)
    assert record["published_threshold"].pop("source").startswith("as strict on LFW's train people")
    assert record == {
        "name": "dlib_resnet",
        "embedding_size": 128,
        "comparer": "cosine",
        "comparer_asked": "plda",
        "comparer_note": "few people",
        "published_threshold": {"threshold": 0.087, "comparer": "cosine"},
    }
