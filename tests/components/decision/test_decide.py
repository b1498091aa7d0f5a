"""What is decided, and what the record says of it, by hand."""

import dataclasses
import itertools

import numpy as np
import pytest

from components.decision.config import DecisionConfig
from components.decision.decide import Published, decide, granted_fmr, published_of
from components.val_scorer.calibration_pairs import CalibrationPairs


def pairs_of(people: int, near: float = 1.0, **aged: float) -> CalibrationPairs:
    """Two images a person, and a pair of every two people.

    Same pairs lie at 1, 2, 3 ... in turn up to 10. Different ones lie at 100, but for the one of
    the first two people at 10 + ``near``, on the images as they are; on aged copies all of that
    lies so much nearer.
    """
    couples = list(itertools.combinations(range(people), 2))
    same = 1 + np.arange(people) % 10
    different = np.full(len(couples), 100.0)
    different[:1] = 10 + near
    distances = np.concatenate([same, different]).astype(np.float32)
    return CalibrationPairs(
        ids=np.array([f"p{image // 2:03d}/{image % 2}" for image in range(2 * people)]),
        identities=np.array([f"p{image // 2:03d}" for image in range(2 * people)]),
        a=np.array([*(2 * np.arange(people)), *(2 * first for first, _ in couples)]),
        b=np.array([*(2 * np.arange(people) + 1), *(2 * second for _, second in couples)]),
        labels=np.array([1] * people + [0] * len(couples)),
        added=np.zeros(people + len(couples), bool),
        distances={"plain": distances}
        | {name: np.float32(distances - nearer) for name, nearer in aged.items()},
    )


MAX_FAR = DecisionConfig(objective="max_far", max_far=0.01)


def test_accuracy_is_decided_on_the_images_as_they_are_and_aged_copies_are_reported():
    made = decide(pairs_of(30, blur=4.0), DecisionConfig(), "cosine", origin={"split": "val"})
    assert made.threshold == 10.5
    record = made.record
    assert (record["threshold"], record["slope"]) == (made.threshold, made.slope)
    assert record["objective"] == {"objective": "accuracy"}
    assert record["objective_value"] == 1.0
    assert record["comparer"] == "cosine"
    assert (record["basis"], record["granted_fmr"], record["strictest"]) == (
        "val_pairs",
        None,
        "plain",
    )
    assert (
        record["calibrated_on"].items()
        >= {
            "split": "val",
            "people": 30,
            "couples": 435,
            "images": 60,
            "pairs": 465,
            "same": 30,
        }.items()
    )
    assert record["confusion"] == {"tp": 30, "fp": 0, "fn": 0, "tn": 435}
    # No error: resampling gives 0 to 0, and the rule of three the upper ends.
    assert record["rates_95"] == {"fmr": [0.0, 0.0, 3 / 435], "fnmr": [0.0, 0.0, 3 / 30]}
    # On blurred copies the nearest strangers lie at 7.
    assert record["on"]["blur"] | {"what": ""} == {
        "what": "",
        "threshold": 6.5,
        "fmr": 1 / 435,
        "fnmr": 0.0,
    }


def test_max_far_takes_the_strictest_threshold():
    near_all = pairs_of(30, blur=4.0, noise=1.0)
    config = MAX_FAR.model_copy(update={"max_far": 0.0069})  # 3 / 435 is .0069 rounded up.
    made = decide(near_all, config, "cosine")
    # One stranger of 435 is allowed, and not needed: all same pairs are nearer.
    assert {kind: found["threshold"] for kind, found in made.record["on"].items()} == {
        "plain": 10.5,
        "blur": 6.5,
        "noise": 9.5,
    }
    assert made.threshold == 6.5
    assert made.record["strictest"] == "blur"
    assert made.record["granted_fmr"] == 0.0069
    # Recall on the images as they are: same pairs at 1 to 6 of ten, three times.
    assert made.record["objective_value"] == pytest.approx(0.6)
    assert made.record["on"]["plain"]["fnmr"] == pytest.approx(0.4)
    assert made.record["confusion"]["fp"] == 0


def test_only_the_copies_that_the_config_names_count():
    config = MAX_FAR.model_copy(update={"max_far": 0.0069, "aged": ("noise",)})
    made = decide(pairs_of(30, blur=4.0, noise=1.0), config, "cosine")
    assert made.threshold == 9.5
    assert made.record["on"].keys() == {"plain", "noise"}


def test_a_rate_that_the_couples_cannot_show_is_an_error_with_the_number_needed():
    # 24 people make 276 couples, 25 people 300.
    assert granted_fmr(pairs_of(25), MAX_FAR) == 0.01
    with pytest.raises(ValueError, match=r"276 couples of people \(24 people\); it needs 300"):
        granted_fmr(pairs_of(24), MAX_FAR)
    with pytest.raises(ValueError, match=r"allow max_far 0\.011; or set decision.when_unreachable"):
        decide(pairs_of(24), MAX_FAR, "cosine")


