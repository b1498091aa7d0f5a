"""What is trained and how: the ``training`` section of a config."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from components.section import Section
from components.trainer.comparison import ComparisonName
from components.trainer.losses import LOSSES, AnyLoss, Contrastive
from components.trainer.networks.config import NetworkConfig, TextureConfig

Sampler = Literal["pairs", "fresh_pairs", "identities"]

# The samplers that a key means something to.
_OF_SAMPLERS: dict[str, tuple[str, ...]] = {
    "batch_pairs": ("pairs", "fresh_pairs"),
    **dict.fromkeys(
        ("identities_per_batch", "images_per_identity", "singles_per_batch", "hard_negative_group"),
        ("identities",),
    ),
}

# What steers epochs, and means nothing without one.
_OF_EPOCHS = (
    *("loss", "sampler", "augmentation", "optimizer", "steps_per_epoch", "patience"),
    *_OF_SAMPLERS,
)

# Keys of former releases, and what they are now.
RENAMED: Final = {
    "paradigm": "loss.name",
    "margin": "loss.margin",
    "temperature": "loss.temperature",
    "scale": "loss.scale",
    "mining": "loss.mining of triplet, and loss.active_pairs_only of contrastive",
    "mining_scope": "hard_negative_group: 4, or left out for people at random",
    "lookalikes": "hard_negative_group",
    "comparer": "comparison",
}


def remedy(place: Sequence[str]) -> str | None:
    """What to do about a key that the training section does not have, where more is to be said.

    Args:
      place: Below ``training``, as pydantic names it: ``loss``, the loss's name, the key.
    """
    match place:
        case [key] if key in RENAMED:
            return f"it is now {RENAMED[key]}"
        case ["loss", name, key] if name in LOSSES:
            taken = ", ".join(LOSSES[name].parameters())
            others = ", ".join(each for each in LOSSES if key in LOSSES[each].parameters())
            return f"remove it; loss {name} takes {taken or 'no key beside name'}" + (
                f" ({key} is for {others})" if others else ""
            )
    return None


def spell_out(training: dict[str, Any]) -> None:
    """Turns the short form ``loss: triplet`` into ``loss: {name: triplet}``, in place."""
    if isinstance(training.get("loss"), str):
        training["loss"] = {"name": training["loss"]}


class AugmentationConfig(Section):
    """Random changes of the training images; all off at evaluation.

    A range ``x`` means uniform in -x to x; a probability ``p`` applies to each image by itself.
    """

    flip: bool = True
    rotation: float = Field(8.0, ge=0, le=180, description="degrees")
    zoom: float = Field(0.14, ge=0, lt=1, description="relative scale")
    aspect: float = Field(0.05, ge=0, lt=1, description="relative stretch of one side")
    shift: float = Field(0.06, ge=0, lt=1, description="of the crop's centre, share of its side")
    brightness: float = Field(0.0, ge=0, le=1, description="added, in units of full scale")
    contrast: float = Field(0.0, ge=0, lt=1, description="relative, about the mean")
    gamma: float = Field(0.35, ge=0, le=2, description="exponent e^(-x to x)")
    shading: float = Field(0.2, ge=0, le=1, description="linear ramp across the image")
    cutout: float = Field(0.5, ge=0, le=1, description="probability")
    cutout_size: tuple[float, float] = Field((0.16, 0.5), description="side, share of the image")
    blur: float = Field(0.0, ge=0, le=1, description="probability")
    jpeg: float = Field(0.0, ge=0, le=1, description="probability")
    same_for_pair: bool = Field(False, description="both images of a pair change alike")

    @model_validator(mode="after")
    def _sizes_in_order(self) -> "AugmentationConfig":
        low, high = self.cutout_size
        if not 0 < low <= high < 1:
            raise ValueError(
                f"cutout_size {[low, high]} is not [low, high] with 0 < low <= high < 1"
            )
        return self


class OptimizerConfig(Section):
    """AdamW (Loshchilov & Hutter 2019) with warm-up and cosine decay."""

    learning_rate: float = Field(3e-3, gt=0, le=1)
    weight_decay: float = Field(0.05, ge=0)
    beta_2: float = Field(0.99, gt=0, lt=1)
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps")
    clip_norm: float | None = Field(None, gt=0)
    ema: float = Field(0.998, ge=0, lt=1, description="decay of the averaged weights; 0 is off")


class TrainingConfig(Section):
    """The whole of training. ``epochs`` times ``steps_per_epoch`` batches are seen."""

    loss: AnyLoss = Contrastive()
    comparison: ComparisonName | None = Field(
        None, description="of two embeddings; None: the one that suits the loss"
    )
    shrinkage: float = Field(
        0.1,
        ge=0,
        le=1,
        description="of PLDA's within-identity covariance towards a sphere",
    )
    sampler: Sampler = "pairs"
    hard_negative_group: int | None = Field(
        None,
        ge=2,
        description="from the second epoch on, people whose last embeddings are alike come in one "
        "batch, in groups of so many; None: people at random",
    )

    # The network sees the prepared image resized to this; None takes it as it is. For texture,
    # which wants finer images than the network.
    resize: int | None = Field(None, ge=8)
    # The side of the network's input: a random crop of the prepared image in training, its centre
    # at evaluation. None takes the prepared image whole.
    input_size: int | None = Field(None, ge=8)
    network: NetworkConfig = NetworkConfig()
    texture: TextureConfig | None = None
    augmentation: AugmentationConfig = AugmentationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()

    batch_pairs: int = Field(64, ge=1, description="with the pair samplers")
    identities_per_batch: int = Field(32, ge=2, description="with sampler: identities")
    images_per_identity: int = Field(4, ge=2, description="with sampler: identities")
    # Images of train identities that have one only, as further negatives. With supcon they cost 2.6
    # points of accuracy when measured.
    singles_per_batch: int = Field(0, ge=0, description="with sampler: identities")
    epochs: int = Field(10, ge=0, description="0 with a frozen network that was trained by others")
    # None: as many as it takes to see each pair (or each image) once.
    steps_per_epoch: int | None = Field(None, ge=1)
    # Stop after this many epochs without a better val EER; the best epoch's weights are exported.
    patience: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)
    # Val images in TensorBoard's embedding projector, with their pictures.
    projector_images: int = Field(500, ge=0)

    @model_validator(mode="after")
    def _something_to_fit(self) -> "TrainingConfig":
        # The head of the learned comparison is fitted, whatever the network.
        learns = self.network.learns or self.loss.comparison == "sigmoid"
        if learns and not self.epochs:
            raise ValueError(
                f"epochs is 0, and network {self.network.name!r} is fitted here; give 1 at least"
            )
        if learns:
            return self
        if self.epochs:
            raise ValueError(
                f"epochs is {self.epochs}, and network {self.network.name!r} is frozen, so that "
                "nothing would be fitted; set epochs: 0, or name the block that it is fitted from "
                "(network.unfreeze_from)"
            )
        for key in _OF_EPOCHS:
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key} means nothing with epochs: 0; remove it")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainingConfig":
        if self.loss.takes == "identities" and self.sampler != "identities":
            raise ValueError(
                f"sampler {self.sampler!r} does not feed loss {self.loss.name!r}; use identities"
            )
        for key, samplers in _OF_SAMPLERS.items():
            value = getattr(self, key)
            if self.sampler not in samplers and value != type(self).model_fields[key].default:
                raise ValueError(
                    f"{key} is {value!r}, which means nothing to sampler {self.sampler!r}; remove "
                    f"it (it is for {', '.join(samplers)})"
                )
        if self.comparison == "sigmoid" and self.loss.comparison != "sigmoid":
            raise ValueError(
                "comparison 'sigmoid' is the head that loss 'binary' learns; "
                f"{self.loss.name!r} has none. Use euclidean, cosine or plda"
            )
        default = type(self).model_fields["shrinkage"].default
        if self.shrinkage != default and self.chosen_comparison != "plda":
            raise ValueError(
                f"shrinkage is {self.shrinkage:g}, and the comparison {self.chosen_comparison}; "
                "remove it (it is for plda)"
            )
        if self.frozen_epochs is not None and not 0 < self.frozen_epochs < self.epochs:
            raise ValueError(
                f"network.unfreeze_at is {self.network.unfreeze_at:g} and epochs {self.epochs}, "
                f"so {self.frozen_epochs} epochs are frozen; leave one at least on either side"
            )
        if self.texture and self.chosen_comparison == "sigmoid":
            raise ValueError(
                "training.texture adds dimensions that the head of loss 'binary' never saw; "
                "set training.comparison to plda, cosine or euclidean"
            )
        return self

    def changed(self, values: Mapping[str, Any]) -> "TrainingConfig":
        """This config with other values, by dotted keys such as ``optimizer.learning_rate``.

        Raises:
          ValueError: A key is none of a config's, or a value does not fit.
        """
        tree = self.model_dump(mode="json")
        for key, value in values.items():
            if key in RENAMED:
                raise ValueError(f"{key} is now {RENAMED[key]}")
            *sections, last = key.split(".")
            node: Any = tree
            for section in sections:
                node = node.get(section) if isinstance(node, dict) else None
            if not isinstance(node, dict):
                raise ValueError(f"{key} is no key of the training section")
            node[last] = value
        spell_out(tree)
        return TrainingConfig.model_validate_json(json.dumps(tree))

    @property
    def frozen_epochs(self) -> int | None:
        """The epochs before the backbone is unfrozen; None when it never is."""
        at = self.network.unfreeze_at
        if at is None:
            return None
        return round(at * self.epochs) if at < 1 else int(at)

    @property
    def chosen_comparison(self) -> ComparisonName:
        """The comparison, where none is given the one that suits the loss."""
        return self.comparison or self.loss.comparison


class Knob(Section):
    """What one value of the training section may be: a range, or one of several values."""

    min: float | None = None
    max: float | None = None
    log: bool = Field(False, description="tried by orders of magnitude")
    values: tuple[int, ...] | tuple[float, ...] | tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "Knob":
        ranged = self.min is not None and self.max is not None
        if ranged == bool(self.values):
            raise ValueError("give either min and max, or values")
        if (
            self.min is not None
            and self.max is not None
            and not ((0 if self.log else -float("inf")) < self.min < self.max)
        ):
            raise ValueError(
                f"min is {self.min:g} and max {self.max:g}; min must be the smaller"
                + (", and above 0 for log" if self.log else "")
            )
        return self


class TuningConfig(Section):
    """The search for better values before Trainer; see ``tuning``.

    ``space`` is by the keys of the training section, such as ``optimizer.learning_rate``.
    """

    trials: int = Field(12, ge=2)
    # Of a trial; None takes the training section's.
    epochs: int | None = Field(None, ge=1)
    space: dict[str, Knob] = Field(
        {
            "optimizer.learning_rate": Knob(min=1e-3, max=1e-2, log=True),
            "optimizer.weight_decay": Knob(min=5e-3, max=0.5, log=True),
            "network.dropout": Knob(min=0.0, max=0.5),
        },
        min_length=1,
    )
