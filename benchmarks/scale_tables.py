"""The tables of ``scale``, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from benchmarks import shuffle
from benchmarks.held import Held, held_table
from benchmarks.scale_model import Measured, Rates, Size, hours, memory, rates_of, taken
from benchmarks.shuffle import Shuffled

NOT_MEASURED: Final = "not measured"
SIZES: Final = ((100_000, 1_000_000), (3_000_000, 100_000_000), (100_000_000, 3_000_000_000))
# Train pairs of each run, and as many val pairs.
OWN_PAIRS: Final = 2_000


class Prices(NamedTuple):
    """In dollars: an hour of a worker of two vCPUs and 8 GB, a GB stored for a month."""

    worker_hour: float
    gb_month: float


class Asked(NamedTuple):
    """What the tables are to tell.

    Attributes:
      workers: Numbers of workers.
      prices: For the money.
      memory_gb: GiB of the machine that runs it.
      own_pairs: Train pairs of each size, and as many val pairs.
    """

    workers: Sequence[int]
    prices: Prices
    memory_gb: float
    own_pairs: int = OWN_PAIRS


@dataclass(frozen=True)
class Found:
    """What was measured, as rates.

    Attributes:
      cpu: Seconds by component.
      stored: Bytes by component.
      sent: Bytes by component; empty where they were not measured.
      held: Likewise.
      least_mib: Memory of the smallest run, by component.
    """

    cpu: dict[str, Rates]
    stored: dict[str, Rates]
    sent: dict[str, Rates]
    held: Sequence[Held]
    least_mib: dict[str, float]

    @classmethod
    def of(
        cls, runs: Sequence[Measured], held: Sequence[Held], shuffled: Sequence[Shuffled]
    ) -> "Found":
        """What three runs, and three on Flink, come to."""
        cpu = rates_of(runs, [run.cpu_s for run in runs], OWN_PAIRS)
        stored = [{name: run.stored.get(name, 0.0) for name in cpu} for run in runs]
        sent = [{name: run.bytes_by.get(name, 0.0) for name in cpu} for run in shuffled]
        return cls(
            cpu,
            rates_of(runs, stored, OWN_PAIRS),
            rates_of(shuffled, sent, shuffle.OWN_PAIRS) if shuffled else {},
            held,
            {name: min(run.peaks_mib.get(name, run.peak_mib) for run in runs) for name in cpu},
        )


def tables(runs: Sequence[Measured], found: Found, asked: Asked) -> list[str]:
    """All of them.

    Args:
      runs: That were measured.
      found: What they come to.
      asked: What is to be told.
    """
    lines = [
        "Measured:",
        "",
        "| photos | pairs | CPU seconds | peak memory | artifacts |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {run.photos:,} | {run.pairs:,} | {sum(run.cpu_s.values()):,.0f} | "
        f"{run.peak_mib:,.0f} MiB | {sum(run.stored.values()) / 1e6:,.0f} MB |"
        for run in runs
    ]
    lines += ["", *_rates(found), "", "Held, beside what any process holds:", ""]
    lines += held_table(found.held, asked.memory_gb) if found.held else [NOT_MEASURED]
    for photos, pairs in SIZES:
        lines += ["", f"### {pairs:,} pairs over {photos:,} photos", ""]
        lines += _size(found, Size(photos, pairs, asked.own_pairs), asked)
    return lines


def _rates(found: Found) -> list[str]:
    lines = [
        "| component | CPU ms a photo | CPU µs a pair | stored bytes a photo | a pair | "
        "shuffled, bytes a photo | a pair |",
        "| --- |" + " --- |" * 6,
    ]
    for name, cpu in found.cpu.items():
        stored, sent = found.stored[name], found.sent.get(name)
        cells = [
            f"{cpu.photo * 1e3:.2f}",
            f"{cpu.pair * 1e6:.1f}",
            f"{stored.photo:,.0f}",
            f"{stored.pair:,.0f}",
            *([f"{sent.photo:,.0f}", f"{sent.pair:,.0f}"] if sent else [NOT_MEASURED] * 2),
        ]
        if any(cell.strip("0.,") and cell != NOT_MEASURED for cell in cells):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _size(found: Found, size: Size, asked: Asked) -> list[str]:
    times = [hours(found.cpu, size, count) for count in asked.workers]
    stored, sent = taken(found.stored, size), taken(found.sent, size)
    held = memory(found.held, found.least_mib, size) if found.held else {}
    heads = [f"{count:,} worker{'s' * (count > 1)}" for count in asked.workers]
    heads += ["memory, GiB", "shuffled, GB", "artifacts, GB"]
    lines = [f"| component | {' | '.join(heads)} |", "| --- |" + " --- |" * len(heads)]
    for name in found.cpu:
        if max(each[name] for each in times) * 3600 < 1 and stored[name] < 1e6:
            continue
        cells = [_time(each[name]) for each in times]
        cells.append(f"{held[name]:,.1f}" if held else NOT_MEASURED)
        cells += [_gb(sent, name), _gb(stored, name)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    totals = [sum(each.values()) for each in times]
    cells = [*map(_time, totals), f"{max(held.values()):,.1f}" if held else NOT_MEASURED]
    cells += [_gb(each, None) for each in (sent, stored)]
    lines.append(f"| in all | {' | '.join(cells)} |")
    money = [
        f"${total * count * asked.prices.worker_hour:,.2f}"
        for total, count in zip(totals, asked.workers, strict=True)
    ]
    month = f"${sum(stored.values()) / 1e9 * asked.prices.gb_month:,.2f} a month"
    lines += [f"| dollars | {' | '.join(money)} | | | {month} |", "", _verdict(held, asked)]
    return lines


def _verdict(held: Mapping[str, float], asked: Asked) -> str:
    if not held:
        return f"Memory: {NOT_MEASURED}."
    most = sorted(held, key=lambda name: -held[name])
    beyond = [f"{name} ({held[name]:,.1f})" for name in most if held[name] > asked.memory_gb]
    if beyond:
        return (
            f"**Not as it is**: more than {asked.memory_gb:g} GiB are held by {', '.join(beyond)}."
        )
    return f"Most memory: {most[0]}, {held[most[0]]:,.1f} GiB, within {asked.memory_gb:g}."


def _gb(taken: Mapping[str, float], name: str | None) -> str:
    if not taken:
        return NOT_MEASURED
    return f"{(sum(taken.values()) if name is None else taken[name]) / 1e9:,.2f}"


def _time(hours: float) -> str:
    if hours >= 48:
        return f"{hours / 24:,.0f} days"
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{hours * 60:.1f} min" if hours * 60 >= 1 else f"{hours * 3600:.1f} s"
