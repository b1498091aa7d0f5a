"""Supervised contrastive loss: an image picks the others of its person out of the whole batch."""

from typing import Any, Literal

from pydantic import Field

from components.trainer.losses.base import LossConfig, Terms, identity_numbers


class SupCon(LossConfig):
    """``-mean over positives p of log(exp(a.p / t) / sum over all others o of exp(a.o / t))``.

    For each anchor ``a``, and averaged over the anchors that have a positive: L_out of Khosla et
    al., "Supervised Contrastive Learning", 2020. Embeddings must be of unit length.

    Example:
      >>> SupConLoss(temperature=1.0)([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
      0.31326166  # two anchors, each log(e + 1) - 1
    """

    takes = "identities"

    name: Literal["supcon"] = "supcon"
    temperature: float = Field(0.07, gt=0, description="Divides the cosine similarities.")

    def terms(self, y_true: Any, y_pred: Any) -> Terms:
        """Returns a value an anchor, ``[B]``, of identities and embeddings."""
        from keras import ops

        identities = identity_numbers(y_true)
        logits = ops.matmul(y_pred, ops.transpose(y_pred)) / self.temperature
        itself = ops.eye(ops.shape(y_pred)[0], dtype=logits.dtype)
        same = ops.expand_dims(identities, 0) == ops.expand_dims(identities, 1)
        positives = ops.cast(same, logits.dtype) - itself
        # An anchor is not among the images it picks from.
        others = logits - 1e9 * itself
        log_share = logits - ops.logsumexp(others, axis=1, keepdims=True)
        per_anchor = ops.sum(positives, axis=1)
        losses = -ops.sum(positives * log_share, axis=1) / ops.maximum(per_anchor, 1.0)
        return Terms(losses, ops.cast(per_anchor > 0, logits.dtype))
