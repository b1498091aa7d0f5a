"""Shows the steps of a run: redrawn in place on a terminal, plain lines in a file or in CI."""

import time
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pipeline.launcher.steps import Clock, State, Step

# Seconds between two messages of one step when they cannot overwrite each other.
_MESSAGE_INTERVAL: Final = 5.0

_MARKS: Final = {
    State.DONE: ("✓", "green"),
    State.CACHED: ("=", "cyan"),
    State.FAILED: ("✗", "red bold"),
    State.STOPPED: ("!", "yellow"),
}


def duration(seconds: float) -> str:
    """``8.3 s``, ``2 min 05 s`` or ``1 h 02 min``."""
    if seconds < 59.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def outcome(step: Step, now: float) -> str:
    """How a step stands, in words: its time, and ``cached`` or ``failed`` where that is so."""
    took = duration(step.seconds(now))
    return {
        State.RUNNING: took,
        State.DONE: took,
        State.CACHED: "cached",
    }.get(step.state, f"{step.state.value} after {took}")


class PlainDisplay:
    """A line when a step begins, a line when it ends, and now and then what it says."""

    def __init__(self, console: Console, clock: Clock = time.time) -> None:
        self._console = console
        self._clock = clock
        self._begun: set[int] = set()
        self._said: tuple[int, str, float] = (0, "", float("-inf"))

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def update(self, step: Step) -> None:
        """Print what is new about the step."""
        now = self._clock()
        of, message, at = self._said
        news = bool(step.message) and (of, message) != (id(step), step.message)
        if step.ended is not None:
            if news:
                self._say(step, now)
            self._print(f"  {step.name}: {outcome(step, now)}")
        elif id(step) not in self._begun:
            self._begun.add(id(step))
            self._print(f"  {step.name} ...")
        elif news and (of != id(step) or now - at >= _MESSAGE_INTERVAL):
            self._say(step, now)

    def _say(self, step: Step, now: float) -> None:
        self._said = (id(step), step.message, now)
        self._print(f"    {step.message}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._console.file.flush()


class LiveDisplay:
    """A table that is redrawn in place and stays on the screen at the end."""

    def __init__(self, console: Console, clock: Clock = time.time) -> None:
        self._clock = clock
        self._steps: list[Step] = []
        self._spinner = Spinner("dots")
        self._live = Live(self, console=console, refresh_per_second=4, transient=False)

    def __enter__(self) -> "LiveDisplay":
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def update(self, step: Step) -> None:
        """Adds the step when it is new; what else is new, the next refresh shows."""
        if not any(step is known for known in self._steps):
            self._steps.append(step)

    def __rich__(self) -> Table:
        now = self._clock()
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=3, justify="right")
        grid.add_column(min_width=24, no_wrap=True)
        grid.add_column(justify="right", min_width=11, no_wrap=True)
        grid.add_column(style="dim", no_wrap=True, overflow="ellipsis")
        for step in list(self._steps):
            mark, style = _MARKS.get(step.state, ("", ""))
            grid.add_row(
                self._spinner if step.ended is None else Text(mark, style=style),
                Text(step.name),
                Text(outcome(step, now), style=style if step.state is not State.DONE else ""),
                Text(step.message),
            )
        return grid


def make_display(console: Console) -> LiveDisplay | PlainDisplay:
    """The display that fits where the output goes."""
    if console.file.isatty() and console.is_terminal and not console.is_dumb_terminal:
        return LiveDisplay(console)
    return PlainDisplay(console)
