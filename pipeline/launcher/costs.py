"""What each component of a run cost: CPU time, memory, and how much it went through.

The launcher looks at the processes of the run four times a second and puts what they used since the
last look down to the components that run. On an engine that runs several at once, they share it
evenly. A component that ends between two looks is not seen.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from components.storage import read_file
from pipeline.launcher.records import SUMMARY_FILE, RunRecord

_COUNTED: Final = re.compile(r"^([\d,]+) of [\d,]+ ([a-z][a-z ]*[a-z])(?:$|[,;:])")
_MIB: Final = 2**20
_WORTH_A_LINE_S: Final = 0.05


@dataclass
class Cost:
    """What a component used.

    Attributes:
        cpu_s: Seconds of all cores together, system time and ended processes included.
        peak_mib: The largest resident memory of all processes of the run together, seen while the
            component ran. Pages that two processes share count twice.
        counters: How much it went through, by what.
    """

    cpu_s: float = 0.0
    peak_mib: float = 0.0
    counters: dict[str, int] = field(default_factory=dict)


def used_by_children() -> tuple[float, float]:
    """CPU seconds and resident MiB of all that this process has started and that lives."""
    cpu_s = memory = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
            memory += process.memory_info().rss / _MIB
        except psutil.Error:
            continue  # It has ended meanwhile.
        cpu_s += sum(times[:4])  # Its own, and of its children that have ended.
    return cpu_s, memory


class Meter:
    """Puts what the processes of a run use down to its components.

    Args:
        used: CPU seconds until now, and resident MiB now.
    """

    def __init__(self, used: Callable[[], tuple[float, float]] = used_by_children) -> None:
        self._used = used
        self._before: float | None = None
        self.costs: dict[str, Cost] = {}

    def look(self, running: Sequence[str]) -> None:
        """Takes in what was used since the last look.

        Args:
            running: The components that run.
        """
        cpu_s, memory = self._used()
        spent = max(cpu_s - (cpu_s if self._before is None else self._before), 0.0)
        self._before = cpu_s
        for name in running:
            cost = self.costs.setdefault(name, Cost())
            cost.cpu_s += spent / len(running)
            cost.peak_mib = max(cost.peak_mib, memory)

    def hear(self, running: Sequence[str], message: str) -> None:
        """Takes a count out of what the component that began last says: ``9 of 12 images read``."""
        if running and (found := _COUNTED.match(message)):
            counters = self.costs.setdefault(running[-1], Cost()).counters
            counters[found[2]] = int(found[1].replace(",", ""))

    def of(
        self, names: Iterable[str], counters: Mapping[str, Mapping[str, int]]
    ) -> dict[str, Cost]:
        """The costs of some components, with what else is known of what they went through."""
        found = {name: self.costs.get(name, Cost()) for name in names}
        for name, cost in found.items():
            cost.counters = {**counters.get(name, {}), **cost.counters}
        return found


def data_counters(run: RunRecord) -> dict[str, dict[str, int]]:
    """What the summaries of a run's data say, by component: photos, people, pairs."""
    found: dict[str, dict[str, int]] = {}
    for execution in run.executions:
        for artifact in execution.outputs:
            content = _summary(artifact.uri)
            counters = found.setdefault(execution.node, {})
            for split in content.values():
                for key, value in split.items():
                    if key in ("images", "identities", "quarantined"):
                        counters[key] = counters.get(key, 0) + int(value)
                    elif isinstance(value, dict):
                        made = int(value.get("same", 0)) + int(value.get("different", 0))
                        counters["pairs"] = counters.get("pairs", 0) + made
    return {node: counters for node, counters in found.items() if counters}


def counted(counters: Mapping[str, int]) -> str:
    """Counters for people: ``9,000 images, 12 quarantined``."""
    return ", ".join(f"{count:,} {what}" for what, count in counters.items())


def cost_lines(costs: Mapping[str, Cost], seconds: Mapping[str, float]) -> list[str]:
    """A table of what components cost, without those that took no time to speak of.

    Args:
        costs: By component.
        seconds: Wall time of those that ran, in their order.
    """
    seconds = {name: took for name, took in seconds.items() if took >= _WORTH_A_LINE_S}
    width = max((len(name) for name in seconds), default=0)
    lines = [f"  {'':<{width}}  {'seconds':>8}  {'CPU s':>8}  {'MiB':>7}"] if seconds else []
    for name, took in seconds.items():
        cost = costs.get(name, Cost())
        line = f"  {name:<{width}}  {took:>8.1f}  {cost.cpu_s:>8.1f}  {cost.peak_mib:>7,.0f}"
        lines.append(f"{line}  {counted(cost.counters)}".rstrip())
    return lines


def _summary(folder: str) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(read_file(folder, SUMMARY_FILE))
    except (OSError, ValueError):
        return {}
    splits = content.get("splits") if isinstance(content, dict) else None
    if not isinstance(splits, dict):
        return {}
    return {name: split for name, split in splits.items() if isinstance(split, dict)}
