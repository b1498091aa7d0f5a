"""What every loss is: its keys in a config, and what it computes from a batch."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from components.section import Section
from components.trainer.comparison import ComparisonName

if TYPE_CHECKING:
    import keras

# By name, filled as the files of the losses are imported.
LOSSES: dict[str, type["LossConfig"]] = {}


class Terms(NamedTuple):
    """What a loss is the mean of: a value a pair, an image or a triplet.

    Attributes:
      losses: float, of any shape.
      weights: float, of the same shape; None where all weigh alike.
    """

    losses: Any
    weights: Any = None

    def mean(self) -> Any:
        """Returns the weighted mean, a scalar; 0 where no weight is above 0."""
        from keras import ops

        return ops.mean(self.losses) if self.weights is None else self.share(self.losses)

    def share(self, values: Any) -> Any:
        """Returns the mean of other values of that shape, by the same weights."""
        from keras import ops

        if self.weights is None:
            return ops.mean(values)
        return ops.sum(values * self.weights) / ops.maximum(ops.sum(self.weights), 1.0)


class LossConfig(Section):
    """The base of the losses. One object is a loss's section of the config and its formula.

    A class with a ``name`` is a loss: ``loss: {name: ...}`` of the training section takes it with
    its fields as keys, and ``components.trainer.losses`` offers it as a registered Keras loss,
    ``Triplet`` as ``TripletLoss``, with its fields as arguments.

    Nothing here imports Keras until a loss is computed, so that a config is read at once.

    Attributes:
      takes: ``pairs``: labels (1 same, 0 different) and one prediction a pair, both ``[B]``;
        ``identities``: the identity of each image, ``[B]``, and its row of predictions.
      comparison: How embeddings that were trained by this loss are best compared.
    """

    takes: ClassVar[Literal["pairs", "identities"]]
    comparison: ClassVar[ComparisonName] = "cosine"

    name: str

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        name = cls.model_fields["name"].default
        if isinstance(name, str):  # else a base of losses
            LOSSES[name] = cls

    @classmethod
    def parameters(cls) -> tuple[str, ...]:
        """Its keys beside ``name``."""
        return tuple(key for key in cls.model_fields if key != "name")

    def head(self, classes: int) -> "keras.layers.Layer | None":
        """What makes predictions of embeddings; None where they are the embeddings themselves.

        Args:
          classes: Number of train identities.

        Returns:
          A layer from a list of two ``[P, D]`` where the loss takes pairs, else from ``[B, D]``.
        """
        return None

    def terms(self, y_true: Any, y_pred: Any) -> Terms:
        """Computes the loss of a batch.

        Args:
          y_true: Labels or identities, see ``takes``.
          y_pred: What the head gives.
        """
        raise NotImplementedError

    def report(self, y_true: Any, y_pred: Any, terms: Terms) -> dict[str, Any]:
        """What TensorBoard shows of a step beside the loss: scalars by name."""
        return {}


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
    from keras import ops

    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    for name, value in (("labels", y_true), ("predictions", y_pred)):
        if len(value.shape) > 2 or (len(value.shape) == 2 and value.shape[1] not in (1, None)):
            raise ValueError(f"{name} have shape {tuple(value.shape)}; give one value a pair")
    y_true, y_pred = ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,))
    if None not in (y_true.shape[0], y_pred.shape[0]) and y_true.shape[0] != y_pred.shape[0]:
        raise ValueError(f"{y_true.shape[0]} labels for {y_pred.shape[0]} predictions")
    return y_true, y_pred


def identity_numbers(y_true: Any) -> Any:
    """Identities ``[B]`` or ``[B, 1]`` as int32 ``[B]``: Keras hands them to a loss as floats."""
    from keras import ops

    return ops.cast(ops.reshape(y_true, (-1,)), "int32")
