"""Classification of the train identities with a margin: what ArcFace and CosFace share."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from components.trainer.losses.base import LossConfig, Terms, identity_numbers

if TYPE_CHECKING:
    import keras


class ClassMargin(LossConfig):
    """``-log softmax(scale * c)`` of the true identity, whose cosine is made harder by a margin.

    As a Keras loss it takes the identity of each image and the cosines of its embedding with the
    centre of every identity, ``[B, C]``, which ``ClassCosines`` learns.
    """

    takes = "identities"

    margin: float = Field(gt=0)
    scale: float = Field(30.0, gt=0, description="Multiplies the logits.")

    def harder(self, cosines: Any) -> Any:
        """What the cosines, float ``[B, C]``, count as where they are the true identity's."""
        raise NotImplementedError

    def head(self, classes: int) -> "keras.layers.Layer":
        """Returns the layer that has a centre for every train identity."""
        from components.trainer.losses.class_cosines import ClassCosines

        return ClassCosines(classes)

    def logits(self, y_true: Any, y_pred: Any) -> Any:
        """Returns float ``[B, C]``, of identities ``[B]`` and cosines ``[B, C]``."""
        from keras import ops

        classes = identity_numbers(y_true)
        true = ops.one_hot(classes, ops.shape(y_pred)[1], dtype=y_pred.dtype) > 0
        return self.scale * ops.where(true, self.harder(y_pred), y_pred)

    def terms(self, y_true: Any, y_pred: Any) -> Terms:
        """Returns a value an image, ``[B]``, of identities and cosines."""
        from keras import ops

        return Terms(
            ops.sparse_categorical_crossentropy(
                identity_numbers(y_true), self.logits(y_true, y_pred), from_logits=True
            )
        )

    def report(self, y_true: Any, y_pred: Any, terms: Terms) -> dict[str, Any]:
        """Returns the share of images that are nearest to the centre of their own identity."""
        from keras import ops

        hit = ops.cast(ops.argmax(y_pred, axis=1), "int32") == identity_numbers(y_true)
        return {"class_accuracy": ops.mean(ops.cast(hit, "float32"))}
