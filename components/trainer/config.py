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
    *("workers", "xla"),
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

    flip: bool = Field(True, description="Images are mirrored, each by lot.")
    rotation: float = Field(8.0, ge=0, le=180, description="Range, in degrees.")
    zoom: float = Field(0.14, ge=0, lt=1, description="Range of the relative scale.")
    aspect: float = Field(
        0.05, ge=0, lt=1, description="Range of the relative stretch of one side."
    )
    shift: float = Field(
        0.06, ge=0, lt=1, description="Range of the crop's centre, as a share of its side."
    )
    brightness: float = Field(
        0.0, ge=0, le=1, description="Range of what is added, in units of full scale."
    )
    contrast: float = Field(
        0.0, ge=0, lt=1, description="Range of the relative contrast, about the mean."
    )
    gamma: float = Field(0.35, ge=0, le=2, description="Range of x in the exponent e^x.")
    shading: float = Field(
        0.2, ge=0, le=1, description="Range of linear ramps of light across and down the image."
    )
    cutout: float = Field(
        0.5, ge=0, le=1, description="Probability of a square of mean grey over a part."
    )
    cutout_size: tuple[float, float] = Field(
        (0.16, 0.5), description="Least and largest side of that square, as shares of the image's."
    )
    blur: float = Field(0.0, ge=0, le=1, description="Probability of a blur of 3 x 3 pixels.")
    jpeg: float = Field(
        0.0, ge=0, le=1, description="Probability of another JPEG compression, of quality 35 to 95."
    )
    same_for_pair: bool = Field(
        False, description="Both images of a given pair change alike, instead of each by itself."
    )

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

    learning_rate: float = Field(3e-3, gt=0, le=1, description="The highest, after the warm-up.")
    weight_decay: float = Field(0.05, ge=0, description="Decoupled, times the learning rate.")
    beta_2: float = Field(0.99, gt=0, lt=1, description="Decay of the squared gradients' mean.")
    warmup: float = Field(
        0.05, ge=0, lt=1, description="Share of all steps in which the learning rate rises."
    )
    clip_norm: float | None = Field(
        None, gt=0, description="The largest norm of a gradient; `null` is none."
    )
    ema: float = Field(
        0.998, ge=0, lt=1, description="Decay of the averaged weights, which are used; 0 is off."
    )