def test_or_none_of_the_different_pairs_is_accepted_and_the_record_says_what_that_shows():
    config = MAX_FAR.model_copy(update={"when_unreachable": "strictest"})
    # The nearest strangers lie at 5.5: accepting them would let in half of the same pairs more.
    made = decide(pairs_of(20, near=-4.5), config, "cosine")
    assert made.threshold == 5.25
    assert made.record["confusion"] == {"tp": 10, "fp": 0, "fn": 10, "tn": 190}
    assert made.record["granted_fmr"] == 3 / 190
    assert made.record["objective"] == {"objective": "max_far", "max_far": 0.01}
    assert made.record["warnings"][0] == (
        "asked for an FMR of 0.01, which pairs of 190 couples of people cannot show: none of the "
        "different pairs is accepted, which shows an FMR of at most 0.016"
    )
    assert "rests on 20 people" in made.record["warnings"][1]


def test_added_strangers_count_for_a_false_match_rate_alone():
    pairs = pairs_of(30)
    # All couples but the first ten were added.
    added = dataclasses.replace(pairs, added=np.arange(len(pairs.labels)) >= 30 + 10)
    record = decide(added, DecisionConfig(), "cosine").record
    origin = record["calibrated_on"]
    assert (origin["pairs"], origin["couples"], origin["added"]) == (40, 10, 0)
    # Also in the table for searches, whatever the objective: without them, nobody is at 100.
    assert record["fmr_table"][0][1] == pytest.approx(3 / 435)
    assert record["fmr_table"][-1] == [100.0, 1.0]
    config = MAX_FAR.model_copy(update={"max_far": 0.0069})
    origin = decide(added, config, "cosine").record["calibrated_on"]
    assert (origin["pairs"], origin["couples"], origin["added"]) == (465, 435, 425)


def test_many_people_and_a_reachable_rate_need_no_warning():
    made = decide(pairs_of(50), MAX_FAR, "cosine")
    assert made.record["warnings"] == []
    low, high = made.record["threshold_interval_95"]
    assert low <= made.threshold <= high


def test_a_model_that_cannot_be_so_strict_is_told_of():
    made = decide(pairs_of(50, near=-9.5), MAX_FAR.model_copy(update={"max_far": 0.0025}), "cosine")
    # The one stranger among 1,225 couples lies nearer than all same pairs, and 3 are allowed.
    assert made.threshold == 10.0 + 45
    config = DecisionConfig(objective="max_far", max_far=0.0001, when_unreachable="strictest")
    refused = decide(pairs_of(50, near=-9.5), config, "cosine")
    assert refused.record["confusion"]["tp"] == 0
    assert refused.record["warnings"][-1].startswith("no pair of one person is accepted")


PUBLISHED = Published("euclidean", 0.6, "its authors")


@pytest.mark.parametrize("people", [1, 2, 9])
def test_of_a_handful_of_people_the_published_threshold_is_taken(people):
    made = decide(pairs_of(people), MAX_FAR, "euclidean", published=PUBLISHED)
    assert made.threshold == np.float32(0.6)
    record = made.record
    assert (record["basis"], record["published"]) == ("published", "its authors")
    assert record["threshold_interval_95"] is record["granted_fmr"] is None
    assert "what was asked for, max_far(max_far=0.01), is not shown" in record["warnings"][0]
    # A face at distance 0 scores .99.
    assert 1 / (1 + np.exp(-made.slope * made.threshold)) == pytest.approx(0.99)


def test_but_not_for_another_comparison_nor_with_enough_people():
    made = decide(pairs_of(4), DecisionConfig(), "plda", published=PUBLISHED)
    assert (made.record["basis"], made.threshold) == ("val_pairs", 4.5 + 3)
    made = decide(pairs_of(10), DecisionConfig(), "euclidean", published=PUBLISHED)
    assert made.record["basis"] == "val_pairs"
    with pytest.raises(ValueError, match="1 genuine and 0 impostor"):
        decide(pairs_of(1), DecisionConfig(), "plda", published=PUBLISHED)


def test_the_published_threshold_is_read_from_the_networks_record():
    assert published_of({"name": "resnet", "published_threshold": None}) is None
    record = {"comparer": "euclidean", "threshold": 0.6, "source": "its authors"}
    assert published_of({"published_threshold": record}) == PUBLISHED
    with pytest.raises(ValueError, match="must hold comparer, threshold and source"):
        published_of({"published_threshold": {"threshold": 0.6}})
