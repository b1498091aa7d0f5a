"""How pairs are scored: the ``scoring`` section of a config."""

from pydantic import Field

from components.section import Section


class ScoringConfig(Section):
    """What scoring may use."""

    embedding_memory_mb: int = Field(
        default=1024,
        ge=0,
        description="Of embeddings that a worker holds (4 bytes a number: 1,024 MB are two million "
        "images at 128 numbers). Beyond, images and pairs are split into parts by a hash of the "
        "image, and joined part by part.",
    )
