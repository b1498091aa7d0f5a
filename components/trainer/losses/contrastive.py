"""Contrastive loss: two images of one person together, of two people at least a margin apart."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from components.trainer.losses.base import LossConfig, Terms, flat_pair

if TYPE_CHECKING:
    import keras


class Contrastive(LossConfig):
    """``y d^2 + (1 - y) max(margin - d, 0)^2`` for each pair at distance ``d``; same: ``y = 1``.

    Hadsell, Chopra & LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006, with
    1 for a same pair and without their factor of a half. A perfect predictor has loss 0.

    Example:
      >>> ContrastiveLoss(margin=1.0)([1, 0], [[0.5], [0.25]])  # (0.25 + 0.5625) / 2
      0.40625
    """

    takes = "pairs"
    comparison = "euclidean"

    name: Literal["contrastive"] = "contrastive"
    margin: float = Field(
        1.0, gt=0, description="The distance from which on two people's images cost nothing."
    )
    active_pairs_only: bool = Field(
        False, description="Pairs that cost nothing do not count in the mean either."
    )

    def head(self, classes: int) -> "keras.layers.Layer":
        """Returns the Euclidean distance."""
        from components.trainer.comparison.distances import EuclideanDistance

        return EuclideanDistance()

    def terms(self, y_true: Any, y_pred: Any) -> Terms:
        """Returns a value a pair, ``[B]``, of labels and distances."""
        from keras import ops

        labels, distances = flat_pair(y_true, y_pred)
        same = ops.square(distances)
        different = ops.square(ops.maximum(self.margin - distances, 0.0))
        losses = labels * same + (1 - labels) * different
        return Terms(losses, _above_zero(losses) if self.active_pairs_only else None)

    def report(self, y_true: Any, y_pred: Any, terms: Terms) -> dict[str, Any]:
        """Returns the share of pairs that cost anything."""
        from keras import ops

        return {"active_pairs": ops.mean(_above_zero(terms.losses))}


def _above_zero(losses: Any) -> Any:
    from keras import ops

    return ops.cast(losses > 0, losses.dtype)
