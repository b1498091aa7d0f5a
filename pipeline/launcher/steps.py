"""The steps of a run: what the launcher does first, then the components by ML Metadata."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pipeline.launcher.records import Execution

Clock = Callable[[], float]

# The step that ends when the first component begins.
START: Final = "start of TFX"


class State(Enum):
    """How far a step has come; the value is the word shown for it."""

    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    STOPPED = "stopped"


# By ML Metadata's word; any other one is that of a component that has not ended.
_ENDED: Final = {
    "COMPLETE": State.DONE,
    "CACHED": State.CACHED,
    "FAILED": State.FAILED,
    "CANCELED": State.STOPPED,
}


@dataclass
class Step:
    """One component, or one thing done before the first of them.

    Attributes:
        name: The component's id in the pipeline.
        began: Seconds since the epoch.
        is_component: Whether it is one.
        ended: The same, ``None`` while it runs.
        state: How far it has come.
        message: The last thing it said to the person.
    """

    name: str
    began: float
    is_component: bool = False
    ended: float | None = None
    state: State = State.RUNNING
    message: str = ""

    def seconds(self, now: float) -> float:
        """Seconds from its start to its end, or to ``now`` while it runs."""
        return (now if self.ended is None else self.ended) - self.began


class Steps:
    """The steps of a run in the order in which they began.

    Args:
        show: Called with a step that began, ended or said something.
        clock: Seconds since the epoch.
    """

    def __init__(self, show: Callable[[Step], None], clock: Clock = time.time) -> None:
        self._show = show
        self._clock = clock
        self._steps: list[Step] = []

    @property
    def running(self) -> list[Step]:
        """The steps that have begun and not ended: more than one only on a parallel engine."""
        return [step for step in self._steps if step.ended is None]

    def begin(self, name: str) -> None:
        """Adds a step that begins now."""
        self._add(Step(name, self._clock()))

    def end(self, state: State = State.DONE) -> None:
        """Ends whatever still runs."""
        for step in self.running:
            self._end(step, state, self._clock())

    def take(self, executions: Sequence[Execution]) -> None:
        """Takes in how the components of the run stand."""
        for each in executions:
            step = next((s for s in self._steps if s.is_component and s.name == each.node), None)
            if step is None:
                for before in self.running:
                    if not before.is_component:
                        self._end(before, State.DONE, each.began)
                step = Step(each.node, each.began, is_component=True)
                self._add(step)
            if step.ended is None and each.state in _ENDED:
                self._end(step, _ENDED[each.state], each.ended)

    def say(self, message: str) -> bool:
        """Gives a message to the component that began last of those that run.

        Returns:
            Whether there is one.
        """
        speaking = [step for step in self.running if step.is_component][-1:]
        for step in speaking:
            step.message = message
            self._show(step)
        return bool(speaking)

    def _add(self, step: Step) -> None:
        self._steps.append(step)
        self._show(step)

    def _end(self, step: Step, state: State, now: float) -> None:
        step.ended, step.state = now, state
        self._show(step)
