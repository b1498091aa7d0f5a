"""ArcFace: classification of the train identities with a margin on the angle."""

from typing import Any, Literal

from pydantic import Field

from components.trainer.losses.class_margin import ClassMargin


class ArcFace(ClassMargin):
    """``-log softmax(scale * c)`` with ``cos(angle + margin)`` in place of the true cosine.

    Deng, Guo, Xue & Zafeiriou, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition",
    2019.

    Example:
      >>> model = keras.Sequential([embedding_network, ClassCosines(classes=500)])
      >>> model.compile("adam", loss=ArcFaceLoss(margin=0.5, scale=30.0))
    """

    name: Literal["arcface"] = "arcface"
    margin: float = Field(0.5, gt=0, description="Radians that are added to the angle.")

    def harder(self, cosines: Any) -> Any:
        """Returns ``cos(angle + margin)``, which falls with the angle and ends at -1."""
        from keras import ops

        # arccos has an infinite slope at -1 and 1.
        angles = ops.arccos(ops.clip(cosines, -1 + 1e-6, 1 - 1e-6))
        # Past pi the cosine would rise again and reward a larger angle.
        return ops.cos(ops.minimum(angles + self.margin, 3.141592))