class TrainingConfig(Section):
    """The whole of training. ``epochs`` times ``steps_per_epoch`` batches are seen."""

    loss: AnyLoss = Field(
        Contrastive(),
        description="What is minimised. `loss: triplet` is short for `loss: {name: triplet}`.",
    )
    comparison: ComparisonName | None = Field(
        None,
        description="What makes a distance of two embeddings; `null` takes the one that suits the "
        "loss.",
    )
    shrinkage: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Of comparison `plda`: how far the within-identity covariance is shrunk "
        "towards a sphere.",
    )
    sampler: Sampler = Field(
        "pairs",
        description="What a batch is: the train pairs, pairs drawn anew each epoch, or K images "
        "each of P people.",
    )
    hard_negative_group: int | None = Field(
        None,
        ge=2,
        description="Of `sampler: identities`: from the second epoch on, people whose last "
        "embeddings are alike come in one batch, in groups of so many; `null` takes people at "
        "random.",
    )

    resize: int | None = Field(
        None,
        ge=8,
        description="The network sees the prepared image resized to this side; `null` takes it as "
        "it is. For texture, which wants finer images than the network.",
    )
    input_size: int | None = Field(
        None,
        ge=8,
        description="The side of the network's input: a random crop of the prepared image in "
        "training, its centre at evaluation. `null` takes the prepared image whole.",
    )
    network: NetworkConfig = NetworkConfig()
    texture: TextureConfig | None = None
    augmentation: AugmentationConfig = AugmentationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()

    batch_pairs: int = Field(64, ge=1, description="Of the pair samplers: pairs in a batch.")
    identities_per_batch: int = Field(
        32, ge=2, description="Of `sampler: identities`: P, the people in a batch."
    )
    images_per_identity: int = Field(
        4, ge=2, description="Of `sampler: identities`: K, the images of each."
    )
    singles_per_batch: int = Field(
        0,
        ge=0,
        description="Of `sampler: identities`: images of people who have one only, as further "
        "negatives. With `supcon` they cost 2.6 points of accuracy when measured.",
    )
    epochs: int = Field(
        10, ge=0, description="0 with a frozen network that was trained by others, and only then."
    )
    steps_per_epoch: int | None = Field(
        None,
        ge=1,
        description="Batches in an epoch; `null` is as many as it takes to see each pair (or each "
        "image) once.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after this many epochs without a better val EER; `null` never stops "
        "early. The best epoch's weights are exported either way.",
    )
    warm_start: bool = Field(
        False,
        description="Begin with the network's weights of the last blessed model, where there is "
        "one, instead of random ones. The run after a blessing trains again: it begins elsewhere.",
    )
    distribution: Literal["none", "mirrored", "multi_worker"] = Field(
        "none",
        description="`mirrored` divides each batch among all GPUs of the machine, with the losses "
        "of one device; where there is none, among its CPU devices, of which there is one. "
        "`multi_worker` divides it among `workers` processes, of one machine or of several.",
    )
    workers: int | None = Field(
        None,
        ge=2,
        description="Of `distribution: multi_worker`: how many processes train one model together. "
        "They are those of the cluster that the variable TF_CONFIG describes; where it is not set, "
        "they are started here, and compute on the CPU.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="What the network computes in while it is trained; weights, losses and the "
        "exported model are float32. `bfloat16` is for GPUs that have it; on two CPU cores a step "
        "of `lfw.yaml` takes 5 to 7 % less time. What it does to accuracy was not measured.",
    )
    image_memory_mb: int = Field(
        2048,
        ge=1,
        description="Of prepared pixels that a split may have in memory (174,000 images of 64 x 64 "
        "in colour). Of more, they are written to a file in the folder for temporary files and "
        "read from there as they are needed.",
    )
    xla: bool = Field(
        False,
        description="The step behind augmentation (network, loss, gradients, optimizer) is "
        "compiled by XLA. On CPUs it makes a step slower; on GPUs it was not tried.",
    )
    seed: int = Field(0, ge=0, description="Of first weights, batches and augmentation.")
    projector_images: int = Field(
        500,
        ge=0,
        description="Val images in TensorBoard's embedding projector, with their pictures.",
    )

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
        for key in (*_OF_EPOCHS, "warm_start"):
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
        self._check_workers()
        if self.xla and self.distribution != "none":
            raise ValueError(
                f"xla compiles the step of one device, and distribution {self.distribution!r} has "
                "several exchange gradients in the midst of it; set one of them only"
            )
        if self.distribution != "none" and self.augmentation.same_for_pair:
            raise ValueError(
                f"distribution {self.distribution!r} may part the images of a pair, which "
                "augmentation.same_for_pair wants to change alike; set one of them only"
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

    def _check_workers(self) -> None:
        if self.distribution != "multi_worker":
            if self.workers is not None:
                raise ValueError(
                    f"workers is {self.workers}, and distribution {self.distribution!r} has none; "
                    "remove it, or set distribution: multi_worker"
                )
            return
        if self.workers is None:
            raise ValueError(
                "distribution is 'multi_worker', and workers is not set; give the number of "
                "processes that train together, such as workers: 2"
            )
        of_identities = self.sampler == "identities"
        size = (
            self.identities_per_batch * self.images_per_identity + self.singles_per_batch
            if of_identities
            else self.batch_pairs
        )
        if size % self.workers:
            what, keys = (
                (
                    f"{size} images",
                    "identities_per_batch, images_per_identity or singles_per_batch",
                )
                if of_identities
                else (f"batch_pairs: {size}", "batch_pairs")
            )
            raise ValueError(
                f"workers is {self.workers}, and a batch of {what} cannot be divided evenly among "
                f"them; change workers or {keys}"
            )

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

    min: float | None = Field(None, description="The least value of a range.")
    max: float | None = Field(None, description="The largest.")
    log: bool = Field(False, description="The range is tried by orders of magnitude.")
    values: tuple[int, ...] | tuple[float, ...] | tuple[str, ...] = Field(
        (), description="In place of a range: the values to try."
    )

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

    trials: int = Field(12, ge=2, description="How many trainings.")
    epochs: int | None = Field(
        None, ge=1, description="Of a trial; `null` takes the training section's."
    )
    space: dict[str, Knob] = Field(
        {
            "optimizer.learning_rate": Knob(min=1e-3, max=1e-2, log=True),
            "optimizer.weight_decay": Knob(min=5e-3, max=0.5, log=True),
            "network.dropout": Knob(min=0.0, max=0.5),
        },
        min_length=1,
        description="What may vary, by keys of the training section.",
    )
