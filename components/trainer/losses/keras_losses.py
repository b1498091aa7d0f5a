"""The losses as registered Keras losses: for training a Keras model of one's own."""

import inspect
from typing import Any, ClassVar

import keras

from components.trainer.losses.base import LOSSES, LossConfig

_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


class SectionLoss(keras.losses.Loss):
    """The base: a loss with the keys of its config section as arguments, checked as they are.

    Attributes:
      section: The class of the section.
      config: Its values; each is an attribute of the loss as well.
    """

    section: ClassVar[type[LossConfig]]
    __signature__: ClassVar[inspect.Signature]

    def __init__(self, *values: Any, **named: Any):
        given = self.__signature__.bind(*values, **named)
        given.apply_defaults()
        options = given.arguments
        self.config = self.section(**{key: options.pop(key) for key in self.section.parameters()})
        super().__init__(**options)
        for key in self.section.parameters():
            setattr(self, key, getattr(self.config, key))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns float ``[B]``, or a scalar where not all of a batch counts alike."""
        terms = self.config.terms(*map(keras.ops.convert_to_tensor, (y_true, y_pred)))
        return terms.losses if terms.weights is None else terms.mean()

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds this loss."""
        return {**super().get_config(), **self.config.model_dump(exclude={"name"})}


def keras_loss(section: type[LossConfig]) -> type[SectionLoss]:
    """The registered class of a loss: ``TripletLoss`` of ``Triplet``.

    Its arguments are the section's keys in their order, then ``reduction``, ``name`` and ``dtype``
    as Keras has them.
    """
    defaults = {key: section.model_fields[key].default for key in section.parameters()}
    defaults["reduction"] = "sum_over_batch_size"
    defaults["name"] = f"{section.model_fields['name'].default}_loss"
    defaults["dtype"] = None
    signature = inspect.Signature(
        [inspect.Parameter(key, _POSITIONAL, default=value) for key, value in defaults.items()]
    )
    content = {
        "__doc__": section.__doc__,
        "__module__": __package__,
        "__signature__": signature,
        "section": section,
    }
    made = type(f"{section.__name__}Loss", (SectionLoss,), content)
    return keras.saving.register_keras_serializable(package="faceauth")(made)


KERAS_LOSSES = {f"{each.__name__}Loss": keras_loss(each) for each in LOSSES.values()}
