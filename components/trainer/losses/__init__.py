"""The losses: a file each, and a line each here.

The class in a file is the loss's section of the config, and what it computes. Under its name and
``Loss`` it is also a Keras loss for models of one's own:

    from components.trainer.losses import ContrastiveLoss
    loss = ContrastiveLoss(margin=1.0)
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from components.trainer.losses.arcface import ArcFace as ArcFace
from components.trainer.losses.base import LOSSES, LossConfig
from components.trainer.losses.binary import Binary as Binary
from components.trainer.losses.contrastive import Contrastive as Contrastive
from components.trainer.losses.cosface import CosFace as CosFace
from components.trainer.losses.supcon import SupCon as SupCon
from components.trainer.losses.triplet import Triplet as Triplet

if TYPE_CHECKING:
    AnyLoss = LossConfig
else:
    # A section that ``name`` tells apart.
    AnyLoss = Annotated[reduce(or_, LOSSES.values()), Field(discriminator="name")]


def __getattr__(name: str) -> Any:
    """The Keras losses, such as ``ContrastiveLoss``; made when asked for: Keras takes seconds."""
    if name in {f"{each.__name__}Loss" for each in LOSSES.values()}:
        from components.trainer.losses.keras_losses import KERAS_LOSSES

        return KERAS_LOSSES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
