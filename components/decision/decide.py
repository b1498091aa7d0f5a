"""Decides: from distances of pairs and an objective to threshold, slope and what they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from components.decision.config import DecisionConfig
from components.decision.fmr_table import fmr_table
from components.decision.interval import threshold_interval
from components.decision.slope import fit_slope
from components.decision.threshold import Decision, check_both, choose_threshold
from components.metrics.bootstrap import bootstrap
from components.metrics.resolution import smallest_rate, trials_for
from components.metrics.roc import counts_at
from components.val_scorer.ageing import STRENGTHS
from components.val_scorer.calibration_pairs import PLAIN, CalibrationPairs

VAL_PAIRS: Final = "val_pairs"
OWN_PHOTOS: Final = "own_photos"
PUBLISHED: Final = "published"

# Below this many people, a person more or less moves the rates visibly: it is said.
FEW_PEOPLE: Final = 50
# What a face at distance 0 scores where only a published threshold is known.
_NEAREST_SCORE: Final = 0.99


@dataclass(frozen=True)
class Published:
    """A threshold that came with a network.

    Attributes:
      comparer: The name of the comparison it is for.
      threshold: In the unit of that comparison's distances.
      source: Who says so, for people.
    """

    comparer: str
    threshold: float
    source: str


@dataclass(frozen=True)
class Made:
    """A decision with its record.

    Attributes:
      threshold: The largest distance that is "same"; a float32 value.
      slope: Of the logistic score.
      record: For ``decision.json``.
    """

    threshold: float
    slope: float
    record: dict[str, Any]


def published_of(network: Mapping[str, Any]) -> Published | None:
    """The threshold that came with a model's network; None where there is none.

    Args:
      network: The model's ``network.json``.

    Raises:
      ValueError: It is not whole.
    """
    record = network.get("published_threshold")
    if record is None:
        return None
    try:
        return Published(record["comparer"], float(record["threshold"]), record["source"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"published_threshold in network.json is {record}, which lacks something ({error!r}); "
            "it must hold comparer, threshold and source"
        ) from None


def used_pairs(pairs: CalibrationPairs, config: DecisionConfig) -> CalibrationPairs:
    """Those pairs that the objective looks at: the added ones only count for a false match rate."""
    return pairs.given() if config.max_far is None else pairs


def granted_fmr(pairs: CalibrationPairs, config: DecisionConfig) -> float | None:
    """The false match rate that is decided for: the one asked, or the smallest that can be shown.

    Args:
      pairs: What it is chosen on.
      config: The objective.

    Returns:
      None for another objective than ``max_far``.

    Raises:
      ValueError: The pairs cannot show it, and the config says that this is an error.
    """
    if config.max_far is None:
        return None
    smallest = smallest_rate(pairs.couples)
    if smallest <= config.max_far:
        return config.max_far
    if config.when_unreachable == "error":
        raise ValueError(
            f"objective {config} cannot be shown by pairs of {pairs.couples:,} couples of people "
            f"({pairs.people:,} people); it needs {trials_for(config.max_far):,}. Make more "
            f"validation pairs, of more people; or allow max_far {smallest:.2g}; or set "
            "decision.when_unreachable: strictest"
        )
    return smallest


def decide(
    pairs: CalibrationPairs,
    config: DecisionConfig,
    comparer: str,
    basis: str = VAL_PAIRS,
    origin: dict[str, Any] | None = None,
    published: Published | None = None,
) -> Made:
    """Chooses threshold and slope.

    Args:
      pairs: What they are chosen on.
      config: For what.
      comparer: The name of the model's comparison.
      basis: ``VAL_PAIRS`` or ``OWN_PHOTOS``.
      origin: More about where the pairs come from, for ``calibrated_on``.
      published: The network's own threshold, taken where the pairs are of too few people.

    Raises:
      ValueError: The pairs cannot show what is asked.
    """
    every, pairs = pairs, used_pairs(pairs, config)
    genuine = int(pairs.labels.sum())
    impostors = len(pairs.labels) - genuine
    usable = published if published and published.comparer == comparer else None
    if usable and (pairs.people < config.min_people or not genuine or not impostors):
        return _as_published(usable, pairs, config, origin)
    check_both(genuine, impostors)
    granted = granted_fmr(pairs, config)
    chosen = {
        kind: choose_threshold(distances, pairs.labels, _rule(config, granted, impostors))
        for kind, distances in pairs.distances.items()
        if kind == PLAIN or kind in config.aged
    }
    strictest = PLAIN
    if config.objective == "max_far":
        strictest = min(chosen, key=lambda kind: chosen[kind].threshold)
    threshold = chosen[strictest].threshold
    slope = fit_slope(pairs.distances[PLAIN], pairs.labels, threshold)
    interval = threshold_interval(
        pairs.distances[strictest],
        pairs.labels,
        pairs.numbers_a,
        pairs.numbers_b,
        _rule(config, granted, impostors),
    )
    record = {
        "basis": basis,
        "threshold_interval_95": [interval.low, interval.high],
        "objective_value": _value(config, chosen[PLAIN], pairs, threshold),
        "granted_fmr": granted,
        "strictest": strictest,
        "fmr_table": fmr_table(every, chosen, threshold),
        **_shared(pairs, config, comparer, threshold, origin),
    }
    for kind, found in chosen.items():
        record["on"][kind]["threshold"] = found.threshold
    record["warnings"] = _warnings(record, pairs, config)
    return Made(threshold, slope, {"threshold": threshold, "slope": slope, **record})


def _rule(config: DecisionConfig, granted: float | None, impostors: int) -> DecisionConfig:
    """The objective as it can be had: where a FAR cannot be shown, no false accept at all."""
    if granted is None or granted == config.max_far:
        return config
    return config.model_copy(update={"max_far": 0.5 / impostors})


def _value(
    config: DecisionConfig, plain: Decision, pairs: CalibrationPairs, threshold: float
) -> float:
    if config.max_far is None:
        return plain.value
    # Recall, at the threshold that was taken and not at the one of the images as they are.
    return float(counts_at(pairs.distances[PLAIN], pairs.labels, [threshold]).tpr[0])


def _as_published(
    published: Published,
    pairs: CalibrationPairs,
    config: DecisionConfig,
    origin: dict[str, Any] | None,
) -> Made:
    threshold = float(np.float32(published.threshold))
    slope = float(np.float32(np.log(_NEAREST_SCORE / (1 - _NEAREST_SCORE)) / threshold))
    record = {
        "basis": PUBLISHED,
        "published": published.source,
        "threshold_interval_95": None,
        "objective_value": None,
        "granted_fmr": None,
        "strictest": None,
        **_shared(pairs, config, published.comparer, threshold, origin),
    }
    record["warnings"] = [
        f"the pairs at hand show {pairs.people:,} people, too few to choose a threshold on "
        f"(decision.min_people is {config.min_people}): it is the network's published one, "
        f"{threshold:g} ({published.source}), and what was asked for, {config}, is not shown"
    ]
    return Made(threshold, slope, {"threshold": threshold, "slope": slope, **record})


def _shared(
    pairs: CalibrationPairs,
    config: DecisionConfig,
    comparer: str,
    threshold: float,
    origin: dict[str, Any] | None,
) -> dict[str, Any]:
    """What any record holds."""
    at = counts_at(pairs.distances[PLAIN], pairs.labels, [threshold])
    return {
        "objective": config.asked,
        "comparer": comparer,
        "calibrated_on": {
            **(origin or {}),
            "people": pairs.people,
            "couples": pairs.couples,
            "images": pairs.images,
            "pairs": len(pairs.labels),
            "same": int(pairs.labels.sum()),
            "added": int(pairs.added.sum()),
            "sha256": pairs.digest(),
        },
        "confusion": {name: int(getattr(at, name)[0]) for name in ("tp", "fp", "fn", "tn")},
        "rates_95": _rates(pairs, threshold),
        "on": {
            kind: {
                "what": STRENGTHS.get(kind, "the images as they are"),
                **_errors(distances, pairs.labels, threshold),
            }
            for kind, distances in pairs.distances.items()
            if kind == PLAIN or kind in config.aged
        },
    }


def _errors(distances: np.ndarray, labels: np.ndarray, threshold: float) -> dict[str, float | None]:
    at = counts_at(distances, labels, [threshold])
    return {
        "fmr": float(at.fmr[0]) if at.impostors else None,
        "fnmr": float(at.fnmr[0]) if at.genuine else None,
    }


def _rates(pairs: CalibrationPairs, threshold: float) -> dict[str, list[float] | None]:
    """FMR and FNMR on the pairs as ``[value, low, high]``, by the bootstrap over people."""
    trials = {"fmr": pairs.couples, "fnmr": pairs.people}
    found = bootstrap(
        pairs.distances[PLAIN],
        pairs.labels,
        pairs.numbers_a,
        pairs.numbers_b,
        threshold,
        metrics=trials,
        replicates=500,
    )
    return {
        name: rate_with_interval(found[name].value, found[name].low, found[name].high, number)
        if found[name].replicates and not np.isnan(found[name].value)
        else None
        for name, number in trials.items()
    }


def rate_with_interval(value: float, low: float, high: float, trials: int) -> list[float]:
    """An error rate as ``[value, low, high]``.

    Where no error occurred, resampling finds none either, and the upper end is the rule of three's.

    Args:
      value: The rate.
      low: Lower end of its interval, from ``bootstrap``.
      high: Upper end.
      trials: Couples of people for FMR, people for FNMR.
    """
    return [value, low, high if value else smallest_rate(trials)]


def _warnings(record: dict[str, Any], pairs: CalibrationPairs, config: DecisionConfig) -> list[str]:
    said = []
    granted = record["granted_fmr"]
    if granted != config.max_far:
        said.append(
            f"asked for an FMR of {config.max_far:g}, which pairs of {pairs.couples:,} couples of "
            f"people cannot show: none of the different pairs is accepted, which shows an FMR of "
            f"at most {granted:.2g}"
        )
    if pairs.people < FEW_PEOPLE:
        said.append(
            f"the decision rests on {pairs.people:,} people; with fewer than {FEW_PEOPLE}, other "
            "people may be mistaken for each other several times as often"
        )
    if not record["confusion"]["tp"]:
        said.append("no pair of one person is accepted: the model cannot be as strict as asked")
    return said
