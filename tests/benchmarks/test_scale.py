"""What is computed for sizes that nobody ran."""

import pytest

from benchmarks.scale import Measured, Prices, Rates, fit, hours, tables


def measured(photos: int, pairs: int) -> Measured:
    """As if an embedding took 10 ms, a pair 2 µs, and all of it began with 3 s."""
    return Measured(
        photos,
        pairs,
        cpu_s={"PairScorer": 3 + 0.01 * photos + 2e-6 * pairs, "Report": 5.0},
        peak_mib=1024 + photos / 1024,
        stored={"PairScorer": 100.0 * pairs},
    )


RUNS = [measured(600, 3_000), measured(2_400, 3_000), measured(2_400, 200_000)]


def test_the_rates_of_three_runs() -> None:
    found = fit(RUNS, [run.cpu_s["PairScorer"] for run in RUNS])
    assert found == pytest.approx((3, 0.01, 2e-6))
    # Bytes by the hundred million are as well fitted as seconds.
    stored = fit(RUNS, [1e8 + 2e4 * run.photos + 300.0 * run.pairs for run in RUNS])
    assert stored == pytest.approx((1e8, 2e4, 300))
    # Noise never makes more photos cost less.
    assert fit(RUNS, [5.0, 4.9, 5.1]).photo == 0


def test_what_is_spread_is_divided_among_the_workers_cores() -> None:
    rates = {"PairScorer": Rates(3, 0.01, 2e-6), "Report": Rates(0, 0.01, 0)}
    found = hours(rates, photos=3_600_000, pairs=0, workers=5)
    # 36,000 s, divided by 10 cores, after 3 s; and on one core.
    assert found == pytest.approx({"PairScorer": 3_603 / 3600, "Report": 10})


def test_the_tables_say_what_would_not_fit() -> None:
    lines = tables(RUNS, workers=[1, 10], prices=Prices(0.1, 0.02), memory_gb=8)
    text = "\n".join(lines)
    assert "| PairScorer | 10.00 | 2.0 | 0 | 100 |" in lines
    assert "Memory: 1,024 MiB, 1.0 KiB a photo and 0 bytes a pair. All else:" in lines
    # 100,000 photos: 1,000 s + 2 s over two cores, after 3 s; 1 GiB and 98 MiB of memory.
    assert "| PairScorer | 8.4 min | 53.1 s | 0.10 |" in lines
    assert "Memory of the machine that runs it: 1.1 GiB." in lines
    # 3 M photos hold 2.9 GiB and 1 GiB; 100 M hold 95.4 GiB and 1.
    assert text.count("Not as it is") == 1
    assert "it: 96.4 GiB. **Not as it is**: that is more than 8." in text
