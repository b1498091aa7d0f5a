"""What the threshold is chosen for: the ``decision`` section of a config."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from components.section import Section
from components.val_scorer.ageing import Ageing

_PARAMETERS: dict[str, tuple[str, ...]] = {
    "accuracy": (),
    "eer": (),
    "max_far": ("max_far",),
    "min_recall": ("min_recall",),
    "f_beta": ("beta",),
    "expected_cost": ("false_accept_cost", "false_reject_cost", "same_prior"),
}


class DecisionConfig(Section):
    """What the threshold is chosen for, on the validation pairs.

    * ``accuracy``: most pairs decided rightly.
    * ``eer``: FMR and FNMR as near to each other as they get.
    * ``max_far``: the highest recall with FAR of at most ``max_far``.
    * ``min_recall``: the lowest FAR with recall of at least ``min_recall``.
    * ``f_beta``: the highest F-beta score; ``beta`` above 1 favours recall, below 1 precision.
    * ``expected_cost``: the lowest cost of a decision, ``same_prior * FNMR * false_reject_cost +
      (1 - same_prior) * FMR * false_accept_cost``, where ``same_prior`` is how often a question in
      use is about one person (the detection cost function of NIST's speaker evaluations).

    A parameter is given exactly when its objective is chosen.

    ``max_far`` looks at more pairs of two people than there are among the val pairs: at
    ``strangers`` more, spread over all couples of val people. Pairs of n different couples can show
    an FMR of 3 / n and no less. What happens when
    ``max_far`` is less than that, ``when_unreachable`` says: ``error`` stops the run, ``strictest``
    accepts none of the different pairs and says which FMR that shows.

    ``aged`` names the copies of the val images that are looked at beside the images themselves:
    each degraded in one way, as photos from elsewhere are. ``max_far`` then takes the strictest of
    the thresholds, so that it holds on all of them. The other objectives weigh both errors against
    each other, or put recall first, which a stricter threshold would spoil: they take theirs from
    the images as they are, and only report what it does on the copies.
    """

    objective: Literal["accuracy", "eer", "max_far", "min_recall", "f_beta", "expected_cost"] = (
        Field("accuracy", description="What the threshold is the best for, see above.")
    )
    max_far: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Of objective `max_far`: the largest share of pairs of two people that may be "
        "accepted.",
    )
    min_recall: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Of objective `min_recall`: the least share of pairs of one person to accept.",
    )
    beta: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Of objective `f_beta`: above 1 favours recall, below 1 precision.",
    )
    false_accept_cost: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Of objective `expected_cost`: what it costs to take two people for one.",
    )
    false_reject_cost: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Of objective `expected_cost`: what it costs to take one person for two.",
    )
    same_prior: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Of objective `expected_cost`: how often a question in use is about one "
        "person.",
    )
    when_unreachable: Literal["error", "strictest"] = Field(
        "error",
        description="Where the pairs cannot show `max_far`: stop the run, or accept none of the "
        "different pairs and say which rate that shows.",
    )
    aged: tuple[Ageing, ...] = Field(
        ("blur", "noise", "jpeg", "gamma", "small"),
        description="Degraded copies of the val images that are looked at as well; none: `[]`.",
    )
    strangers: int = Field(
        default=50_000,
        ge=0,
        description="Pairs of two val people that are looked at beside the val pairs, by `max_far` "
        "alone.",
    )
    min_people: int = Field(
        default=10,
        ge=2,
        description="With fewer people in the val pairs, a network's published threshold is taken "
        "if it has one.",
    )

    @field_validator("aged")
    @classmethod
    def _each_once(cls, value: tuple[Ageing, ...]) -> tuple[Ageing, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"{', '.join(value)} names one twice; name each once")
        return value

    @model_validator(mode="after")
    def _parameters_fit(self) -> "DecisionConfig":
        needed = _PARAMETERS[self.objective]
        for names in _PARAMETERS.values():
            for name in names:
                given = getattr(self, name) is not None
                if given and name not in needed:
                    raise ValueError(
                        f"{name} has no meaning with objective {self.objective!r}; remove it"
                    )
                if not given and name in needed:
                    raise ValueError(f"objective {self.objective!r} needs {name}; set it")
        return self

    @property
    def asked(self) -> dict[str, Any]:
        """The objective and its parameters, and nothing else."""
        parameters = {name: getattr(self, name) for name in _PARAMETERS[self.objective]}
        return {"objective": self.objective, **parameters}

    def __str__(self) -> str:
        parameters = ", ".join(f"{p}={getattr(self, p):g}" for p in _PARAMETERS[self.objective])
        return f"{self.objective}({parameters})" if parameters else self.objective
