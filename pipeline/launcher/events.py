"""A run as one JSON line an event, beside its log: for programs, where the log is for people."""

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from pipeline.launcher.costs import Cost
from pipeline.launcher.steps import State, Step

SUFFIX: Final = ".jsonl"


class Events:
    """Writes events; a disk that is full ends no run.

    Args:
        log: The run's log; the events are beside it, with the suffix ``.jsonl``.
    """

    def __init__(self, log: Path) -> None:
        self._path = log.with_suffix(SUFFIX)
        self._said: dict[int, tuple[State, str]] = {}

    def write(self, event: str, **facts: Any) -> None:
        """Writes an event down, with the time in UTC."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts})
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            return

    def step(self, step: Step, cost: Cost | None) -> None:
        """Writes down what is new about a step: that it began, what it says, that it ended."""
        before = self._said.get(id(step))
        self._said[id(step)] = (step.state, step.message)
        if before is None:
            self.write("step_began", step=step.name, component=step.is_component)
        if step.message and (before is None or before[1] != step.message):
            self.write("message", step=step.name, message=step.message)
        if step.ended is not None and (before is None or before[0] is State.RUNNING):
            self.write(
                "step_ended",
                step=step.name,
                component=step.is_component,
                state=step.state.value,
                seconds=round(step.seconds(step.ended), 3),
                **(cost_facts(cost) if cost else {}),
            )


def cost_facts(cost: Cost) -> dict[str, Any]:
    """A cost as JSON has it."""
    return {
        "cpu_seconds": round(cost.cpu_s, 2),
        "peak_mib": round(cost.peak_mib),
        **({"counters": cost.counters} if cost.counters else {}),
    }


def kept_costs(logs: Path, run_id: str) -> dict[str, Cost]:
    """The costs of a run, from its events; empty where they are not there any more."""
    for path in sorted(logs.glob(f"*{SUFFIX}"), reverse=True):
        for event in _events(path):
            if event.get("event") == "run_ended" and event.get("run_id") == run_id:
                return {
                    name: Cost(each["cpu_seconds"], each["peak_mib"], each.get("counters", {}))
                    for name, each in event.get("costs", {}).items()
                }
    return {}


def _events(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # Cut short, as by a kill.
            if isinstance(event, dict):
                yield event
