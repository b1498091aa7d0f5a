"""Whether some groups of people are told apart, or recognised, less well than others.

Every group is judged by the one operating point that the model serves, as in part 3 of NIST's face
recognition vendor test (NISTIR 8280, 2019): a threshold of its own for each group would hide the
difference that the people in it meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt
from pydantic import Field

from components.features import MIXED
from components.section import Section


class FairnessConfig(Section):
    """How much worse one group of people may be served than another, for each attribute.

    A ratio is the worst group's error rate over the best group's, at the operating point. None sets
    no bound; the ratios are reported anyway. A group's rate over fewer than ``min_pairs`` pairs is
    in no ratio: it blocks nothing, and the report says so.
    """

    max_fmr_ratio: float | None = Field(
        None,
        ge=1,
        description="How many times as often strangers of one group may be mistaken as those of "
        "another.",
    )
    max_fnmr_ratio: float | None = Field(
        None,
        ge=1,
        description="How many times as often people of one group may be refused as those of "
        "another.",
    )
    min_pairs: int = Field(
        100, ge=1, description="A rate over fewer pairs than this is in no ratio."
    )


@dataclass(frozen=True)
class GroupRates:
    """The errors of one group: the pairs whose two images share one value of an attribute.

    Attributes:
      value: The attribute's value, or ``mixed`` for pairs whose two images differ in it.
      genuine: Pairs that show one person.
      impostors: Pairs that show two people.
      false_matches: Impostor pairs accepted.
      false_non_matches: Genuine pairs refused.
    """

    value: str
    genuine: int
    impostors: int
    false_matches: int
    false_non_matches: int

    @property
    def fmr(self) -> float | None:
        """False match rate; None without impostor pairs."""
        return self.false_matches / self.impostors if self.impostors else None

    @property
    def fnmr(self) -> float | None:
        """False non-match rate; None without genuine pairs."""
        return self.false_non_matches / self.genuine if self.genuine else None


@dataclass(frozen=True)
class Ratio:
    """How many times the worst group's rate is the best group's.

    Attributes:
      ratio: 1 or more; ``inf`` when the best group has no error and the worst has some; None when
        there is nothing to compare, which must not pass or stop a model.
      worst: The value of the group with the highest rate; None like the ratio.
      best: The value of the group with the lowest rate; None like the ratio.
      at_least: The ratio that the pairs do show, 1 or more: the same where it is finite; where the
        best group has no error in n pairs, its rate counts as 3 / n, which it stays below with 95 %
        confidence (the rule of three). None like the ratio.
      note: Why there is no ratio, or what an infinite one is worth. Empty otherwise.
    """

    ratio: float | None
    worst: str | None
    best: str | None
    at_least: float | None
    note: str


@dataclass(frozen=True)
class Fairness:
    """The groups of one attribute and the largest ratios between their rates.

    Attributes:
      attribute: The attribute's name.
      groups: Every value, sorted, ``mixed`` among them.
      too_small: The values that have fewer than ``min_pairs`` genuine or impostor pairs. The rate
        over these few pairs is in no ratio; the other one may be.
      fmr: The largest ratio of false match rates.
      fnmr: The largest ratio of false non-match rates.
    """

    attribute: str
    groups: tuple[GroupRates, ...]
    too_small: tuple[str, ...]
    fmr: Ratio
    fnmr: Ratio


def compare_groups(
    attribute: str,
    values: npt.ArrayLike,
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    min_pairs: int = 100,
) -> Fairness:
    """Compares the error rates of an attribute's groups at the operating point, a score of 0.5.

    Pairs of two groups (``mixed``) are reported, but are in no ratio: they are no group of people,
    and telling a man from a woman is easier than telling two men apart.

    Args:
      attribute: The attribute's name, for the result.
      values: [N], the attribute's value for each pair; strings or bytes.
      labels: [N], 1 same and 0 different.
      scores: [N], at least 0.5 when the decision is "same".
      min_pairs: A rate over fewer pairs than this is in no ratio.

    Raises:
      ValueError: The shapes differ, a label is not 0 or 1, a score is not a number in [0, 1], or
        ``min_pairs`` is below 1.
    """
    if min_pairs < 1:
        raise ValueError(f"min_pairs is {min_pairs}; a rate needs 1 pair or more")
    named = np.array([v.decode() if isinstance(v, bytes) else str(v) for v in np.asarray(values)])
    marks, found = np.asarray(labels), np.asarray(scores, np.float64)
    if named.ndim != 1 or marks.shape != named.shape or found.shape != named.shape:
        raise ValueError(
            f"attribute {attribute!r} has values, labels and scores of shapes {named.shape}, "
            f"{marks.shape} and {found.shape}; give one of each a pair"
        )
    if not np.isin(marks, (0, 1)).all():
        raise ValueError(f"labels are {np.unique(marks)}; use 1 (same) and 0 (different)")
    # Written so that NaN fails too.
    if not np.all((found >= 0) & (found <= 1)):
        raise ValueError(f"scores reach from {found.min()} to {found.max()}; they lie in [0, 1]")
    genuine, same = marks == 1, found >= 0.5
    groups = []
    for value in np.unique(named):
        inside = named == value
        groups.append(
            GroupRates(
                value=str(value),
                genuine=int((inside & genuine).sum()),
                impostors=int((inside & ~genuine).sum()),
                false_matches=int((inside & ~genuine & same).sum()),
                false_non_matches=int((inside & genuine & ~same).sum()),
            )
        )
    return compare_counts(attribute, groups, min_pairs=min_pairs)


def compare_counts(attribute: str, groups: Sequence[GroupRates], *, min_pairs: int) -> Fairness:
    """Compares groups whose errors are counted already: see ``compare_groups``.

    Args:
      attribute: The attribute's name, for the result.
      groups: One for each value, sorted by it.
      min_pairs: A rate over fewer pairs than this is in no ratio.
    """
    people = [group for group in groups if group.value != MIXED]
    return Fairness(
        attribute=attribute,
        groups=tuple(groups),
        too_small=tuple(g.value for g in people if min(g.genuine, g.impostors) < min_pairs),
        fmr=_ratio(
            [(g.value, g.false_matches, g.impostors) for g in people], "impostor", min_pairs
        ),
        fnmr=_ratio(
            [(g.value, g.false_non_matches, g.genuine) for g in people], "genuine", min_pairs
        ),
    )


def _ratio(groups: list[tuple[str, int, int]], kind: str, min_pairs: int) -> Ratio:
    """The largest ratio among (value, errors, pairs)."""
    rates = [
        (errors / pairs, value, pairs) for value, errors, pairs in groups if pairs >= min_pairs
    ]
    if len(rates) < 2:
        note = f"{len(rates)} of {len(groups)} groups have {min_pairs} {kind} pairs"
        return Ratio(None, None, None, None, note)
    (high, worst, _), (low, best, pairs) = max(rates), min(rates)
    if high == 0:
        return Ratio(None, None, None, None, f"no group has an error in its {kind} pairs")
    if low == 0:
        upto = 3 / pairs
        note = f"{best} has no error in {pairs} {kind} pairs; its rate may be up to {upto:.2g}"
        return Ratio(inf, worst, best, max(1.0, high / upto), note)
    return Ratio(high / low, worst, best, high / low, "")
