"""Triplet loss: each image nearer to another of its person than to anybody else, by a margin."""

from typing import Any, Literal

from pydantic import Field

from components.trainer.losses.base import LossConfig, Terms, identity_numbers


class Triplet(LossConfig):
    """``max(d(anchor, positive) - d(anchor, negative) + margin, 0)``, mined in the batch.

    Schroff, Kalenichenko & Philbin, "FaceNet: A Unified Embedding for Face Recognition and
    Clustering", 2015; batch-hard mining from Hermans, Beyer & Leibe, "In Defense of the Triplet
    Loss for Person Re-Identification", 2017. Distances are Euclidean.

    * ``hard``: each anchor with its farthest positive and its nearest negative.
    * ``semi_hard``: each pair of anchor and positive with the nearest negative that is farther than
      the positive, or the farthest negative where none is.

    Example:
      >>> TripletLoss(margin=2.0, mining="hard")([0, 0, 1], [[0.0], [1.0], [2.5]])
      1.0  # anchors 0 and 1: max(1 - 2.5 + 2, 0) = 0.5 and max(1 - 1.5 + 2, 0) = 1.5
    """

    takes = "identities"
    comparison = "euclidean"

    name: Literal["triplet"] = "triplet"
    margin: float = Field(0.2, gt=0, description="By how much the negative must be farther.")
    mining: Literal["semi_hard", "hard"] = Field(
        "semi_hard", description="Which negatives of the batch a triplet has."
    )

    def terms(self, y_true: Any, y_pred: Any) -> Terms:
        """Returns a value an anchor ``[B]``, or a pair ``[B, B]``, of identities and embeddings."""
        from keras import ops

        from components.trainer.comparison.distances import euclidean_distance

        identities = identity_numbers(y_true)
        distances = euclidean_distance(y_pred[:, None], y_pred[None])[..., 0]
        same = ops.expand_dims(identities, 0) == ops.expand_dims(identities, 1)
        itself = ops.cast(ops.eye(ops.shape(distances)[0]), "bool")
        positive, negative = ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)
        far = ops.max(distances) + 1.0
        if self.mining == "hard":
            hardest_positive = ops.max(ops.where(positive, distances, 0.0), axis=1)
            hardest_negative = ops.min(ops.where(negative, distances, far), axis=1)
            counts = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
            losses = ops.maximum(hardest_positive - hardest_negative + self.margin, 0.0)
        else:
            # [anchor, positive, negative]
            beyond = ops.expand_dims(distances, 1) > ops.expand_dims(distances, 2)
            beyond = ops.logical_and(beyond, ops.expand_dims(negative, 1))
            nearest_beyond = ops.min(ops.where(beyond, ops.expand_dims(distances, 1), far), axis=2)
            farthest = ops.max(ops.where(negative, distances, 0.0), axis=1, keepdims=True)
            chosen = ops.where(ops.any(beyond, axis=2), nearest_beyond, farthest)
            counts = ops.logical_and(positive, ops.any(negative, axis=1, keepdims=True))
            losses = ops.maximum(distances - chosen + self.margin, 0.0)
        return Terms(losses, ops.cast(counts, losses.dtype))

    def report(self, y_true: Any, y_pred: Any, terms: Terms) -> dict[str, Any]:
        """Returns the share of triplets that cost anything."""
        from keras import ops

        return {"active_triplets": terms.share(ops.cast(terms.losses > 0, terms.losses.dtype))}
