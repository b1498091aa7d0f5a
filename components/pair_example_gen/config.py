"""What PairExampleGen reads and makes: the ``data`` section of a config."""

import posixpath
from typing import Literal

from pydantic import Field, model_validator

from components import features
from components.section import Section
from serving.limits import MAX_PIXELS


class PairCounts(Section):
    """How many pairs to sample for each split that has no pair list of its own.

    Half of them show one person, half two; fewer where a split does not hold that many.
    """

    train: int = Field(default=40_000, ge=2, description="Pairs of train people.")
    val: int = Field(default=10_000, ge=2, description="Pairs of val people.")
    test: int = Field(default=10_000, ge=2, description="Pairs of test people.")


def pair_set(path: str) -> str:
    """The name of a pair list: its file name without folder and suffix."""
    return posixpath.splitext(posixpath.basename(path))[0]


class PairLists(Section):
    """Pair lists taken as they are instead of sampled pairs: paths, one list or several a split.

    A list is CSV (two paths first, a 0/1 label last) or LFW's ``pairs*.txt``. The name of its file,
    without the suffix, becomes its ``pair_set``, a slice of every result.
    """

    train: tuple[str, ...] = Field((), description="Lists of pairs of train people.")
    val: tuple[str, ...] = Field((), description="Lists of pairs of val people.")
    test: tuple[str, ...] = Field((), description="Lists of pairs of test people.")

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

    train: float = Field(default=0.7, gt=0, lt=1, description="Whom the network is fitted on.")
    val: float = Field(default=0.15, gt=0, lt=1, description="Whom the decision is chosen on.")
    test: float = Field(default=0.15, gt=0, lt=1, description="Whom the results are of.")

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

    images: str = Field(
        description="The folder that holds the image files; a relative path starts at the "
        "project's folder. `{SPAN}` in it stands for the number of a span, such as "
        "`photos/week-{SPAN}`, and in the lists for the same. An address that Beam can read, such "
        "as `gs://BUCKET/FOLDER`, is listed and read there; `image_list` and `pair_lists` may be "
        "addresses, too."
    )
    span: int | None = Field(
        None,
        ge=0,
        description="Which span; `null` takes the one with the largest number.",
    )
    spans: int = Field(
        1,
        ge=1,
        description="How many spans are taken together: that one, and those with the next smaller "
        "numbers. With more than one, `images` is what all spans lie in, and an `image_list` is "
        "one for all, with paths below that; rows of other spans are passed over.",
    )
    span_folders: tuple[str, ...] = Field(
        (), description="The folders of the spans below `images`: filled in by `spans`."
    )
    align: Literal["none", "lfw", "dlib_150"] = Field(
        "lfw",
        description="Find the face in each photo and bring it to where the network expects it: "
        "`lfw` as LFW's own pictures have theirs, `dlib_150` as network `dlib_resnet` wants them. "
        "`none`: the images show aligned faces already, as LFW's and the drawn ones do.",
    )
    face: Literal["largest", "central", "only"] = Field(
        "largest",
        description="Which face of a photo that shows several: the largest, the one nearest to the "
        "middle (for pictures that were cut out around somebody, as LFW's), or none: with `only` "
        "such a photo is quarantined.",
    )
    image_list: str | None = Field(
        None,
        description="A CSV file `image,identity[,split][,attribute...]` of the images; without "
        "one, each folder of `images` is an identity.",
    )
    split: Literal["hash", "given"] = Field(
        "hash",
        description="How identities are split: by a hash of the identity, or as the list's column "
        "`split` says.",
    )
    shares: SplitShares = SplitShares()
    val_from_train: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="With `split: given` and no val rows, this share of the train identities "
        "becomes val.",
    )
    pairs: PairCounts = PairCounts()
    pair_lists: PairLists = PairLists()
    pairs_in_memory: int = Field(
        default=5_000_000,
        ge=0,
        description="Up to so many pairs of a split are drawn at once, where they take 100 bytes "
        "each. More are drawn by Beam's workers, each its own, and take none: others than these, "
        "but the same whatever the number of workers; no two people are in two different pairs "
        "then.",
    )
    images_in_memory: int = Field(
        default=1_000_000,
        ge=0,
        description="Up to so many images are listed and split in one process, where they take "
        "1.3 kB each, and pairs are drawn of a table of them. Beyond, all that is Beam's: on a "
        "cluster, no process holds a table. Every pair that no list names is then drawn as beyond "
        "`pairs_in_memory`, and sizes and times tell whether photos have changed.",
    )
    limit_identities: int = Field(
        default=0,
        ge=0,
        description="Keep only this many identities of each split (by hash); 0 keeps all. For "
        "small trial runs.",
    )
    max_quarantined: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="The run fails when a larger share of the images is quarantined, or of the "
        "pairs of a list left out because of it.",
    )
    max_duplicates_between_splits: int = Field(
        default=0,
        ge=0,
        description="The run fails when more photos are in two splits, byte for byte or encoded "
        "anew: a model that was trained on a test photo knows it by heart.",
    )
    max_duplicates_between_people: int | None = Field(
        default=None,
        ge=0,
        description="The run fails when more photos are under two people, one of whom is wrong; "
        "`null` only lists them in the report.",
    )
    # Pillow refuses to open what is beyond the upper bound.
    max_pixels: int = Field(
        default=MAX_PIXELS,
        ge=1,
        le=178_956_970,
        description="Larger images are quarantined: a decompression bomb is small on disk.",
    )
    seed: int = Field(default=0, ge=0, description="Of the split by hash and of sampled pairs.")

    @model_validator(mode="after")
    def _given_needs_a_list(self) -> "DataConfig":
        if self.split == "given" and self.image_list is None:
            raise ValueError(
                "split is 'given' and there is no image_list; name a CSV file that has a column "
                "'split', or set split: hash"
            )
        return self
