"""The base of every config section: unknown keys and infinite values are errors."""

import re
from dataclasses import dataclass

from pydantic import AfterValidator, BaseModel, ConfigDict


class Section(BaseModel):
    """A validated, immutable part of the pipeline's config."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


@dataclass(frozen=True)
class Form(AfterValidator):
    """Checks the form of a text.

    Attributes:
      what: The form, in words; after a semicolon, what to give.
    """

    what: str


def is_text(pattern: str, what: str) -> Form:
    """A check that says in words what is wrong.

    Args:
      pattern: A regular expression of all of the text.
      what: As in ``Form``; it ends the sentence "this is not".
    """

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"this is not {what}")
        return value

    return Form(check, what)
