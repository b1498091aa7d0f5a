"""What sizes that nobody ran would take, by rates a photo and a pair: time, memory and bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np

from benchmarks.held import Held
from benchmarks.made_up import DIMENSIONS, PHOTOS_A_PERSON
from components.decision.config import DecisionConfig
from components.metrics.sketch import EXACT_PAIRS
from components.pair_example_gen.config import DataConfig
from components.pair_scorer.config import ScoringConfig
from components.report.config import ReportConfig
from components.trainer.config import TrainingConfig

# Its cost a photo or a pair is spread over workers; all else is done in one place.
SPREAD: Final = {
    "PairExampleGen": ("photo",),
    "StatisticsGen-images": ("photo", "pair"),
    "StatisticsGen-pairs": ("photo", "pair"),
    "Transform": ("photo", "pair"),
    # Its pairs are the val pairs, which its driver compares.
    "ValScorer": ("photo",),
    "PairScorer": ("photo", "pair"),
    "Evaluator": ("photo", "pair"),
}
UNITS: Final = ("photo", "pair")
TRAIN_SHARE: Final = 0.4
VAL_SHARE: Final = 0.3
TEST_SHARE: Final = 0.3
# Pixels of a train or val photo, as faces.yaml has them.
_PIXELS: Final = 150 * 150 * 3
# All test pairs, and those of each pair set.
_SLICES: Final = 2
# What a worker compares at a time to find photos that are alike: a million with a million. FAISS's
# table takes 550 bytes a photo (resident memory of 200,000: tracemalloc does not see it).
_ALIKE_PHOTOS: Final = 1_000_000
_ALIKE_BYTES: Final = 550


class Rates(NamedTuple):
    """What something takes: at least, and more for each photo and each pair."""

    constant: float
    photo: float
    pair: float

    def of(self, photos: float, pairs: float) -> float:
        """What it takes for so many."""
        return self.constant + self.photo * photos + self.pair * pairs


class Run(Protocol):
    """What rates are found from."""

    @property
    def photos(self) -> int:
        """In it."""

    @property
    def pairs(self) -> int:
        """In it."""


@dataclass(frozen=True)
class Measured:
    """A run.

    Attributes:
      photos: In it.
      pairs: In it.
      cpu_s: CPU seconds by component.
      peak_mib: Memory.
      stored: Bytes of artifacts by component.
      peaks_mib: Memory while each component ran; empty in older records.
    """

    photos: int
    pairs: int
    cpu_s: dict[str, float]
    peak_mib: float
    stored: dict[str, float]
    peaks_mib: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Size:
    """A size that is asked about.

    Attributes:
      photos: Train, val and test photos together.
      pairs: Test pairs.
      own_pairs: Train pairs, and as many val pairs.
    """

    photos: int
    pairs: int
    own_pairs: int

    @property
    def val_named(self) -> float:
        """How many val photos val pairs name, at most."""
        return min(VAL_SHARE * self.photos, 2.0 * self.own_pairs)

    def units(self) -> dict[str, float]:
        """How many there are of what something is held for."""
        config = DataConfig.model_fields
        in_table = self.photos <= config["images_in_memory"].default
        at_once = config["pairs_in_memory"].default
        all_pairs = (self.pairs, self.own_pairs, self.own_pairs)
        people = self.photos / PHOTOS_A_PERSON
        return {
            "photo": self.photos * in_table,
            "pair": sum(pairs for pairs in all_pairs if pairs <= at_once) * in_table,
            "person": people * (not in_table),
            "person of a split": TRAIN_SHARE * people * (not in_table),
            "train photo": TRAIN_SHARE * self.photos,
            "train pair": self.own_pairs,
            "val photo": self.val_named,
            "val pair": self.own_pairs + DecisionConfig.model_fields["strangers"].default,
            "test photo": min(TEST_SHARE * self.photos, 2.0 * self.pairs),
            "test pair": self.pairs,
            "pair of a slice": _SLICES * min(self.pairs, EXACT_PAIRS),
        }


def that_count(component: str, photos: float, own_pairs: int) -> float:
    """Of so many photos, those that a component's cost goes with.

    ValScorer and Decision look at the val photos that val pairs name, and of test photos only those
    in TensorBoard's projector make Report work.
    """
    if component in ("ValScorer", "Decision"):
        return min(photos, 2 * own_pairs / VAL_SHARE)
    if component == "Report":
        return min(photos, ReportConfig().projector_images / TEST_SHARE)
    return photos


def fit(sizes: Sequence[tuple[float, float]], took: Sequence[float]) -> Rates:
    """The rates by which runs took what they took.

    Args:
      sizes: Photos and pairs of at least three runs, different ones.
      took: Each.
    """
    from scipy.optimize import lsq_linear

    # Columns and values of like size.
    columns = np.array([[1.0, photos / 1e3, pairs / 1e3] for photos, pairs in sizes])
    most = max(*took, 1e-9)
    found = lsq_linear(columns, np.asarray(took, float) / most, (0, np.inf), method="bvls")
    constant, photo, pair = found.x * most
    return Rates(float(constant), float(photo) / 1e3, float(pair) / 1e3)


def rates_of(
    runs: Sequence[Run], took: Sequence[Mapping[str, float]], own_pairs: int
) -> dict[str, Rates]:
    """The rates of each component that all runs have.

    Args:
      runs: Their sizes.
      took: What each component took, by run.
      own_pairs: Train pairs of each run, and as many val pairs.
    """
    names = [name for name in took[0] if all(name in each for each in took)]
    return {
        name: fit(
            [(that_count(name, run.photos, own_pairs), run.pairs) for run in runs],
            [each[name] for each in took],
        )
        for name in names
    }


def taken(rates: Mapping[str, Rates], size: Size) -> dict[str, float]:
    """What each component takes."""
    return {
        name: rate.of(that_count(name, size.photos, size.own_pairs), size.pairs)
        for name, rate in rates.items()
    }


def hours(rates: Mapping[str, Rates], size: Size, workers: int, cores: int = 2) -> dict[str, float]:
    """Hours of each component: what is spread, on all workers; the rest on one core.

    Args:
      rates: CPU seconds by component.
      size: Of the data.
      workers: How many.
      cores: Of each.
    """
    spread = {
        name: Rates(0.0, *(getattr(rate, of) * (of in SPREAD.get(name, ())) for of in UNITS))
        for name, rate in rates.items()
    }
    parallel = taken(spread, size)
    return {
        name: (seconds - parallel[name] + parallel[name] / (workers * cores)) / 3600
        for name, seconds in taken(rates, size).items()
    }


def memory(held: Sequence[Held], least_mib: Mapping[str, float], size: Size) -> dict[str, float]:
    """GiB on the machine where each component holds most, by its name.

    Args:
      held: What is held for each unit.
      least_mib: What a run takes whatever its size, by component.
      size: Of the data.
    """
    units = size.units()
    most: dict[str, float] = {}
    phases: dict[tuple[str, str], float] = {}
    for each in held:
        here = sum(rate * units[unit] for unit, rate in each.rates.items())
        key = each.component, each.phase
        phases[key] = phases.get(key, 0.0) + here
    for (component, phase), there in phases.items():
        more = there + _beside(component, phase, size)
        most[component] = max(most.get(component, 0.0), more)
    embeddings = TEST_SHARE * size.photos * DIMENSIONS * 4
    most["PairScorer"] = min(embeddings, ScoringConfig().embedding_memory_mb * 2.0**20)
    return {name: least / 1024 + most.get(name, 0.0) / 2**30 for name, least in least_mib.items()}


def _beside(component: str, phase: str, size: Size) -> float:
    """Bytes that were not measured, since a setting bounds them or C++ holds them."""
    if component == "PairExampleGen":
        return _ALIKE_BYTES * min(size.photos, _ALIKE_PHOTOS)
    if component != "Trainer":
        return 0.0
    limit = TrainingConfig.model_fields["image_memory_mb"].default * 2.0**20
    train, val = (share * size.photos * _PIXELS for share in (TRAIN_SHARE, VAL_SHARE))
    kept = [pixels if pixels <= limit else 0.0 for pixels in (train, val)]
    if phase != "reading":
        return sum(kept)
    # What is read is there twice until it is in order; what is mapped, once, up to the limit.
    of_train, of_val = (2 * pixels if pixels <= limit else limit for pixels in (train, val))
    return max(of_train, kept[0] + of_val)
