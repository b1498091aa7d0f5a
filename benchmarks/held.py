"""How many bytes what works in one place holds for each photo, pair and person.

    python -m benchmarks.held

Each is run on made-up data of one size, and of three times as many of one unit: the difference of
the peaks of allocated memory (``tracemalloc``, which sees NumPy's arrays) is what that unit takes,
whatever the process holds anyway. What is mapped from a file is not in it, nor is what C++ holds.
"""

import argparse
import gc
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

_TIMES: Final = 3


class Held(NamedTuple):
    """What a component holds while it does something.

    Attributes:
      component: Which.
      phase: What it does.
      rates: Bytes by the unit.
    """

    component: str
    phase: str
    rates: dict[str, float]


class Meter:
    """Finds the most bytes that were allocated at a time, beyond those at its beginning.

    Attributes:
      peaks: By the phase.
    """

    def __init__(self) -> None:
        self.peaks: dict[str, float] = {}
        gc.collect()
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is allocated within; what earlier phases left counts."""
        gc.collect()
        tracemalloc.reset_peak()
        yield
        self.peaks[name] = float(tracemalloc.get_traced_memory()[1] - self._before)

    def stop(self) -> dict[str, float]:
        """Ends it; returns the peaks."""
        tracemalloc.stop()
        return self.peaks


# Does a component's work on so many of each unit, in an empty folder; returns the peak by phase.
Probe = Callable[[Mapping[str, int], Path], dict[str, float]]


def rates(probe: Probe, counts: Mapping[str, int], work: Path) -> dict[str, dict[str, float]]:
    """Bytes by phase and unit.

    Args:
      probe: Does the work.
      counts: Of each unit, in the smallest run.
      work: Gets a folder a run.
    """

    def run(name: str, sizes: Mapping[str, int]) -> dict[str, float]:
        folder = work / name
        folder.mkdir(parents=True)
        return probe(sizes, folder)

    run("first", counts)  # What is imported and made once is of no size.
    least = run("least", counts)
    found: dict[str, dict[str, float]] = {phase: {} for phase in least}
    for unit, count in counts.items():
        more = run(unit.replace(" ", "-"), {**counts, unit: _TIMES * count})
        for phase, peak in more.items():
            found[phase][unit] = max(peak - least[phase], 0.0) / ((_TIMES - 1) * count)
    return found


def measure(work: Path, only: Collection[str] = ()) -> list[Held]:
    """What components that work in one place hold, in a minute or two.

    Args:
      work: A folder that is empty.
      only: Components; all by default.
    """
    from benchmarks.held_by import PROBES

    found: list[Held] = []
    for component, probe, counts in PROBES:
        if only and component not in only:
            continue
        print(f"measuring what {component} holds ...", file=sys.stderr)
        folder = work / f"{component}-{len(found)}"
        for phase, by_unit in rates(probe, counts, folder).items():
            found.append(Held(component, phase, by_unit))
    return found


def held_table(found: Sequence[Held], memory_gb: float) -> list[str]:
    """What is held, as Markdown.

    Args:
      found: By ``measure``.
      memory_gb: GiB of a machine, to say how many fit into it.
    """
    lines = [
        f"| component | while | unit | bytes each | {memory_gb:g} GiB hold |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {each.component} | {each.phase} | {unit} | {rate:,.0f} | "
        f"{memory_gb * 2**30 / rate / 1e6:,.0f} M |"
        for each in found
        for unit, rate in each.rates.items()
        if rate >= 1
    ]
    return lines


def main(argv: list[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.held", description=__doc__)
    parser.add_argument("--memory_gb", type=float, default=64.0, help="GiB of a machine")
    parser.add_argument("--only", nargs="+", default=(), help="components")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as work:
        print("\n".join(held_table(measure(Path(work), given.only), given.memory_gb)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
