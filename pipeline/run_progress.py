"""What a run's output says has happened so far: pure functions over lines, no clock, no screen.

TFX's local runner logs ``Component X is running.`` and ``Component X is finished.``, its Beam
runner the same with ``node``; between the two the launcher may log that a cached execution is
used. Everything else in the output is noise here, except the lines that components write for the
person with the prefix ``faceauth-progress: `` and the traceback of a failure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

MESSAGE_PREFIX: Final = "faceauth-progress: "

# The step that ends when the first component begins.
START: Final = "start of TFX"

_STATE = re.compile(r"\b(?:Component|node) (?P<name>[\w.-]+) is (?P<what>running|finished)\.$")
_CACHED = re.compile(r"\bA cached execution \d+ is used\.$")

_TRACEBACK: Final = "Traceback (most recent call last):"
# Where the text of an exception ends: the next link of a chain, or the next record of a log.
_AFTER_EXCEPTION = re.compile(
    r"During handling of the above exception|The above exception was the direct cause"
    r"|Error while running \"|Exception ignored in|Fatal Python error"
    r"|[IWEF]\d{4} \d\d:\d\d|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
)
_WHILE_RUNNING = re.compile(r" \[while running '[^']*'\]")
_MODULE = re.compile(r"^(?:[a-zA-Z_]\w*\.)+(?=\w+(?::|$))")
_ERROR_LINES: Final = 12


class State(Enum):
    """How far a step has come; the value is the word shown for it."""

    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    SKIPPED = "skipped"
    FAILED = "failed"
    STOPPED = "stopped"


# What the launcher says of a node that it names. A node whose inputs do not resolve is logged as
# finished later all the same.
_ABOUT_A_NODE: Final = (
    (re.compile(r"\[(?P<name>[\w.-]+)\] Resolved inputs: "), None),
    (re.compile(r"\bSkipping execution for (?P<name>[\w.-]+)$"), State.SKIPPED),
    (re.compile(r"\[(?P<name>[\w.-]+)\] .*resolution error: "), State.FAILED),
)


@dataclass
class Step:
    """One component, or one thing done before the first of them.

    Attributes:
        name: The component's id in the pipeline.
        started: Seconds on the clock of whoever feeds the lines.
        ended: The same, ``None`` while it runs.
        state: How far it has come.
        message: The last thing it said to the person.
    """

    name: str
    started: float
    ended: float | None = None
    state: State = State.RUNNING
    message: str = ""

    def seconds(self, now: float) -> float:
        """Seconds from its start to its end, or to ``now`` while it runs."""
        return (now if self.ended is None else self.ended) - self.started


@dataclass
class Progress:
    """The steps of a run in the order in which they began."""

    steps: list[Step] = field(default_factory=list)
    _speaking: Step | None = None

    @property
    def running(self) -> list[Step]:
        """The steps that have begun and not ended: more than one only on a parallel engine."""
        return [step for step in self.steps if step.ended is None]

    def begin(self, name: str, now: float) -> Step:
        """Add a step that starts now."""
        step = Step(name, started=now)
        self.steps.append(step)
        self._speaking = step
        return step

    def finish(self, state: State, now: float) -> list[Step]:
        """End whatever still runs with ``state``, and return those steps."""
        ending = self.running
        for step in ending:
            step.ended, step.state = now, state
        return ending

    def feed(self, line: str, now: float) -> list[Step]:
        """Take in one line of output.

        Returns:
            The steps that the line changed; none when it says nothing about them.
        """
        line = line.rstrip()
        if line.startswith(MESSAGE_PREFIX):
            return self._say(line[len(MESSAGE_PREFIX) :])
        if match := _STATE.search(line):
            return self._move(match["name"], match["what"], now)
        if _CACHED.search(line):
            return self._mark(State.CACHED)
        for pattern, state in _ABOUT_A_NODE:
            if (match := pattern.search(line)) and self._bring_forward(match["name"]):
                return self._mark(state) if state is not None else []
        return []

    def _bring_forward(self, name: str) -> bool:
        # On a parallel engine the launcher's next words are about the step it named last.
        step = next((step for step in self.running if step.name == name), None)
        if step is None:
            return False
        self._speaking = step
        return True

    def _current(self) -> list[Step]:
        running = self.running
        if any(step is self._speaking for step in running):
            return [step for step in running if step is self._speaking]
        return running[-1:]

    def _say(self, message: str) -> list[Step]:
        for step in self._current():
            step.message = message
        return self._current()

    def _mark(self, state: State) -> list[Step]:
        for step in self._current():
            step.state = state
        return self._current()

    def _move(self, name: str, what: str, now: float) -> list[Step]:
        if what == "running":
            started = [step for step in self.running if step.name == START]
            for step in started:
                step.ended, step.state = now, State.DONE
            return [*started, self.begin(name, now)]
        ended = [step for step in self.running if step.name == name][:1]
        for step in ended:
            step.ended = now
            if step.state is State.RUNNING:
                step.state = State.DONE
        return ended


def last_error(lines: Iterable[str]) -> list[str]:
    """The text of the last exception in a log, without its traceback.

    Args:
        lines: The log, line by line.

    Returns:
        ``ValueError: …`` and the lines of its message that follow, at most twelve; empty when the
        log holds no traceback, as when the process was killed.
    """
    found: list[str] = []
    state = "outside"
    ignored = False
    for raw in lines:
        line = raw.rstrip()
        if line.endswith(_TRACEBACK):
            state = "outside" if ignored else "frames"
            ignored = False
            continue
        ignored = line.startswith("Exception ignored in")
        if state == "frames" and line and not line[0].isspace():
            found, state = [], "message"
        if state == "message":
            if _AFTER_EXCEPTION.match(line):
                state = "outside"
            else:
                found.append(line)
    return _shorten(found)


def _shorten(found: list[str]) -> list[str]:
    text = [_WHILE_RUNNING.sub("", line) for line in found if line.strip()]
    # TensorFlow repeats the Python stack inside its message; the log has it.
    text = [line for line in text if not re.match(r"\s*File \"", line)]
    if text:
        text[0] = _MODULE.sub("", text[0])
    if len(text) > _ERROR_LINES:
        half = _ERROR_LINES // 2
        text = [
            *text[:half],
            f"… {len(text) - _ERROR_LINES + 1} lines more in the log …",
            *text[1 - half :],
        ]
    return text
