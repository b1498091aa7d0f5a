"""What is held for each photo and pair, by allocated bytes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmarks.held import Held, Meter, held_table, rates
from benchmarks.held_by import PROBES
from benchmarks.made_up import made_pairs, people


def test_the_peak_of_a_phase_is_what_was_alive_at_a_time() -> None:
    before = np.zeros(5_000_000, np.uint8)
    meter = Meter()
    with meter.phase("one"):
        kept = np.zeros(1_000_000, np.uint8)
        np.zeros(2_000_000, np.uint8)
        np.zeros(3_000_000, np.uint8)
    with meter.phase("two"):
        more = np.zeros(500_000, np.uint8)
    peaks = meter.stop()
    # The two that were let go were not there together; what is kept counts in the next phase.
    assert peaks == pytest.approx({"one": 4e6, "two": 1.5e6}, rel=0.01)
    assert len(before) + len(kept) + len(more) == 6_500_000


def test_rates_are_what_more_of_one_unit_adds(tmp_path: Path) -> None:
    def probe(counts: Mapping[str, int], folder: Path) -> dict[str, float]:
        assert not list(folder.iterdir())
        (folder / "used").touch()
        meter = Meter()
        with meter.phase("reading"):
            held = np.zeros(1_000_000 + 40 * counts["photo"], np.uint8)
        with meter.phase("comparing"):
            more = np.zeros(counts["pair"], np.float64)
        assert len(held) > len(more)
        return meter.stop()

    found = rates(probe, {"photo": 10_000, "pair": 20_000}, tmp_path)
    assert found == {
        "reading": pytest.approx({"photo": 40, "pair": 0}, abs=0.5),
        "comparing": pytest.approx({"photo": 40, "pair": 8}, abs=0.5),
    }


def test_made_up_pairs_name_all_photos_and_are_labelled_rightly() -> None:
    a, b, labels = made_pairs(12, 24)
    assert set(a.tolist()) == set(range(12))
    assert labels.sum() == 12
    who = np.array(people(12))
    assert ((who[a] == who[b]) == (labels == 1)).all()
    assert (a != b).all()


@pytest.mark.parametrize(
    ("component", "phase", "unit", "least"),
    [
        # An embedding of 128 float32; as text, an id of 40 characters and an identity of 20.
        ("ValScorer", "comparing", "val photo", 4 * (128 + 40 + 20)),
        # Embeddings, those that PLDA takes, and these as float64; the id and the class.
        ("Trainer", "fitting PLDA", "train photo", 128 * (4 + 4 + 8) + 40 + 4),
    ],
)
def test_what_components_hold_is_little_more_than_their_tables(
    component: str, phase: str, unit: str, least: int, tmp_path: Path
) -> None:
    [(probe, counts)] = [(probe, counts) for name, probe, counts in PROBES if name == component]

    def of_unit(sizes: Mapping[str, int], folder: Path) -> dict[str, float]:
        return probe({**counts, **sizes}, folder)

    found = rates(of_unit, {unit: counts[unit]}, tmp_path)
    assert least <= found[phase][unit] < 1.1 * least


def test_the_table_says_how_many_fit() -> None:
    found = [Held("Report", "reading", {"test pair": 64.0, "test photo": 0.4})]
    # 64 GiB by 64 bytes are 2 to the 30.
    assert held_table(found, 64)[2:] == ["| Report | reading | test pair | 64 | 1,074 M |"]
