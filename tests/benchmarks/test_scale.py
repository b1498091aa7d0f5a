"""What is computed for sizes that nobody ran."""

import json
from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.faces import Source
from benchmarks.held import Held
from benchmarks.scale_model import Measured, Rates, Size, fit, hours, memory, rates_of
from benchmarks.scale_tables import Asked, Found, Prices, tables
from benchmarks.shuffle import Shuffled
from scripts.clusters.cluster import ClusterError


def measured(photos: int, pairs: int) -> Measured:
    """As if an embedding took 10 ms, a pair 2 µs, and all of it began with 3 s."""
    return Measured(
        photos,
        pairs,
        cpu_s={"PairScorer": 3 + 0.01 * photos + 2e-6 * pairs, "Report": 5.0},
        peak_mib=1024 + photos / 1024,
        stored={"PairScorer": 100.0 * pairs},
        peaks_mib={"Report": 512.0 + photos},
    )


RUNS = [measured(600, 3_000), measured(2_400, 3_000), measured(2_400, 200_000)]
SIZES = [(run.photos, run.pairs) for run in RUNS]
SENT = [Shuffled(*size, {"PairScorer": 40.0 * size[0] + 500.0 * size[1]}) for size in SIZES]
# 1 GiB for four million test pairs.
HELD = [Held("Report", "summary", {"test pair": 256.0}), Held("Report", "pages", {"test pair": 9})]


def test_the_rates_of_three_runs() -> None:
    found = fit(SIZES, [run.cpu_s["PairScorer"] for run in RUNS])
    assert found == pytest.approx((3, 0.01, 2e-6))
    # Bytes by the hundred million are as well fitted as seconds.
    stored = fit(SIZES, [1e8 + 2e4 * photos + 300.0 * pairs for photos, pairs in SIZES])
    assert stored == pytest.approx((1e8, 2e4, 300))
    # Noise never makes more photos cost less.
    assert fit(SIZES, [5.0, 4.9, 5.1]).photo == 0


def test_what_is_spread_is_divided_among_the_workers_cores() -> None:
    rates = {"PairScorer": Rates(3, 0.01, 2e-6), "Trainer": Rates(0, 0.01, 0)}
    found = hours(rates, Size(3_600_000, 0, 2_000), workers=5)
    # 36,000 s, divided by 10 cores, after 3 s; and on one core.
    assert found == pytest.approx({"PairScorer": 3_603 / 3600, "Trainer": 10})


def test_a_photo_that_no_val_pair_names_costs_val_scorer_nothing() -> None:
    # 300 val pairs name 600 val photos, which are among 2,000 photos; a test photo that is in no
    # projector costs Report nothing: 1,000 of 3,333.
    took = [{"ValScorer": 7.0 * min(run.photos, 2_000)} for run in RUNS]
    rates = rates_of(RUNS, took, own_pairs=300)
    assert rates["ValScorer"] == pytest.approx((0, 7, 0), abs=1e-6)
    every = {name: Rates(0, 7, 0) for name in ("ValScorer", "Report", "Transform")}
    found = hours(every, Size(90_000, 0, own_pairs=300), workers=1, cores=1)
    seconds = {"ValScorer": 14_000, "Report": 7 * 10_000 / 3, "Transform": 630_000}
    assert found == pytest.approx({name: took / 3600 for name, took in seconds.items()})


def test_the_memory_of_each_component() -> None:
    least = dict.fromkeys(("Report", "Trainer", "PairScorer", "Transform"), 1024.0)
    held = [*HELD, Held("Trainer", "reading", {}), Held("Trainer", "PLDA", {"train photo": 8.0})]
    found = memory(held, least, Size(10_000, 2**23, 2_000))
    # Of two phases, the larger. 4,000 train and 3,000 val photos of 67,500 bytes, the latter twice
    # while they are read; embeddings of 3,000 test photos.
    assert found == pytest.approx(
        {
            "Report": 3,
            "Trainer": 1 + (4_000 + 2 * 3_000) * 67_500 / 2**30,
            "PairScorer": 1 + 3_000 * 512 / 2**30,
            "Transform": 1,
        }
    )
    # Pixels beyond 2 GiB are mapped, embeddings beyond 1 GiB joined by parts.
    found = memory(held, least, Size(100_000_000, 0, 2_000))
    assert (found["Trainer"], found["PairScorer"]) == (3, 2)


