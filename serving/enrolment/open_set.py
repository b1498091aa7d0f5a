"""From where on a search accepts, so that a stranger seldom gets a name.

An open-set decision: the person in the photo need not be enrolled. FPIR, the false positive
identification rate, is how often a stranger's photo gets somebody's name; FNIR, the false negative
identification rate, is how often the photo of somebody enrolled does not get theirs (ISO/IEC
19795-1).
"""

from dataclasses import dataclass

from serving.client.client import Client
from serving.enrolment.errors import EnrolmentError

# The model's own decision, by its contract; also that of a mean of scores.
SAME_FROM = 0.5
# A rate of 1 says that nothing is known.
_UNKNOWN = 1.0


@dataclass(frozen=True)
class Acceptance:
    """What it takes to be accepted in a search.

    Args:
        score: The least score.
        distance: The largest distance; None for any. It says what scores near 1 do not resolve.
        asked_fpir: How often a stranger may get a name; None where the model's own threshold counts
            because it knows no rate.
        shown_fpir: How often one does at most, as far as the model can show; None where unknown.
    """

    score: float
    distance: float | None
    asked_fpir: float | None
    shown_fpir: float | None

    @property
    def is_as_asked(self) -> bool:
        """Whether what was asked can be shown."""
        if self.asked_fpir is None or self.shown_fpir is None:
            return self.asked_fpir is None
        # As float32 has them.
        return self.shown_fpir <= self.asked_fpir * (1 + 1e-6)

    def accepts(self, score: float, distance: float) -> bool:
        """Decides on a person's mean score and mean distance."""
        return score >= self.score and (self.distance is None or distance <= self.distance)


def acceptance(
    client: Client, people: int, max_fpir: float | None, min_score: float | None = None
) -> Acceptance:
    """Returns what it takes to be accepted among a number of people.

    Among N people a stranger is mistaken for one or another at most N times as often as for one of
    them, whatever these events have to do with each other: FPIR <= N FMR. So the threshold is one
    with an FMR of ``max_fpir / N``. Where the pairs that the model was decided on cannot show that,
    it is the strictest that they can. It is never laxer than the model's own.

    Args:
        client: Asks the model.
        people: N, 1 or more.
        max_fpir: How often a stranger may get a name, above 0; by default, as often as the model
            mistakes a stranger in one verification.
        min_score: A least score that is asked for beside.

    Raises:
        EnrolmentError: ``max_fpir`` is no rate, or the model cannot keep it.
        ServingError: The server does not answer.
    """
    if max_fpir is not None and not 0 < max_fpir <= 1:
        raise EnrolmentError(f"max_fpir is {max_fpir}; give a rate above 0 and up to 1, as 0.01")
    least = max(SAME_FROM, min_score or 0.0)
    point = client.operating_point(1.0 if max_fpir is None else max_fpir / people)
    if point is None:
        if max_fpir is not None:
            raise EnrolmentError(
                "max_fpir is given, and this model does not know how often strangers are mistaken "
                "at which distance; train it again, or give min_score instead"
            )
        return Acceptance(least, None, None, None)
    if max_fpir is None:
        max_fpir = point.decision_fmr
        if max_fpir >= _UNKNOWN:
            return Acceptance(least, None, None, None)
        point = client.operating_point(max_fpir / people) or point
    shown = None if point.fmr >= _UNKNOWN else min(1.0, people * point.fmr)
    return Acceptance(max(least, point.score), point.distance, max_fpir, shown)
