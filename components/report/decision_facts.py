"""What the decision rests on, and whether it kept on test pairs what it was chosen for."""

from typing import Any, Final

from components.decision.decide import FEW_PEOPLE, PUBLISHED, rate_with_interval
from components.metrics.resolution import couples, people
from components.report.scored_pairs import ScoredPairs

_BASES: Final = {
    "val_pairs": "validation pairs",
    "own_photos": "the owner's own photos",
    PUBLISHED: "the network's published threshold",
}


def basis_in_words(decision: dict[str, Any]) -> str:
    """Where the threshold is from, for people."""
    return _BASES[decision["basis"]]


def describe(
    decision: dict[str, Any], pairs: ScoredPairs, fmr: float | None, within: list[float] | None
) -> dict[str, Any]:
    """The part ``threshold`` of ``summary.json``.

    Args:
      decision: The model's ``decision.json``.
      pairs: The scored test pairs.
      fmr: Theirs.
      within: Its interval over people.

    Returns:
      ``distance``, ``objective`` and ``value`` as they were decided; ``basis``, in words; the
      ``asked_fmr`` and the ``granted_fmr``, None for another objective; ``test_fmr``, as
      ``[value, low, high]``; ``people``, ``couples`` and ``pairs`` that it was decided on; the
      ``strictest`` images; ``test_people``; ``warnings`` for people.
    """
    asked = decision["objective"].get("max_far")
    different = pairs.labels == 0
    interval = None
    if fmr is not None and within is not None:
        trials = couples(pairs.identities_a[different], pairs.identities_b[different])
        interval = rate_with_interval(fmr, within[0], within[1], trials)
    tested = people(pairs.identities_a, pairs.identities_b)
    warnings = list(decision["warnings"])
    if asked is not None and interval and interval[1] > asked:
        warnings.append(
            f"asked for an FMR of {asked:.3g}, and the test pairs gave {interval[0]:.3g}: more "
            "than chance explains, so the people or the photos are unlike those it was chosen on"
        )
    if tested < FEW_PEOPLE:
        warnings.append(f"the test pairs show {tested:,} people, too few to show small rates")
    origin = decision["calibrated_on"]
    return {
        "distance": decision["threshold"],
        "objective": decision["objective"]["objective"],
        "value": decision["objective_value"],
        "basis": basis_in_words(decision),
        "asked_fmr": asked,
        "granted_fmr": decision["granted_fmr"],
        "test_fmr": interval,
        "people": origin["people"],
        "couples": origin["couples"],
        "pairs": origin["pairs"],
        "strictest": decision["strictest"],
        "test_people": tested,
        "warnings": warnings,
    }


def image_rows(decision: dict[str, Any]) -> list[dict[str, Any]]:
    """What the decision does on the images as they are and on their aged copies, for a table."""
    return [
        {"name": name, "strictest": name == decision["strictest"], "threshold": None, **found}
        for name, found in sorted(
            decision["on"].items(), key=lambda item: (item[0] != "plain", item[0])
        )
    ]
