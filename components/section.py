"""The base of every config section: unknown keys and infinite values are errors."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A validated, immutable part of the pipeline's config."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )
