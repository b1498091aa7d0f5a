"""Binary classification of pairs: the comparison itself is learned, as a sigmoid head."""

from typing import TYPE_CHECKING, Any, Literal

from components.trainer.losses.base import LossConfig, Terms, flat_pair

if TYPE_CHECKING:
    import keras


class Binary(LossConfig):
    """``-y log p - (1 - y) log(1 - p)`` for each pair, ``p`` the sigmoid of its logit.

    As Koch, Zemel & Salakhutdinov, "Siamese Neural Networks for One-shot Image Recognition", 2015,
    train theirs. As a Keras loss it takes logits, for example of a ``SigmoidHead``.

    Example:
      >>> BinaryLoss()([1, 0], [[0.0], [0.0]])  # log 2
      0.6931472
    """

    takes = "pairs"
    comparison = "sigmoid"

    name: Literal["binary"] = "binary"

    def head(self, classes: int) -> "keras.layers.Layer":
        """Returns the head whose logits are learned."""
        from components.trainer.comparison.sigmoid_head import SigmoidHead

        return SigmoidHead(name="sigmoid_head")

    def terms(self, y_true: Any, y_pred: Any) -> Terms:
        """Returns a value a pair, ``[B]``, of labels and logits."""
        from keras import ops

        labels, logits = flat_pair(y_true, y_pred)
        # The form that does not overflow.
        zero_or_more = ops.maximum(logits, 0.0)
        return Terms(zero_or_more - logits * labels + ops.log1p(ops.exp(-ops.abs(logits))))
