"""How pairs are scored: the ``scoring`` section of a config."""

from pydantic import Field

from components.section import Section


class ScoringConfig(Section):
    """What scoring may use."""

    embedding_memory_mb: int = Field(
        default=1024,
        ge=0,
        description="Embeddings beyond this (4 bytes a number: 1,024 MB hold two million images at "
        "128 numbers) are mapped from a temporary file instead of held in memory.",
    )
