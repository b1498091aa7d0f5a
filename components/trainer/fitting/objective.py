"""The ways to train: each turns a batch of embeddings into a loss.

A paradigm is a Keras layer because some have weights of their own (the sigmoid head, class
centres). It is told the labels of a batch of pairs, or the identities of a P x K batch; the pair
losses take both, a P x K batch being all the pairs in it.
"""

from typing import Any

from keras import layers, ops

from components.trainer.comparison.distances import euclidean_distance
from components.trainer.comparison.sigmoid_head import SigmoidHead
from components.trainer.config import TrainingConfig
from components.trainer.losses import (
    angular_margin_logits,
    contrastive_loss,
    supervised_contrastive_loss,
    triplet_loss,
)

# What a step reports beside its loss: names and scalars.
Report = dict[str, Any]


def all_pairs(embeddings: Any, identities: Any) -> tuple[Any, Any, Any]:
    """Every unordered pair of a batch.

    Args:
      embeddings: float ``[B, D]``.
      identities: int ``[B]``.

    Returns:
      float ``[B * (B - 1) / 2, D]`` twice, and labels float of the same length.
    """
    count = ops.shape(embeddings)[0]
    rows = ops.arange(count)
    above = ops.expand_dims(rows, 1) < ops.expand_dims(rows, 0)
    first, second = ops.nonzero(above)
    same = ops.take(identities, first) == ops.take(identities, second)
    return (
        ops.take(embeddings, first, axis=0),
        ops.take(embeddings, second, axis=0),
        ops.cast(same, embeddings.dtype),
    )


def balanced_mean(losses: Any, labels: Any, mined: bool) -> Any:
    """The mean over pairs in which same and different pairs weigh alike.

    Args:
      losses: float ``[P]``.
      labels: float ``[P]``.
      mined: Only pairs whose loss is above 0 count (hard-negative mining: the easy ones no longer
        dilute the hard ones).
    """
    weights = ops.cast(losses > 0, losses.dtype) if mined else ops.ones_like(losses)
    same, different = weights * labels, weights * (1 - labels)
    mean_same = ops.sum(losses * same) / ops.maximum(ops.sum(same), 1.0)
    mean_different = ops.sum(losses * different) / ops.maximum(ops.sum(different), 1.0)
    return (mean_same + mean_different) / 2


class _Paradigm(layers.Layer):
    """The base: a config, and the call that every paradigm answers."""

    def __init__(self, config: TrainingConfig, classes: int, **options: Any):
        super().__init__(**options)
        self.config = config
        self.classes = classes

    @property
    def pairs_given(self) -> bool:
        """Whether a batch is pairs (first all a, then all b) or identities."""
        return self.config.sampler != "identities"

    def _pairs(self, embeddings: Any, targets: Any) -> tuple[Any, Any, Any]:
        if self.pairs_given:
            a, b = ops.split(embeddings, 2, axis=0)
            return a, b, ops.cast(targets, embeddings.dtype)
        return all_pairs(embeddings, targets)

    def call(self, embeddings: Any, targets: Any) -> tuple[Any, Report]:
        """Returns the loss, a scalar, and what to report.

        Args:
          embeddings: float ``[B, D]``.
          targets: Labels ``[B / 2]`` of given pairs, or identities ``[B]``.
        """
        raise NotImplementedError


class Contrastive(_Paradigm):
    """Contrastive loss on the Euclidean distance (Hadsell et al. 2006)."""

    def call(self, embeddings: Any, targets: Any) -> tuple[Any, Report]:
        a, b, labels = self._pairs(embeddings, targets)
        losses = contrastive_loss(labels, euclidean_distance(a, b), self.config.chosen_margin)
        report = {"active_pairs": ops.mean(ops.cast(losses > 0, losses.dtype))}
        return balanced_mean(losses, labels, self.config.mining != "none"), report


class Binary(_Paradigm):
    """Binary cross-entropy of the sigmoid head."""

    def __init__(self, config: TrainingConfig, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.head = SigmoidHead(name="sigmoid_head")

    def build(self, input_shape: Any) -> None:
        self.head.build([input_shape, input_shape])
        super().build(input_shape)

    def call(self, embeddings: Any, targets: Any) -> tuple[Any, Report]:
        a, b, labels = self._pairs(embeddings, targets)
        logits = ops.reshape(self.head([a, b]), (-1,))
        # The stable form of -y log p - (1 - y) log(1 - p).
        losses = ops.maximum(logits, 0.0) - logits * labels + ops.log1p(ops.exp(-ops.abs(logits)))
        return balanced_mean(losses, labels, mined=False), {}


class Triplet(_Paradigm):
    """Triplet loss, batch-hard or semi-hard."""

    def call(self, embeddings: Any, targets: Any) -> tuple[Any, Report]:
        distances = euclidean_distance(embeddings[:, None], embeddings[None])[..., 0]
        hard = self.config.mining == "hard"
        loss, active = triplet_loss(distances, targets, self.config.chosen_margin, hard)
        return loss, {"active_triplets": active}


class SupCon(_Paradigm):
    """Supervised contrastive learning (Khosla et al. 2020)."""

    def call(self, embeddings: Any, targets: Any) -> tuple[Any, Report]:
        return supervised_contrastive_loss(embeddings, targets, self.config.temperature), {}


class AngularMargin(_Paradigm):
    """ArcFace or CosFace: classification of the train identities with a margin."""

    def build(self, input_shape: Any) -> None:
        self.centres = self.add_weight(
            shape=(input_shape[-1], self.classes), initializer="glorot_normal", name="centres"
        )
        super().build(input_shape)

    def call(self, embeddings: Any, targets: Any) -> tuple[Any, Report]:
        unit = ops.normalize(embeddings, axis=-1)
        cosines = ops.matmul(unit, ops.normalize(self.centres, axis=0))
        logits = angular_margin_logits(
            cosines,
            targets,
            self.config.chosen_margin,
            self.config.scale,
            additive_angle=self.config.paradigm == "arcface",
        )
        losses = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        hit = ops.cast(ops.argmax(cosines, axis=1), "int32") == ops.cast(targets, "int32")
        return ops.mean(losses), {"class_accuracy": ops.mean(ops.cast(hit, "float32"))}


PARADIGMS: dict[str, type[_Paradigm]] = {
    "contrastive": Contrastive,
    "binary": Binary,
    "triplet": Triplet,
    "supcon": SupCon,
    "arcface": AngularMargin,
    "cosface": AngularMargin,
}


def build_paradigm(config: TrainingConfig, classes: int) -> _Paradigm:
    """The paradigm that a config names.

    Args:
      config: Names it and its parameters.
      classes: Number of train identities.
    """
    return PARADIGMS[config.paradigm](config, classes, name=config.paradigm)
