import io

import pytest
from rich.console import Console

from pipeline.launcher.display import LiveDisplay, PlainDisplay, duration, make_display
from pipeline.launcher.steps import State, Step


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (8.26, "8.3 s"),
        (59.96, "1 min 00 s"),
        (125.4, "2 min 05 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plain_display_prints_a_message_every_five_seconds_at_most() -> None:
    now = [0.0]
    screen = io.StringIO()
    display = PlainDisplay(Console(file=screen), clock=lambda: now[0])
    step = Step("Trainer", began=0.0)
    display.update(step)
    for epoch in range(1, 9):
        now[0] += 2.0
        step.message = f"epoch {epoch}/8"
        display.update(step)
    step.ended, step.state = 18.0, State.CACHED
    display.update(step)
    # Epoch 1 at second 2, the next at least five seconds later: epoch 4 at 8, epoch 7 at 14. The
    # last words are never lost.
    assert screen.getvalue().splitlines() == [
        "  Trainer ...",
        "    epoch 1/8",
        "    epoch 4/8",
        "    epoch 7/8",
        "    epoch 8/8",
        "  Trainer: cached",
    ]


def test_live_display_draws_a_row_for_each_step() -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=70)
    display = LiveDisplay(console, clock=lambda: 7.0)
    first = Step("A", 0.0)
    second = Step("B", 2.0)
    for step in (first, first, second):
        display.update(step)
    first.ended, first.state = 1.0, State.DONE
    second.message = "epoch 1/2"
    console.print(display)
    rows = [row.split() for row in screen.getvalue().splitlines()]
    assert rows[0] == ["✓", "A", "1.0", "s"]
    # The first field is the spinner's frame.
    assert rows[1][1:] == ["B", "5.0", "s", "epoch", "1/2"]

    second.ended, second.state = 9.0, State.FAILED
    screen.seek(0)
    screen.truncate()
    console.print(display)
    row = screen.getvalue().splitlines()[1]
    assert " ".join(row.split()) == "✗ B failed after 7.0 s epoch 1/2"


def test_output_to_a_file_is_plain() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    assert isinstance(make_display(console), PlainDisplay)
