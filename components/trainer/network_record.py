"""What an exported model says about its network: ``assets.extra/network.json``."""

from dataclasses import asdict, dataclass
from typing import Any

from components.trainer.comparers import Comparison
from components.trainer.config import Comparer, TrainingConfig
from components.trainer.network_config import NetworkConfig


@dataclass(frozen=True)
class PublishedThreshold:
    """Where one person ends without val pairs that could tell.

    Attributes:
      threshold: Two images are of one person up to this distance.
      comparer: Of which comparison, see ``comparers``.
      source: Where it is from, for people to read.
    """

    threshold: float
    comparer: Comparer
    source: str


def published_threshold(network: NetworkConfig, comparer: Comparer) -> PublishedThreshold | None:
    """The threshold that those who trained a network give, if they do and it fits.

    Args:
      network: Which network, and what is done with its output.
      comparer: How its embeddings are compared.
    """
    if network.name != "dlib_resnet" or network.learns:
        return None
    return None


def network_record(
    config: TrainingConfig, embedding_size: int, comparison: Comparison
) -> dict[str, Any]:
    """The record.

    Args:
      config: The training section.
      embedding_size: D of the whole embedding.
      comparison: What was chosen.
    """
    published = published_threshold(config.network, comparison.name)
    return {
        "name": config.network.name,
        "embedding_size": embedding_size,
        "comparer": comparison.name,
        "comparer_asked": config.chosen_comparer,
        "comparer_note": comparison.note,
        "published_threshold": asdict(published) if published else None,
    }
