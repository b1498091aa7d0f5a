"""What an exported model says about its network: ``assets.extra/network.json``."""

from dataclasses import asdict, dataclass
from typing import Any

from components.trainer.comparison import ComparisonName
from components.trainer.comparison.comparisons import ChosenComparison
from components.trainer.config import TrainingConfig
from components.trainer.networks.config import NetworkConfig

_DLIB_PUBLISHED = 0.6
# By mirror and zoom: a cosine distance, and a Euclidean one of outputs as they come.
_DLIB_THRESHOLDS: dict[tuple[bool, bool], tuple[float, float]] = {
    (False, False): (0.090, _DLIB_PUBLISHED),
    (True, False): (0.087, 0.587),
    (False, True): (0.088, 0.589),
    (True, True): (0.085, 0.579),
}


@dataclass(frozen=True)
class PublishedThreshold:
    """Where one person ends without val pairs that could tell.

    Attributes:
      threshold: Two images are of one person up to this distance.
      comparer: Of which comparison, see ``comparisons``.
      source: Where it is from, for people to read.
    """

    threshold: float
    comparer: ComparisonName
    source: str


def published_threshold(
    network: NetworkConfig, comparison: ComparisonName
) -> PublishedThreshold | None:
    """The threshold that those who trained a network give, for the comparison that is made here.

    Of ``dlib_resnet`` it is a Euclidean distance of 0.6 between two outputs as they come (it stands
    in its file, too). Where something else is compared, it is the threshold that lets as many pairs
    of two people pass as that one does: 1.1 % of 8 M pairs of LFW's train people, whatever the
    comparison; of pairs of one person, 98.3 to 98.8 %.

    Args:
      network: Which network, and what is done with its output.
      comparison: How its embeddings are compared.

    Returns:
      None where there is none: another network, one that is fitted further, or PLDA, whose
      distances depend on what it was fitted on.
    """
    if network.name != "dlib_resnet" or network.learns or comparison not in ("cosine", "euclidean"):
        return None
    cosine, raw = _DLIB_THRESHOLDS[network.mirror, network.zoom > 0]
    if comparison == "euclidean" and not network.normalize:
        threshold = raw
    else:
        # Of unit vectors: |a - b|^2 = 2 - 2 cos.
        threshold = cosine if comparison == "cosine" else (2 * cosine) ** 0.5
    source = "published with dlib's face network"
    if threshold != _DLIB_PUBLISHED:
        source = (
            f"as strict on LFW's train people as {_DLIB_PUBLISHED:g}, which is {source} for its "
            "outputs as they come"
        )
    return PublishedThreshold(threshold, comparison, source)


def network_record(
    config: TrainingConfig, embedding_size: int, comparison: ChosenComparison
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
        "comparer_asked": config.chosen_comparison,
        "comparer_note": comparison.note,
        "published_threshold": asdict(published) if published else None,
    }
