"""The base of every config section: unknown keys and infinite values are errors."""

import re

from pydantic import AfterValidator, BaseModel, ConfigDict


class Section(BaseModel):
    """A validated, immutable part of the pipeline's config."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


def is_text(pattern: str, what: str) -> AfterValidator:
    """Checks the form of a text, and says in words what form that is.

    Args:
      pattern: A regular expression of all of the text.
      what: Ends the sentence "this is not".
    """

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"this is not {what}")
        return value

    return AfterValidator(check)
