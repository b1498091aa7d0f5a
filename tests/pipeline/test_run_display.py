import io

import pytest
from rich.console import Console

from pipeline.run_display import LiveDisplay, PlainDisplay, duration, make_display
from pipeline.run_progress import Progress, State


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
    progress = Progress()
    display = PlainDisplay(Console(file=screen), clock=lambda: now[0])
    lines = ["Component Trainer is running."]
    lines += [f"faceauth-progress: epoch {epoch}/8" for epoch in range(1, 9)]
    lines += ["A cached execution 1 is used.", "Component Trainer is finished."]
    for line in lines:
        for step in progress.feed(line, now[0]):
            display.update(step)
        now[0] += 2.0
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
    progress = Progress()
    lines = ["Component A is running.", "Component A is finished.", "Component B is running."]
    for second, line in enumerate([*lines, "faceauth-progress: epoch 1/2"]):
        progress.feed(line, float(second))
    screen = io.StringIO()
    console = Console(file=screen, width=70)
    display = LiveDisplay(console, progress, clock=lambda: 7.0)
    console.print(display)
    rows = [row.split() for row in screen.getvalue().splitlines()]
    assert rows[0] == ["✓", "A", "1.0", "s"]
    # The first field is the spinner's frame.
    assert rows[1][1:] == ["B", "5.0", "s", "epoch", "1/2"]

    progress.finish(State.FAILED, 9.0)
    screen.seek(0)
    screen.truncate()
    console.print(display)
    row = screen.getvalue().splitlines()[1]
    assert " ".join(row.split()) == "✗ B failed after 7.0 s epoch 1/2"


def test_output_to_a_file_is_plain() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    assert isinstance(make_display(console, Progress()), PlainDisplay)
