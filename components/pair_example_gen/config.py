"""What PairExampleGen reads and makes: the ``data`` section of a config."""

import posixpath
from typing import Literal

from pydantic import Field, model_validator

from components import features
from components.section import Section


class PairCounts(Section):
    """How many pairs to sample for each split that has no pair list of its own.

    Half of them show one person, half two; fewer where a split does not hold that many.
    """

    train: int = Field(default=40_000, ge=2)
    val: int = Field(default=10_000, ge=2)
    test: int = Field(default=10_000, ge=2)


def pair_set(path: str) -> str:
    """The name of a pair list: its file name without folder and suffix."""
    return posixpath.splitext(posixpath.basename(path))[0]


class PairLists(Section):
    """Pair lists taken as they are instead of sampled pairs: paths, one list or several a split."""

    train: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> "PairLists":
        for split in features.SPLITS:
            taken = [features.SAMPLED, features.OVERALL]
            for path in getattr(self, split):
                name = pair_set(path)
                if name in taken:
                    raise ValueError(
                        f"{path!r} in {split} would give the pair set {name!r}, which is taken; "
                        "rename the file"
                    )
                taken.append(name)
        return self


class SplitShares(Section):
    """The share of the identities that goes to each split; they sum to 1."""

    train: float = Field(default=0.7, gt=0, lt=1)
    val: float = Field(default=0.15, gt=0, lt=1)
    test: float = Field(default=0.15, gt=0, lt=1)

    @model_validator(mode="after")
    def _sums_to_one(self) -> "SplitShares":
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + val + test is {total:g}; make the three shares sum to 1")
        return self


class DataConfig(Section):
    """Where faces come from, how identities are split, which pairs are made.

    ``images`` is the folder that holds the image files. Without ``image_list``, each of its folders
    is an identity. With ``image_list``, a CSV file ``image,identity[,split][,attribute...]`` names
    the images (paths below ``images``), and every further column is an attribute to slice by.
    """

    images: str
    # Photos: find the face in each and bring it to where the network expects it, see ``faces``:
    # ``lfw`` as LFW's own pictures have theirs, ``dlib_150`` as network dlib_resnet wants them.
    # ``none``: the images show aligned faces already, as LFW's and the drawn ones do.
    align: Literal["none", "lfw", "dlib_150"] = "lfw"
    # Which face of a photo that shows several: the largest, the one nearest to the middle (for
    # pictures that were cut out around somebody, as LFW's), or none: with ``only`` such a photo is
    # quarantined.
    face: Literal["largest", "central", "only"] = "largest"
    image_list: str | None = None
    # "hash": by a hash of the identity. "given": as the list's column "split" says.
    split: Literal["hash", "given"] = "hash"
    shares: SplitShares = SplitShares()
    # With split "given" and no val rows: this share of the train identities becomes val.
    val_from_train: float = Field(default=0.1, gt=0, lt=1)
    pairs: PairCounts = PairCounts()
    pair_lists: PairLists = PairLists()
    # Keep only this many identities of each split (by hash); 0 keeps all. For small trial runs.
    limit_identities: int = Field(default=0, ge=0)
    # The run fails when a larger share of the images than this is quarantined, or of the pairs of a
    # list left out because of it.
    max_quarantined: float = Field(default=0.01, ge=0, le=1)
    # Larger images than this are quarantined: a decompression bomb is small on disk. Pillow refuses
    # to open what is beyond the upper bound.
    max_pixels: int = Field(default=50_000_000, ge=1, le=178_956_970)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _given_needs_a_list(self) -> "DataConfig":
        if self.split == "given" and self.image_list is None:
            raise ValueError(
                "split is 'given' and there is no image_list; name a CSV file that has a column "
                "'split', or set split: hash"
            )
        return self
