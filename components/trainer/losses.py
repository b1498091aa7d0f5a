"""The losses, each a plain function of tensors under a registered Keras class."""

from typing import Any

import keras
from keras import ops


def flat_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Labels and predictions of one batch as two float ``[B]``.

    Without this, labels ``[B]`` against predictions ``[B, 1]`` broadcast to ``[B, B]`` under
    Keras 3, and the loss of a perfect predictor is not zero.

    Args:
      y_true: ``[B]`` or ``[B, 1]``.
      y_pred: ``[B]`` or ``[B, 1]``.

    Raises:
      ValueError: Another shape, or two batch sizes.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    for name, value in (("labels", y_true), ("predictions", y_pred)):
        if len(value.shape) > 2 or (len(value.shape) == 2 and value.shape[1] not in (1, None)):
            raise ValueError(f"{name} have shape {tuple(value.shape)}; give one value a pair")
    y_true, y_pred = ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,))
    if None not in (y_true.shape[0], y_pred.shape[0]) and y_true.shape[0] != y_pred.shape[0]:
        raise ValueError(f"{y_true.shape[0]} labels for {y_pred.shape[0]} predictions")
    return y_true, y_pred


def contrastive_loss(labels: Any, distances: Any, margin: float) -> Any:
    """``label * d^2 + (1 - label) * max(margin - d, 0)^2`` for each pair.

    Hadsell, Chopra & LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006, with
    1 for a same pair and without their factor of a half.

    Args:
      labels: 1 same, 0 different; ``[B]`` or ``[B, 1]``.
      distances: 0 or more; ``[B]`` or ``[B, 1]``.
      margin: Different pairs at this distance or beyond cost nothing.

    Returns:
      float ``[B]``.
    """
    labels, distances = flat_pair(labels, distances)
    same = ops.square(distances)
    different = ops.square(ops.maximum(margin - distances, 0.0))
    return labels * same + (1 - labels) * different


@keras.saving.register_keras_serializable(package="faceauth")
class ContrastiveLoss(keras.losses.Loss):
    """``contrastive_loss`` as a Keras loss; a perfect predictor has loss 0.

    Example:
      >>> ContrastiveLoss(margin=1.0)([1, 0], [[0.5], [0.25]])  # (0.25 + 0.5625) / 2
      0.40625

    Args:
      margin: Distance beyond which different pairs cost nothing.
    """

    def __init__(
        self,
        margin: float = 1.0,
        reduction: str = "sum_over_batch_size",
        name: str = "contrastive_loss",
        dtype: Any = None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        if margin <= 0:
            raise ValueError(f"margin is {margin}; it must be positive")
        self.margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns float ``[B]`` for labels and distances of ``[B]`` or ``[B, 1]``."""
        return contrastive_loss(y_true, y_pred, self.margin)

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds this loss."""
        return {"margin": self.margin, "reduction": self.reduction, "name": self.name}


def supervised_contrastive_loss(embeddings: Any, identities: Any, temperature: float) -> Any:
    """The supervised contrastive loss, L_out of Khosla et al. 2020, averaged over anchors.

    An anchor's loss is the mean over its positives of the cross-entropy of picking that positive
    among all other images of the batch. Anchors without a positive do not count.

    Args:
      embeddings: float ``[B, D]``, of unit length.
      identities: int ``[B]``.
      temperature: Divides the cosine similarities.

    Returns:
      float scalar; 0 when no anchor has a positive.
    """
    logits = ops.matmul(embeddings, ops.transpose(embeddings)) / temperature
    count = ops.shape(embeddings)[0]
    itself = ops.eye(count, dtype=logits.dtype)
    same = ops.cast(ops.expand_dims(identities, 0) == ops.expand_dims(identities, 1), logits.dtype)
    positives = same - itself
    # An anchor is not among the images it picks from.
    others = logits - 1e9 * itself
    log_share = logits - ops.logsumexp(others, axis=1, keepdims=True)
    per_anchor = ops.sum(positives, axis=1)
    loss = -ops.sum(positives * log_share, axis=1) / ops.maximum(per_anchor, 1.0)
    anchors = ops.cast(per_anchor > 0, logits.dtype)
    return ops.sum(loss * anchors) / ops.maximum(ops.sum(anchors), 1.0)


def angular_margin_logits(
    cosines: Any, classes: Any, margin: float, scale: float, additive_angle: bool
) -> Any:
    """Class logits whose true class must win by a margin.

    ArcFace (Deng et al. 2019) adds the margin to the angle, CosFace (Wang et al. 2018) subtracts it
    from the cosine.

    Args:
      cosines: float ``[B, C]``, of embeddings and class centres.
      classes: int ``[B]``.
      margin: Radians for ArcFace, cosine units for CosFace.
      scale: Of the logits.
      additive_angle: True for ArcFace.

    Returns:
      float ``[B, C]``.
    """
    one_hot = ops.one_hot(classes, ops.shape(cosines)[1], dtype=cosines.dtype)
    if additive_angle:
        # arccos has an infinite slope at -1 and 1.
        angles = ops.arccos(ops.clip(cosines, -1 + 1e-6, 1 - 1e-6))
        # Past pi the cosine would rise again and reward a larger angle.
        harder = ops.cos(ops.minimum(angles + margin, 3.141592))
    else:
        harder = cosines - margin
    return scale * ops.where(one_hot > 0, harder, cosines)


def triplet_loss(distances: Any, identities: Any, margin: float, hard: bool) -> tuple[Any, Any]:
    """Triplet loss over the triplets that a batch holds, mined in the batch.

    ``hard``: each anchor with its farthest positive and nearest negative (batch-hard; Hermans,
    Beyer & Leibe 2017). Otherwise each anchor-positive pair with the nearest negative that is
    farther than the positive, or the farthest negative where none is (semi-hard; Schroff et al.
    2015).

    Args:
      distances: float ``[B, B]``, 0 on the diagonal.
      identities: int ``[B]``.
      margin: By how much the negative must be farther than the positive.

    Returns:
      The mean loss of the triplets and the share of them with a loss above 0, float scalars.
    """
    same = ops.expand_dims(identities, 0) == ops.expand_dims(identities, 1)
    itself = ops.cast(ops.eye(ops.shape(distances)[0]), "bool")
    positive, negative = ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)
    far = ops.max(distances) + 1.0
    if hard:
        hardest_positive = ops.max(ops.where(positive, distances, 0.0), axis=1)
        hardest_negative = ops.min(ops.where(negative, distances, far), axis=1)
        counts = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
        losses = ops.maximum(hardest_positive - hardest_negative + margin, 0.0)
    else:
        # [anchor, positive, negative]
        beyond = ops.expand_dims(distances, 1) > ops.expand_dims(distances, 2)
        beyond = ops.logical_and(beyond, ops.expand_dims(negative, 1))
        nearest_beyond = ops.min(ops.where(beyond, ops.expand_dims(distances, 1), far), axis=2)
        farthest = ops.max(ops.where(negative, distances, 0.0), axis=1, keepdims=True)
        chosen = ops.where(ops.any(beyond, axis=2), nearest_beyond, farthest)
        counts = ops.logical_and(positive, ops.any(negative, axis=1, keepdims=True))
        losses = ops.maximum(distances - chosen + margin, 0.0)
    weights = ops.cast(counts, losses.dtype)
    total = ops.maximum(ops.sum(weights), 1.0)
    active = ops.cast(ops.logical_and(counts, losses > 0), losses.dtype)
    return ops.sum(losses * weights) / total, ops.sum(active) / total
