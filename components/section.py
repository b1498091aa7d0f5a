"""The base of every config section: unknown keys are errors, values do not change."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A validated, immutable part of the pipeline's config."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