def test_how_many_there_are_of_what_is_held() -> None:
    small = Size(100_000, 1_000_000, 2_000).units()
    assert (small["photo"], small["pair"], small["person"]) == (100_000, 1_004_000, 0)
    # Of 30,000 val photos, 2,000 pairs name 4,000; 50,000 pairs of strangers are added.
    assert (small["val photo"], small["val pair"]) == (4_000, 52_000)
    large = Size(4_000_000, 3_000_000_000, 2_000_000).units()
    assert (large["photo"], large["pair"], large["person"]) == (0, 0, 1_000_000)
    assert large["val photo"] == large["test photo"] == pytest.approx(1_200_000)
    # All test pairs, and those of one set.
    assert large["pair of a slice"] == 10_000_000


def test_the_tables_say_what_would_not_fit() -> None:
    asked = Asked(workers=[1, 10], prices=Prices(0.1, 0.02), memory_gb=64)
    lines = tables(RUNS, Found.of(RUNS, HELD, SENT), asked)
    assert "| PairScorer | 10.00 | 2.0 | 0 | 100 | 40 | 500 |" in lines
    assert "| Report | summary | test pair | 256 | 268 M |" in lines
    # 100,000 photos: 1,000 s + 2 s over two cores, after 3 s; 15.4 MB of embeddings beside the GiB
    # of the smallest run; 4 and 500 MB shuffled.
    assert "| PairScorer | 8.4 min | 53.1 s | 1.0 | 0.50 | 0.10 |" in lines
    # 256 MB beside 1,112 MiB; 25.6 GB; 768 GB.
    assert "Most memory: Report, 1.3 GiB, within 64." in lines
    assert "Most memory: Report, 24.9 GiB, within 64." in lines
    assert "**Not as it is**: more than 64 GiB are held by Report (716.3)." in lines


def test_what_was_not_measured_is_said() -> None:
    asked = Asked(workers=[1], prices=Prices(0.1, 0.02), memory_gb=64)
    lines = tables(RUNS, Found.of(RUNS, [], []), asked)
    assert "| PairScorer | 10.00 | 2.0 | 0 | 100 | not measured | not measured |" in lines
    assert "| PairScorer | 8.4 min | not measured | not measured | 0.10 |" in lines
    assert lines.count("Memory: not measured.") == 3


@pytest.mark.parametrize("flink", [True, False])
def test_without_flink_its_earlier_runs_stay(
    flink: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "scale.json"
    old = {"on": "a day", "measured": [each._asdict() for each in SENT]}
    kept.write_text(json.dumps({"runs": {"on": "a day", "measured": []}, "shuffled": old}))
    asked = []

    def no_cluster(source: Source, work: Path) -> list[Shuffled]:
        asked.append(source)
        raise ClusterError("no Java here")

    monkeypatch.setattr(scale, "find_source", lambda work: Source("made up", work, ()))
    monkeypatch.setattr(scale, "run", lambda source, photos, pairs, work: measured(photos, pairs))
    monkeypatch.setattr(scale.held, "measure", lambda work: HELD)
    monkeypatch.setattr(scale.shuffle, "measure", no_cluster)
    found = scale.measure(kept, flink)
    assert len(asked) == flink
    assert found["shuffled"] == old
    assert [run["photos"] for run in found["runs"]["measured"]] == [1_000, 4_000, 4_000]
    assert found == json.loads(kept.read_text())


def test_what_was_measured_before_is_written_into_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "measure", None)
    page, kept = tmp_path / "scale.md", tmp_path / "scale.json"
    page.write_text(f"before\n{scale.BEGIN}\nbygone\n{scale.END}\nafter\n")
    runs = [vars(run) for run in RUNS]
    kept.write_text(json.dumps({"runs": {"on": "a day", "measured": runs}}))
    assert scale.main(["--measured", str(kept), "--write", str(page)]) == 0
    text = page.read_text()
    told = "Time and artifacts: a day; memory: not measured; shuffled: not measured."
    assert text.startswith(f"before\n{scale.BEGIN}\n{told}")
    assert text.endswith(f"{scale.END}\nafter\n")
    assert "bygone" not in text
