"""CosFace: classification of the train identities with a margin on the cosine."""

from typing import Any, Literal

from pydantic import Field

from components.trainer.losses.class_margin import ClassMargin


class CosFace(ClassMargin):
    """``-log softmax(scale * c)`` with the margin taken off the true cosine.

    Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", 2018.

    Example:
      >>> model = keras.Sequential([embedding_network, ClassCosines(classes=500)])
      >>> model.compile("adam", loss=CosFaceLoss(margin=0.35, scale=30.0))
    """

    name: Literal["cosface"] = "cosface"
    margin: float = Field(0.35, gt=0, description="What is taken off the cosine.")

    def harder(self, cosines: Any) -> Any:
        """Returns ``cosines - margin``."""
        return cosines - self.margin
